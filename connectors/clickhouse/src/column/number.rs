//! Decimal numbers of any length, without loss of a digit, and ranges of integer types.

/// More digits than any column holds.
const MOST_DIGITS: i64 = 80;
/// Most digits of a decimal of 128 bits.
const DIGITS: usize = 38;

/// A decimal number: `digits` times ten to the power of `exponent`.
#[derive(Debug, PartialEq)]
pub(crate) struct Number {
    is_negative: bool,
    /// The digits without leading and trailing zeros; empty for 0.
    digits: String,
    exponent: i64,
}

impl Number {
    /// Parses a number such as `-12.50e3`, also with leading zeros or a plus sign.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (text, is_negative) = match text.strip_prefix('-') {
            Some(text) => (text, true),
            None => (text.strip_prefix('+').unwrap_or(text), false),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            // A larger exponent is out of any column's range.
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?.into()),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        let behind = i64::try_from(fraction.len()).ok()? - i64::try_from(all.len() - kept.len()).ok()?;
        let digits = kept.trim_start_matches('0').to_owned();
        let exponent = if digits.is_empty() { 0 } else { exponent - behind };
        Some(Self { is_negative: is_negative && !digits.is_empty(), digits, exponent })
    }

    /// The number of digits before the decimal point; below 1 for a number less than 0.1.
    fn whole_digits(&self) -> i64 {
        self.exponent + i64::try_from(self.digits.len()).unwrap_or(MOST_DIGITS)
    }

    /// Whether the number has at most this many digits before and after the decimal point.
    pub(crate) fn fits(&self, before: i64, behind: i64) -> bool {
        self.whole_digits() <= before && -self.exponent <= behind
    }

    /// The number times ten to the power of `power`.
    pub(crate) fn shifted(mut self, power: i64) -> Self {
        if !self.digits.is_empty() {
            self.exponent += power;
        }
        self
    }

    /// The number rounded down to an integer; `None` beyond 18 digits.
    pub(crate) fn floor(&self) -> Option<i64> {
        if self.whole_digits() > 18 {
            return None;
        }
        let text = self.plain();
        let (whole, has_fraction) = text.split_once('.').map_or((&*text, false), |(whole, _)| (whole, true));
        let whole: i64 = whole.parse().ok()?;
        Some(whole - i64::from(self.is_negative && has_fraction))
    }

    /// The number rounded down to an integer, and what it is above it in billionths.
    pub(crate) fn split(&self) -> Option<(i64, u32)> {
        const BILLION: u32 = 1_000_000_000;
        let text = self.plain();
        let (_, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let above: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
        Some((self.floor()?, if self.is_negative && above > 0 { BILLION - above } else { above }))
    }

    /// The number without an exponent, for one within a column's range.
    pub(crate) fn plain(&self) -> String {
        let sign = if self.is_negative { "-" } else { "" };
        let zeros = |count: i64| "0".repeat(usize::try_from(count.min(MOST_DIGITS)).unwrap_or_default());
        let (digits, whole) = (&self.digits, self.whole_digits());
        match usize::try_from(whole).ok().filter(|whole| *whole > 0) {
            _ if digits.is_empty() => "0".to_owned(),
            Some(whole) if whole >= digits.len() => format!("{sign}{digits}{}", zeros(self.exponent)),
            Some(whole) => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
            None => format!("{sign}0.{}{digits}", zeros(-whole)),
        }
    }
}

/// The range of an integer type, as digits, which are compared as text, since some types have 256 bits.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Range {
    /// The largest magnitude below zero; `0` for an unsigned type.
    lowest: String,
    highest: String,
}

impl Range {
    /// The range of a type such as `Int64`.
    pub(crate) fn of(bits: u32, is_signed: bool) -> Option<Self> {
        const WIDEST: [&str; 3] = [
            "57896044618658097711785492504343953926634992332820282019728792003956564819967",
            "57896044618658097711785492504343953926634992332820282019728792003956564819968",
            "115792089237316195423570985008687907853269984665640564039457584007913129639935",
        ];
        let (lowest, highest) = match (bits, is_signed) {
            (8..=128, false) => (0_u128, u128::MAX >> (128 - bits)),
            (8..=128, true) => (1 << (bits - 1), (1 << (bits - 1)) - 1),
            (256, true) => return Some(Self { lowest: WIDEST[1].to_owned(), highest: WIDEST[0].to_owned() }),
            (256, false) => return Some(Self { lowest: "0".to_owned(), highest: WIDEST[2].to_owned() }),
            _ => return None,
        };
        Some(Self { lowest: lowest.to_string(), highest: highest.to_string() })
    }

