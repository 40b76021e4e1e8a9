//! Integers and floating point numbers, from decimal text.

use std::ops::RangeInclusive;

use tokio_postgres::types::Type;

/// Parses an integer, however it is written: `7`, `7.0`, `1e3` and `-0` are integers, `7.5` is not.
pub(crate) fn integer(text: &str) -> Option<i64> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let (is_negative, whole) = match whole.strip_prefix('-') {
        Some(whole) => (true, whole),
        None => (false, whole.strip_prefix('+').unwrap_or(whole)),
    };
    let digits = [whole, fraction].concat();
    if whole.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let exponent = exponent.parse::<i32>().ok()?;
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some(0);
    }
    let zeros = i64::from(exponent) - fraction.len() as i64 + (digits.len() - significant.len()) as i64;
    let factor = 10_i128.checked_pow(u32::try_from(zeros).ok()?)?;
    let number = significant.parse::<i128>().ok()?.checked_mul(factor)?;
    i64::try_from(if is_negative { -number } else { number }).ok()
}

/// The range of an integer type.
pub(crate) fn range(ty: &Type) -> RangeInclusive<i64> {
    match *ty {
        Type::INT2 => i16::MIN.into()..=i16::MAX.into(),
        Type::INT4 => i32::MIN.into()..=i32::MAX.into(),
        Type::OID => 0..=u32::MAX.into(),
        _ => i64::MIN..=i64::MAX,
    }
}

/// The nearest `float4` of a number, `NaN` or an infinity; `None` for a number that is too large or too small for the type.
pub(crate) fn single(text: &str) -> Option<f32> {
    let number: f32 = text.parse().ok()?;
    is_near(text, number.is_infinite(), number == 0.0).then_some(number)
}

/// The nearest `float8` of a number, `NaN` or an infinity; `None` for a number that is too large or too small for the type.
pub(crate) fn double(text: &str) -> Option<f64> {
    let number: f64 = text.parse().ok()?;
    is_near(text, number.is_infinite(), number == 0.0).then_some(number)
}

/// Whether a number that became infinite or zero was that before.
fn is_near(text: &str, is_infinite: bool, is_zero: bool) -> bool {
    if !is_infinite && !is_zero {
        return true;
    }
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let has_digits = mantissa.contains(|digit: char| digit.is_ascii_digit());
    !(is_infinite && has_digits || is_zero && mantissa.contains(|digit| matches!(digit, '1'..='9')))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn integers_are_written_in_many_ways() {
        for (text, number) in [
            ("7", 7),
            ("7.0", 7),
            ("1e3", 1000),
            ("1.5E+1", 15),
            ("-0", 0),
            ("-0.0e9", 0),
            ("02", 2),
            ("1000e-3", 1),
            ("0e999", 0),
            ("-9223372036854775808.0", i64::MIN),
            ("922337203685477580700e-2", i64::MAX),
        ] {
            assert_eq!(integer(text), Some(number), "{text}");
        }
        for text in [
            "7.5",
            "1e-1",
            "9223372036854775808",
            "1e19",
            "1e99999999999",
            "",
            "-",
            "e1",
            ".",
            "1e",
            "0x7",
            "1_0",
            " 1",
            "NaN",
            "1.2.3",
            "true",
        ] {
            assert_eq!(integer(text), None, "{text}");
        }
    }

    #[test]
    fn floats_beyond_the_range_are_none() {
        assert_eq!([single("1e39"), single("1e-50")], [None, None]);
        assert_eq!([double("1e309"), double("1e-400")], [None, None]);
        for (text, number) in [("0.0e-999", 0.0), ("-Infinity", f32::NEG_INFINITY), ("1e38", 1e38), ("0.1", 0.1)] {
            assert_eq!(single(text), Some(number), "{text}");
        }
        assert!(double("NaN").is_some_and(f64::is_nan));
    }

    proptest! {
        #[test]
        fn an_integer_moves_its_point(number in any::<i64>(), places in 0_usize..18) {
            let (sign, digits) = if number < 0 { ("-", number.unsigned_abs()) } else { ("", number.unsigned_abs()) };
            let digits = format!("{digits:0>width$}", width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            prop_assert_eq!(integer(&format!("{sign}{whole}.{fraction}e{places}")), Some(number));
        }
    }
}
