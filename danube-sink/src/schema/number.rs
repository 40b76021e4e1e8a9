//! Number payloads: text as the Rust connectors send it, or 4 or 8 raw bytes as the broker's validator expects.

use serde_json::Number;

use super::{NumberEncoding, Problem};

pub(crate) fn decode(payload: &[u8], encoding: NumberEncoding) -> Result<Number, Problem> {
    match encoding {
        NumberEncoding::Auto => match text(payload)? {
            Some(number) => Ok(number),
            None if is_ambiguous(payload) => Err(Problem::new(
                "ambiguous: it may be raw bytes, or text that is no number; set `number_encoding` in the topic mapping",
            )),
            None => raw(payload, NumberEncoding::IntBe),
        },
        NumberEncoding::Text => text(payload)?.ok_or_else(|| Problem::new("not a number as text")),
        raw_bytes => raw(payload, raw_bytes),
    }
}

/// The number, or `None` if it is none as text.
fn text(payload: &[u8]) -> Result<Option<Number>, Problem> {
    let Ok(text) = std::str::from_utf8(payload).map(str::trim) else { return Ok(None) };
    let number: Option<Number> = text.parse().ok();
    let is_integer = !text.contains(['.', 'e', 'E']);
    match &number {
        // serde_json rounds it; -0 is exact.
        Some(rounded) if is_integer && rounded.as_f64() != Some(0.0) && rounded.is_f64() => {
            Err(Problem::new("an integer of more than 64 bits"))
        }
        _ => Ok(number),
    }
}

/// Whether raw bytes may be text: words such as `null`, or numbers as people write them.
fn is_ambiguous(payload: &[u8]) -> bool {
    matches!(payload.len(), 4 | 8) && payload.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

fn raw(payload: &[u8], encoding: NumberEncoding) -> Result<Number, Problem> {
    let little = matches!(encoding, NumberEncoding::IntLe | NumberEncoding::FloatLe);
    let float = matches!(encoding, NumberEncoding::FloatBe | NumberEncoding::FloatLe);
    let bits = |mut bytes: Vec<u8>| {
        if little {
            bytes.reverse();
        }
        bytes.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte))
    };
    let bits = match payload.len() {
        4 | 8 => bits(payload.to_vec()),
        length => return Err(Problem::new(format!("neither a number as text nor 4 or 8 bytes, but {length} bytes"))),
    };
    match (payload.len(), float) {
        (4, false) => Ok(Number::from(bits as u32 as i32)),
        (_, false) => Ok(Number::from(bits as i64)),
        (4, true) => finite(f64::from(f32::from_bits(bits as u32))),
        (_, true) => finite(f64::from_bits(bits)),
    }
}

fn finite(number: f64) -> Result<Number, Problem> {
    Number::from_f64(number).ok_or_else(|| Problem::new("a number that is not finite"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_text_or_raw_bytes() {
        let auto = |payload: &[u8]| decode(payload, NumberEncoding::Auto);
        assert_eq!(auto(b"18446744073709551615"), Ok(u64::MAX.into()));
        assert_eq!(auto(b"0.1"), Ok(Number::from_f64(0.1).unwrap()));
        assert_eq!(auto(&(-5i64).to_be_bytes()), Ok((-5).into()));
        assert!(auto(b"abc").is_err());
        assert!(auto(b"").is_err());
    }

    #[test]
    fn text_that_is_no_number_is_not_read_as_bytes() {
        for text in ["null", "0042", "1,50", "+1.5", "-inf", "infinity", "        "] {
            let error = decode(text.as_bytes(), NumberEncoding::Auto).unwrap_err().to_string();
            assert!(error.contains("number_encoding"), "{text}: {error}");
            assert!(decode(text.as_bytes(), NumberEncoding::IntBe).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_integer_beyond_64_bits_is_not_rounded() {
        for encoding in [NumberEncoding::Auto, NumberEncoding::Text] {
            for text in ["18446744073709551616", "-9223372036854775809"] {
                let error = decode(text.as_bytes(), encoding).unwrap_err().to_string();
                assert!(error.contains("64 bits"), "{text}: {error}");
            }
            assert_eq!(decode(b"1e20", encoding), Ok(Number::from_f64(1e20).unwrap()));
            assert_eq!(decode(b"-0", encoding).unwrap().as_f64(), Some(0.0));
        }
    }

    #[test]
    fn the_setting_resolves_ambiguous_bytes() {
        assert_eq!(decode(b"1234", NumberEncoding::Auto), Ok(1234.into()));
        assert_eq!(decode(b"1234", NumberEncoding::IntBe), Ok(0x3132_3334.into()));
        assert_eq!(decode(&i64::MIN.to_le_bytes(), NumberEncoding::IntLe), Ok(i64::MIN.into()));
        assert_eq!(decode(&2.5f32.to_le_bytes(), NumberEncoding::FloatLe), Ok(Number::from_f64(2.5).unwrap()));
        assert_eq!(decode(&0.1f64.to_be_bytes(), NumberEncoding::FloatBe), Ok(Number::from_f64(0.1).unwrap()));
        assert!(decode(&f64::NAN.to_be_bytes(), NumberEncoding::FloatBe).is_err());
        assert!(decode(&[0; 4], NumberEncoding::Text).is_err());
    }
}
