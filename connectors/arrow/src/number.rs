//! Decimal numbers of any length, without loss of a digit.

use super::violation::{OUT_OF_RANGE, Violation};

/// The most zeros that an exponent adds: more than the largest type holds, and a bound for hostile records.
const MOST_DIGITS: i64 = 400;

/// A decimal number: its digits, without leading and trailing zeros, times a power of ten.
pub(super) struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Parses a number such as `-12.50e3`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(mantissa) => (true, mantissa),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let written = [whole, fraction].concat();
        if written.is_empty() || !written.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = written.trim_end_matches('0');
        let behind_point = i64::try_from(fraction.len()).ok()?;
        let zeros = i64::try_from(written.len() - digits.len()).ok()?;
        let exponent: i64 = exponent.parse().ok()?;
        let exponent = exponent.checked_sub(behind_point)?.checked_add(zeros)?;
        let digits = digits.trim_start_matches('0').to_owned();
        Some(Self { is_negative, exponent: if digits.is_empty() { 0 } else { exponent }, digits })
    }

    /// The number without an exponent, if `scale` digits after the decimal point and `precision` digits in all hold it exactly.
    pub(super) fn fixed(&self, precision: u8, scale: i8) -> Result<String, Violation> {
        let shift = self.exponent.saturating_add(scale.into());
        if shift < 0 {
            return Err(Violation::new("has more decimal places than the column, which would be rounded away"));
        }
        if self.length().saturating_add(shift) > precision.into() {
            return Err(Violation::new(OUT_OF_RANGE));
        }
        Ok(self.plain())
    }

    /// The number times `10^digits`, rounded down to an integer, so that no time becomes a later one.
    pub(super) fn floor(&self, digits: u32) -> Option<i128> {
        let shift = self.exponent.checked_add(digits.into())?;
        let length = self.length();
        if length.saturating_add(shift) > 38 {
            return None;
        }
        let kept = usize::try_from((length + shift.min(0)).max(0)).ok()?;
        let whole: i128 = if kept == 0 { 0 } else { self.digits[..kept].parse().ok()? };
        let whole = whole.checked_mul(10_i128.checked_pow(u32::try_from(shift.max(0)).ok()?)?)?;
        let is_cut = kept < self.digits.len();
        Some(if self.is_negative { -whole - i128::from(is_cut) } else { whole })
    }

    /// The number, if it is an integer.
    pub(super) fn integer(&self) -> Option<i128> {
        (self.exponent >= 0).then(|| self.floor(0))?
    }

    fn length(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX)
    }

    fn plain(&self) -> String {
        let sign = if self.is_negative && !self.digits.is_empty() { "-" } else { "" };
        let zeros = |count: i64| "0".repeat(usize::try_from(count.clamp(0, MOST_DIGITS)).unwrap_or_default());
        if self.exponent >= 0 {
            let digits = if self.digits.is_empty() { "0" } else { &self.digits };
            return format!("{sign}{digits}{}", zeros(self.exponent));
        }
        let digits = format!("{}{}", zeros(1 - self.exponent - self.length()), self.digits);
        let point = digits.len() - usize::try_from(-self.exponent).unwrap_or_default().min(digits.len());
        format!("{sign}{}.{}", &digits[..point], &digits[point..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_kept_or_the_number_is_rejected() {
        let fixed = |text: &str| Decimal::read(text).and_then(|number| number.fixed(5, 2).ok());
        for (text, is) in [
            ("1.5", "1.5"),
            ("-0.05", "-0.05"),
            ("1.500", "1.5"),
            ("1e2", "100"),
            ("12e-2", "0.12"),
            ("-0", "0"),
            ("0e99999999", "0"),
            ("999.99", "999.99"),
            ("+7", "7"),
            ("007.10", "7.1"),
            (".5", "0.5"),
            ("5.", "5"),
        ] {
            assert_eq!(fixed(text).as_deref(), Some(is), "{text}");
        }
        for text in
            ["0.005", "1000", "1e3", "1e999999999", "1e-999999999", "", ".", "-", "e5", "1e", "0x1", "1,5", " 1"]
        {
            assert_eq!(fixed(text), None, "{text}");
        }
    }

    #[test]
    fn units_are_counted_downwards() {
        let floor = |text: &str, digits| Decimal::read(text).and_then(|number| number.floor(digits));
        assert_eq!(floor("1.5", 0), Some(1));
        assert_eq!(floor("-1.5", 0), Some(-2));
        assert_eq!(floor("-0.0001", 3), Some(-1));
        assert_eq!(floor("1517966773.84", 9), Some(1_517_966_773_840_000_000));
        assert_eq!(floor("1e30", 9), None);
        assert_eq!(Decimal::read("7.0").and_then(|number| number.integer()), Some(7));
        assert_eq!(Decimal::read("7.00000000000000000000000000000000000000000000001").and_then(|n| n.integer()), None);
    }
}
