//! Numbers with a unit: times and sizes.

use std::time::Duration;

/// A whole number and a unit of time: `"250ms"`, `"10s"`, `"5m"`, `"1h"`, `"7d"`.
pub const fn duration(text: &str) -> Option<Duration> {
    let Some((number, unit)) = split(text) else { return None };
    let seconds = match unit {
        b"ms" => return Some(Duration::from_millis(number)),
        b"s" => 1,
        b"m" | b"min" => 60,
        b"h" => 60 * 60,
        b"d" => 24 * 60 * 60,
        _ => return None,
    };
    match number.checked_mul(seconds) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => None,
    }
}

/// A whole number and a unit of bytes: `"512B"`, `"64KiB"`, `"5MiB"`, `"1GiB"`; `kB`, `MB` and `GB` count in thousands.
pub const fn byte_size(text: &str) -> Option<u64> {
    let Some((number, unit)) = split(text) else { return None };
    let bytes: u64 = match unit {
        b"B" => 1,
        b"kB" | b"KB" => 1_000,
        b"MB" => 1_000_000,
        b"GB" => 1_000_000_000,
        b"KiB" => 1 << 10,
        b"MiB" => 1 << 20,
        b"GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

/// The number, and the unit behind it with or without spaces between.
const fn split(text: &str) -> Option<(u64, &[u8])> {
    let mut rest = text.as_bytes();
    let mut number: u64 = 0;
    let mut digits = 0;
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        number = match number.checked_mul(10) {
            Some(tens) => match tens.checked_add((*digit - b'0') as u64) {
                Some(number) => number,
                None => return None,
            },
            None => return None,
        };
        digits += 1;
        rest = behind;
    }
    if digits == 0 { None } else { Some((number, rest.trim_ascii())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("5 min"), Some(Duration::from_secs(300)));
        assert_eq!(byte_size("5MiB"), Some(5 << 20));
        assert_eq!(byte_size("1 kB"), Some(1_000));
        for wrong in ["", "s", "10", "1.5s", "10 parsecs", "99999999999999999999s", "9999999999999999d", "-1s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        assert_eq!(byte_size("99999999999GiB"), None);
    }
}
