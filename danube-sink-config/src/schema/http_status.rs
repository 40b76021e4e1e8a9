//! Statuses of HTTP answers, as a file names them.

/// The first and the last of the HTTP statuses that a string names: `409`, `4xx` or `500-504`. `None` if it names none from 200
/// to 599, which are those that an answer can end with.
pub const fn http_statuses(text: &str) -> Option<(u16, u16)> {
    match *text.as_bytes() {
        [class @ b'2'..=b'5', b'x' | b'X', b'x' | b'X'] => {
            let first = (class - b'0') as u16 * 100;
            Some((first, first + 99))
        }
        [a, b, c] => range(status(a, b, c), status(a, b, c)),
        [a, b, c, b'-', d, e, f] => range(status(a, b, c), status(d, e, f)),
        _ => None,
    }
}

const fn status(class: u8, tens: u8, ones: u8) -> Option<u16> {
    match (class, tens, ones) {
        (b'2'..=b'5', b'0'..=b'9', b'0'..=b'9') => {
            Some((class - b'0') as u16 * 100 + (tens - b'0') as u16 * 10 + (ones - b'0') as u16)
        }
        _ => None,
    }
}

const fn range(first: Option<u16>, last: Option<u16>) -> Option<(u16, u16)> {
    match (first, last) {
        (Some(first), Some(last)) if first <= last => Some((first, last)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_a_class_and_a_range_are_statuses() {
        for (text, statuses) in [
            ("409", (409, 409)),
            ("4xx", (400, 499)),
            ("5XX", (500, 599)),
            ("200-204", (200, 204)),
            ("599-599", (599, 599)),
        ] {
            assert_eq!(http_statuses(text), Some(statuses), "{text}");
        }
        for text in
            ["", "99", "100", "1xx", "600", "6xx", "4x", "40x", "504-500", "400-", "-400", "4xx-5xx", "+40", "４00"]
        {
            assert_eq!(http_statuses(text), None, "{text}");
        }
    }
}