    /// The bits of the type, and whether it is signed.
    pub(crate) fn bits(&self) -> Option<(u32, bool)> {
        let types = [8, 16, 32, 64, 128, 256].into_iter().flat_map(|bits| [(bits, true), (bits, false)]);
        types.into_iter().find(|(bits, is_signed)| Self::of(*bits, *is_signed).as_ref() == Some(self))
    }

    /// Whether an integer, without zeros before it, is in the range.
    pub(crate) fn has(&self, integer: &str) -> bool {
        let (digits, limit) = match integer.strip_prefix('-') {
            Some(digits) => (digits, &self.lowest),
            None => (integer, &self.highest),
        };
        digits.len() < limit.len() || digits.len() == limit.len() && digits <= limit.as_str()
    }
}

/// A number without an exponent, times ten to the power of `scale`; `None` beyond 38 digits.
pub(crate) fn decimal(json: &str, scale: usize) -> Option<i128> {
    let digits = json.strip_prefix('-').unwrap_or(json);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let missing = scale.checked_sub(fraction.len()).filter(|_| whole.len() + scale <= DIGITS)?;
    let mut number = 0_i128;
    for digit in whole.bytes().chain(fraction.bytes()) {
        number = number * 10 + i128::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    let number = (0..missing).fold(number, |number, _| number * 10);
    Some(if digits.len() < json.len() { -number } else { number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_digit() {
        for (text, plain) in [
            ("0", "0"),
            ("-0.0", "0"),
            ("007", "7"),
            ("+7.50", "7.5"),
            ("1e3", "1000"),
            ("1.5e-3", "0.0015"),
            ("-120.0e-1", "-12"),
            ("0.00000000000000000001e20", "1"),
            ("0e999999", "0"),
            ("12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"),
        ] {
            assert_eq!(Number::read(text).unwrap().plain(), plain, "{text}");
        }
        for wrong in ["", "-", "1.", ".5", "1e", "1e99999999999", "0x10", " 1", "1 ", "nan", "--1", "1.2.3"] {
            assert_eq!(Number::read(wrong), None, "{wrong}");
        }
        let floor = |text: &str| Number::read(text).unwrap().floor();
        assert_eq!(
            [floor("1.9"), floor("-1.5"), floor("-2"), floor("0.9"), floor("-0.1")],
            [1, -2, -2, 0, -1].map(Some)
        );
        assert_eq!(floor("1e18"), None);
        let split = |text: &str| Number::read(text).unwrap().split();
        assert_eq!(
            [split("1.84"), split("-1.25"), split("7")],
            [(1, 840_000_000), (-2, 750_000_000), (7, 0)].map(Some)
        );
        let fits = |text: &str| Number::read(text).unwrap().fits(7, 2);
        assert!(fits("1234567.89") && fits("1.100") && fits("100e-2") && fits("0e99"));
        assert!(!fits("12345678") && !fits("1.005") && !fits("1e7") && !fits("1e-3"));
        assert_eq!(Number::read("1517966773840").unwrap().shifted(-3).plain(), "1517966773.84");
    }

    #[test]
    fn ranges_are_those_of_their_types() {
        for (bits, is_signed, lowest, highest) in [
            (8, false, "0", "255"),
            (8, true, "-128", "127"),
            (64, false, "0", "18446744073709551615"),
            (64, true, "-9223372036854775808", "9223372036854775807"),
            (128, true, "-170141183460469231731687303715884105728", "170141183460469231731687303715884105727"),
        ] {
            let range = Range::of(bits, is_signed).unwrap();
            assert!(range.has(lowest) && range.has(highest) && range.has("0"), "{bits}");
        }
        assert!(!Range::of(8, false).unwrap().has("256") && !Range::of(8, false).unwrap().has("-1"));
        assert!(!Range::of(8, true).unwrap().has("-129") && !Range::of(8, true).unwrap().has("128"));
        let widest = Range::of(256, false).unwrap();
        assert!(widest.has("115792089237316195423570985008687907853269984665640564039457584007913129639935"));
        assert!(!widest.has("115792089237316195423570985008687907853269984665640564039457584007913129639936"));
        assert_eq!(Range::of(12_000, true), None);
    }

    #[test]
    fn decimals_are_exact_or_not_read() {
        let read =
            ["1", "-1.5", "0.25", "-0.0", "12345678901234567890123456789012345.678"].map(|json| decimal(json, 3));
        assert_eq!(read, [1_000, -1_500, 250, 0, 12_345_678_901_234_567_890_123_456_789_012_345_678].map(Some));
        for wrong in ["1.2345", "\"1\"", "1e3", "123456789012345678901234567890123456.789"] {
            assert_eq!(decimal(wrong, 3), None, "{wrong}");
        }
    }
}
