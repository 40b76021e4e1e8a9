//! Formats of strings, validated in constants: topics, JSON pointers, record fields, log levels, HTTP statuses.

use super::{any, suggest};

/// What precedes the name of an attribute, with a colon between.
pub const ATTRIBUTE: &str = "attribute";

pub(crate) const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

/// Whether it is a topic, as `/namespace/name`.
pub const fn is_topic(text: &str) -> bool {
    let [b'/', bytes @ ..] = text.as_bytes() else { return false };
    let (mut index, mut slashes, mut length) = (0, 0, 0);
    while index < bytes.len() {
        match bytes[index] {
            b'/' if length > 0 => (slashes, length) = (slashes + 1, 0),
            b'_' | b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => length += 1,
            _ => return false,
        }
        index += 1;
    }
    slashes == 1 && length > 0
}

/// Whether it is a JSON pointer (RFC 6901).
pub(super) const fn is_pointer(text: &str) -> bool {
    let mut rest = text.as_bytes();
    if !matches!(rest, [] | [b'/', ..]) {
        return false;
    }
    while let [first, behind @ ..] = rest {
        if *first == b'~' && !matches!(behind, [b'0' | b'1', ..]) {
            return false;
        }
        rest = behind;
    }
    true
}

/// The message for a string that is not a record field.
pub const NOT_A_FIELD: &str = "not a record field";

/// Whether it is a record field: a pointer, an attribute with its name, or a word for metadata.
pub(super) const fn is_field(text: &str, metadata: &[&str]) -> bool {
    let (name, value) = text.split_at(find(text, b':'));
    is_pointer(text) || suggest::is_same(name, ATTRIBUTE) && value.len() > 1 || is_word(text, metadata)
}

pub(super) const fn is_word(text: &str, words: &[&str]) -> bool {
    any!(word in words => suggest::same_word(text, word))
}

/// Whether it is a log level, or several with commas between, each with or without a target before it. A target alone would count as a level.
pub(super) const fn is_log_level(text: &str) -> bool {
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_at(find(rest, b','));
        let part = part.trim_ascii();
        let equals = find(part, b'=');
        let level = if equals == part.len() { part } else { part.split_at(equals + 1).1 };
        if !any!(known in &LEVELS => level.eq_ignore_ascii_case(known)) {
            return false;
        }
        if behind.is_empty() {
            return true;
        }
        rest = behind.split_at(1).1;
    }
}

/// The position of a byte; the length of the text without it.
pub(super) const fn find(text: &str, byte: u8) -> usize {
    let bytes = text.as_bytes();
    let mut index = 0;
    while index < bytes.len() && bytes[index] != byte {
        index += 1;
    }
    index
}

/// The first and the last of the HTTP statuses that a string names: `409`, `4xx` or `500-504`. `None` if it names none from 200
/// to 599, which are those that an answer can end with.
pub const fn http_statuses(text: &str) -> Option<(u16, u16)> {
    match *text.as_bytes() {
        [class @ b'2'..=b'5', b'x' | b'X', b'x' | b'X'] => {
            let first = (class - b'0') as u16 * 100;
            Some((first, first + 99))
        }
        [a, b, c] => statuses(status(a, b, c), status(a, b, c)),
        [a, b, c, b'-', d, e, f] => statuses(status(a, b, c), status(d, e, f)),
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

const fn statuses(first: Option<u16>, last: Option<u16>) -> Option<(u16, u16)> {
    match (first, last) {
        (Some(first), Some(last)) if first <= last => Some((first, last)),
        _ => None,
    }
}

/// Whether a name is the topic or one of its partitions.
pub fn is_topic_or_partition(topic: &str, name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
    name.strip_prefix(topic).is_some_and(|rest| rest.is_empty() || rest.strip_prefix("-part-").is_some_and(is_number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_log_levels() {
        for (topic, good) in
            [("/a/b-1_c", true), ("/a", false), ("a/b", false), ("/a/b/c", false), ("//b", false), ("/a/", false)]
        {
            assert_eq!(is_topic(topic), good, "{topic}");
        }
        for (level, good) in
            [("info", true), ("INFO,danube_sink=debug,h2=off", true), ("loud", false), ("info,", false), ("a=b", false)]
        {
            assert_eq!(is_log_level(&level.replace(',', " , ")), good, "{level}");
            assert_eq!(is_log_level(level), good, "{level}");
        }
    }

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

    #[test]
    fn a_topic_with_a_longer_name_is_no_partition() {
        assert!(is_topic_or_partition("/default/e", "/default/e"));
        assert!(is_topic_or_partition("/default/e", "/default/e-part-12"));
        assert!(!is_topic_or_partition("/default/e", "/default/e1"));
        assert!(!is_topic_or_partition("/default/e", "/default/e-part-"));
        assert!(!is_topic_or_partition("/default/e", "/default/e-part-1-part-0"));
        assert!(!is_topic_or_partition("/default/e", "/default/e-partial"));
    }
}
