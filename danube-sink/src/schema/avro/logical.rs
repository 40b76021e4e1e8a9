//! Avro logical types as text: decimals with every digit, UUIDs and durations.

use num_bigint::BigInt;
use serde::de::Visitor;

use crate::schema::{Problem, requested::Requested};

/// Maximum number of bytes of a decimal and of digits of its scale: the conversion to digits takes quadratic time.
pub(super) const MAX_DECIMAL: usize = 1_024;

/// Checks a decimal's size.
///
/// # Errors
/// It is more than [`MAX_DECIMAL`].
pub(super) fn check_decimal(unscaled: &[u8], scale: i64) -> Result<(), Problem> {
    if unscaled.len() > MAX_DECIMAL || scale.unsigned_abs() > MAX_DECIMAL as u64 {
        return Err(Problem::new(format!("a decimal of more than {MAX_DECIMAL} bytes or digits after the point")));
    }
    Ok(())
}

/// Deserializes a decimal: as the nearest number if one is requested, otherwise as text with every digit.
pub(super) fn deserialize_decimal<'de, V: Visitor<'de>>(
    unscaled: &[u8],
    scale: i64,
    requested: Requested,
    visitor: V,
) -> Result<V::Value, Problem> {
    check_decimal(unscaled, scale)?;
    if requested == Requested::Ignored {
        return visitor.visit_unit();
    }
    let digits = decimal(unscaled, scale);
    if requested != Requested::Number {
        return visitor.visit_string(digits);
    }
    match digits.parse::<i64>() {
        Ok(whole) => visitor.visit_i64(whole),
        Err(_) => visitor.visit_f64(digits.parse().unwrap_or(f64::NAN)),
    }
}

/// Formats a decimal: big-endian two's complement with a point before the last `scale` digits.
pub(super) fn decimal(unscaled: &[u8], scale: i64) -> String {
    let number = match unscaled.len() {
        0..=16 => {
            let sign = if unscaled.first().is_some_and(|first| first & 0x80 != 0) { -1i128 } else { 0 };
            unscaled.iter().fold(sign, |number, byte| number << 8 | i128::from(*byte)).to_string()
        }
        _ => BigInt::from_signed_bytes_be(unscaled).to_string(),
    };
    let (sign, digits) = number.strip_prefix('-').map_or(("", number.as_str()), |digits| ("-", digits));
    match usize::try_from(scale) {
        Ok(0) => number,
        Ok(scale) => {
            let digits = format!("{digits:0>width$}", width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        Err(_) => format!("{number}{}", "0".repeat(scale.unsigned_abs() as usize)),
    }
}

/// Whether a decimal has at most so many digits.
pub(super) fn has_precision(unscaled: &[u8], precision: usize) -> bool {
    decimal(unscaled, 0).trim_start_matches('-').len() <= precision
}

/// Parses a decimal into its unscaled number; `None` if it is invalid, has more than `scale` digits after the
/// point, or could not be read back.
pub(super) fn unscaled(text: &str, scale: usize) -> Option<BigInt> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_valid = is_number(whole) && is_number(fraction) && (fraction.len() <= scale || !digits.contains('.'));
    is_valid.then(|| unscaled_number(text, scale))?
}

/// As [`unscaled`], of a number in JSON, which may have an exponent, and zeros beyond the scale.
pub(super) fn unscaled_number(number: &str, scale: usize) -> Option<BigInt> {
    if number.len().max(scale) > MAX_DECIMAL {
        return None;
    }
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = format!("{whole}{fraction}");
    let digits = all_digits.trim_end_matches('0');
    if digits.trim_start_matches(['-', '0']).is_empty() {
        return Some(BigInt::ZERO);
    }
    // How many digits follow the last one that is not zero.
    let behind = (all_digits.len() - digits.len() + scale) as i64 - fraction.len() as i64;
    let zeros = usize::try_from(exponent.parse::<i64>().ok()?.checked_add(behind)?).ok()?;
    (zeros <= MAX_DECIMAL).then(|| format!("{digits}{}", "0".repeat(zeros)).parse().ok())?
}

/// Formats a UUID: `a3bb189e-8bf9-3888-9912-ace4e6543002`.
pub(super) fn uuid(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Formats a duration as ISO 8601: `P1M2DT3.004S`.
pub(super) fn duration(bytes: [u8; 12]) -> String {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
    let (months, days) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
    let millis = u32::from_le_bytes([i, j, k, l]);
    format!("P{months}M{days}DT{}.{:03}S", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        assert_eq!(decimal(&12345i32.to_be_bytes(), 2), "123.45");
        assert_eq!(decimal(&(-5i64).to_be_bytes(), 3), "-0.005");
        assert_eq!(decimal(&[], 2), "0.00");
        assert_eq!(decimal(&[0x80], 0), "-128");
        assert_eq!(decimal(&[7], -2), "700");
        let long = "-123456789012345678901234567890123456789012345.6789";
        let unscaled = unscaled(long, 4).unwrap();
        assert_eq!(decimal(&unscaled.to_signed_bytes_be(), 4), long);
        assert_eq!(super::unscaled("1.234", 2), None);
        assert_eq!(super::unscaled("1e5", 2), None);
        assert_eq!(super::unscaled("1.", 2), None);
        assert_eq!(super::unscaled("1.5", 70_000), None);
        assert_eq!(super::unscaled_number("1e9223372036854775807", 2), None);
        assert_eq!(super::unscaled_number(&format!("{}.5", "9".repeat(MAX_DECIMAL)), 2), None);
    }
}
