//! Numbers with a unit: durations and sizes. The notation is that of the crates `humantime` and `bytesize`, read in constants.

use std::time::Duration;

use super::{each, suggest};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// A duration: `"250ms"`, `"1.5s"`, `"1h30m"`, `"7d"`; also with spaces, and units as words such as `minutes`.
pub const fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.as_bytes();
    let mut total: u128 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let Some((number, behind)) = number(rest) else { return None };
        let (unit, behind) = unit(behind);
        let Some(nanos) = value_of(unit, &DURATION_UNITS) else { return None };
        let Some(nanos) = number.times(nanos) else { return None };
        total = match total.checked_add(nanos) {
            Some(total) => total,
            None => return None,
        };
        rest = behind;
    }
    if total > Duration::MAX.as_nanos() { None } else { Some(Duration::from_nanos_u128(total)) }
}

/// A size in bytes: `"512B"`, `"64KiB"`, `"5MiB"`, `"1.5GiB"`; `kB`, `MB` and `GB` count in thousands.
pub const fn byte_size(text: &str) -> Option<u64> {
    let Some((number, behind)) = number(text.as_bytes()) else { return None };
    let (unit, behind) = unit(behind);
    let Some(bytes) = value_of(unit, &SIZE_UNITS) else { return None };
    match number.times(bytes) {
        Some(bytes) if behind.is_empty() && bytes <= u64::MAX as u128 => Some(bytes as u64),
        _ => None,
    }
}

/// The units of a duration, in nanoseconds.
pub const DURATION_UNITS: [(&str, u128); 29] = {
    const SECOND: u128 = NANOS_PER_SECOND;
    const HOUR: u128 = 60 * 60 * SECOND;
    [
        ("ns", 1),
        ("nsec", 1),
        ("us", 1_000),
        ("usec", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("msec", 1_000_000),
        ("millis", 1_000_000),
        ("s", SECOND),
        ("sec", SECOND),
        ("secs", SECOND),
        ("second", SECOND),
        ("seconds", SECOND),
        ("m", 60 * SECOND),
        ("min", 60 * SECOND),
        ("mins", 60 * SECOND),
        ("minute", 60 * SECOND),
        ("minutes", 60 * SECOND),
        ("h", HOUR),
        ("hr", HOUR),
        ("hrs", HOUR),
        ("hour", HOUR),
        ("hours", HOUR),
        ("d", 24 * HOUR),
        ("day", 24 * HOUR),
        ("days", 24 * HOUR),
        ("w", 7 * 24 * HOUR),
        ("week", 7 * 24 * HOUR),
        ("weeks", 7 * 24 * HOUR),
    ]
};

/// The units of a size, in bytes.
pub const SIZE_UNITS: [(&str, u128); 28] = [
    ("B", 1),
    ("b", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("kb", 1_000),
    ("k", 1_000),
    ("K", 1_000),
    ("MB", 1_000_000),
    ("mb", 1_000_000),
    ("M", 1_000_000),
    ("GB", 1_000_000_000),
    ("gb", 1_000_000_000),
    ("G", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("tb", 1_000_000_000_000),
    ("T", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("kib", 1 << 10),
    ("Ki", 1 << 10),
    ("MiB", 1 << 20),
    ("mib", 1 << 20),
    ("Mi", 1 << 20),
    ("GiB", 1 << 30),
    ("gib", 1 << 30),
    ("Gi", 1 << 30),
    ("TiB", 1 << 40),
    ("tib", 1 << 40),
    ("Ti", 1 << 40),
];

/// The value of a unit.
const fn value_of(unit: &[u8], units: &[(&str, u128)]) -> Option<u128> {
    each!((name, value) in units => {
        if suggest::same_bytes(name.as_bytes(), unit) {
            return Some(*value);
        }
    });
    None
}

/// `digits / divisor`.
struct Number {
    digits: u128,
    divisor: u128,
}

impl Number {
    /// The product, without a fraction of its own; `None` beyond 128 bits.
    const fn times(&self, unit: u128) -> Option<u128> {
        match self.digits.checked_mul(unit) {
            Some(product) => Some(product / self.divisor),
            None => None,
        }
    }
}

/// As many digits as 128 bits have room for, whatever they are.
const MAX_DIGITS: usize = 30;

/// The number at the beginning, and the rest.
const fn number(text: &[u8]) -> Option<(Number, &[u8])> {
    let mut number = Number { digits: 0, divisor: 1 };
    // Behind the point, each digit makes the divisor larger.
    let (mut rest, mut count, mut scale) = (text, 0, 1);
    loop {
        match rest {
            [b'0'..=b'9', ..] if count == MAX_DIGITS => return None,
            [digit @ b'0'..=b'9', behind @ ..] => {
                number.digits = number.digits * 10 + (*digit - b'0') as u128;
                number.divisor *= scale;
                (rest, count) = (behind, count + 1);
            }
            [b'.', behind @ ..] if matches!(behind, [b'0'..=b'9', ..]) && count > 0 && scale == 1 => {
                (rest, scale) = (behind, 10);
            }
            _ => break,
        }
    }
    if count == 0 { None } else { Some((number, rest)) }
}

/// The unit at the beginning, with or without spaces around it, and the rest.
const fn unit(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_start();
    let mut length = 0;
    while length < text.len() && !matches!(text[length], b'0'..=b'9' | b' ' | b'.') {
        length += 1;
    }
    let (unit, rest) = text.split_at(length);
    (unit, rest.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_numbers_with_units() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("5 min", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1h 30m", 5_400_000_000_000),
            ("1.5s", 1_500_000_000),
            ("500us", 500_000),
            ("2 weeks", 1_209_600_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(Duration::from_nanos(nanos)), "{text}");
        }
        for wrong in [
            "",
            " ",
            "s",
            "10",
            "1.s",
            ".5s",
            "1.5.5s",
            "10 parsecs",
            "99999999999999999999999s",
            "9999999999999999999999w",
            "-1s",
            "1s2",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_size_has_a_number_with_a_unit() {
        for (text, bytes) in
            [("5MiB", 5 << 20), ("1 kB", 1_000), ("1.5KiB", 1_536), ("2TB", 2_000_000_000_000), ("0B", 0)]
        {
            assert_eq!(byte_size(text), Some(bytes), "{text}");
        }
        for wrong in ["", "5", "MiB", "5MiB3", "99999999999999TiB", "5 parsecs"] {
            assert_eq!(byte_size(wrong), None, "{wrong}");
        }
    }
}
