//! Formats of strings, validated in constants: topics, JSON pointers, record fields, log levels.

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
            assert_eq!(is_log_level(level), good, "{level}");
        }
    }
}
