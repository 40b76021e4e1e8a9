//! Validates a value against a type, in constants too.

use std::time::Duration;

use super::{
    ConstStr, ValueRef, ValueType, duration, each,
    format::{NOT_A_FIELD, field_help, is_field, is_log_level, is_pointer, is_topic, is_word},
    http_statuses, suggest, url,
};

/// The reason why a value is not allowed, and the help. Neither text repeats the value: it may be a secret in the wrong
/// place.
#[derive(Debug, Clone, Copy)]
pub struct Violation {
    /// The reason.
    pub message: ConstStr,
    /// What to write instead.
    pub help: ConstStr,
}

const DURATION: &str = "write a duration such as `\"10s\"`: numbers with `ms`, `s`, `m`, `h` or `d`";
const SIZE: &str = "write a size such as `\"5MiB\"`: a number with `B`, `KiB`, `MiB` or `GiB`";
const TOPIC: &str = "write `/namespace/name`, with letters, digits, `_` and `-`";
const LEVEL: &str =
    "write `error`, `warn`, `info`, `debug`, `trace` or `off`, or levels by target as in `info,danube_sink=debug`";
/// The help for a string that is not a JSON pointer.
pub const POINTER: &str =
    "a path into the payload begins with `/`, such as `/id` or `/user/id`; `~1` is a `/` in a name, `~0` a `~`";
const BROKER: &str = "write a URL such as `http://localhost:6650`";
const TOKEN: &str =
    "remove it; a broker takes a token, from the variable DANUBE_TOKEN or the file that DANUBE_TOKEN_FILE names";
pub(crate) const NOT_AN_ADDRESS: &str = "not an IP address";
pub(crate) const ADDRESS: &str = "write an address without a port, such as `127.0.0.1`, `0.0.0.0` or `::`";
const STATUS: &str = "write a status from 200 to 599 such as `409`, or several: `\"4xx\"`, `\"500-504\"`";
/// The help for a string that is not a URL.
pub(crate) const URL: &str = "write a complete URL, such as `https://example.com/path`";

const fn violation(message: &str, help: ConstStr) -> Option<Violation> {
    Some(Violation { message: ConstStr::new(message), help })
}

impl ValueType {
    /// The violation of a value; none if the type allows it. Values in an array or table are validated one by one.
    pub const fn violation(&self, value: &ValueRef<'_>) -> Option<Violation> {
        match self {
            Self::Any => None,
            Self::Bool => match value {
                ValueRef::Bool(_) => None,
                _ => Some(value.unexpected("a boolean", "write `true` or `false`, without quotes")),
            },
            Self::Integer { min, max } => match value {
                ValueRef::Integer(number) if *number >= *min && *number <= *max => None,
                ValueRef::Integer(_) => violation("the number is out of range", integers(*min, *max)),
                ValueRef::String(_) => Some(value.unexpected("an integer", "write it without quotes")),
                _ => Some(value.unexpected("an integer", "write digits only")),
            },
            Self::Float { min, max, range } => {
                let number = match value {
                    ValueRef::Float(number) => *number,
                    ValueRef::Integer(number) => *number as f64,
                    ValueRef::String(_) => return Some(value.unexpected("a number", "write it without quotes")),
                    _ => return Some(value.unexpected("a number", "write a number such as `0.5`")),
                };
                if is_any_float(*min, *max) || number >= *min && number <= *max {
                    None
                } else {
                    out_of_range("number", range)
                }
            }
            Self::Array { min, max, .. } => match value {
                ValueRef::Array(count) if *count >= *min && *count <= *max => None,
                ValueRef::Array(_) => violation("the array is too long or too short", counted(*min, *max, " value")),
                _ => Some(value.unexpected("an array", "write it in brackets: `[…, …]`")),
            },
            Self::Map { min, max, .. } => match value {
                ValueRef::Table(count) if *count >= *min && *count <= *max => None,
                ValueRef::Table(_) => violation("the table has too many or too few keys", counted(*min, *max, " key")),
                _ => Some(value.unexpected("a table", "write it in braces: `{ key = value }`")),
            },
            Self::ArrayOrTable { .. } => match value {
                ValueRef::Array(_) | ValueRef::Table(_) => None,
                _ => Some(
                    value.unexpected("an array or a table", "write it in brackets, or in braces: `{ key = value }`"),
                ),
            },
            Self::OneOf(choices) if value.is_among(choices) => None,
            Self::OneOf(choices) => {
                violation("not one of the allowed values", alternatives(ConstStr::new("write "), choices))
            }
            Self::Table(_) => match value {
                ValueRef::Table(_) => None,
                _ => Some(value.unexpected("a table", "write it in braces: `{ key = value }`")),
            },
            Self::Duration { min, max, range } => {
                let ValueRef::String(text) = value else { return Some(value.unexpected("a duration", DURATION)) };
                match duration(text) {
                    None => violation("invalid duration", ConstStr::new(DURATION)),
                    Some(duration) if is_within(duration, *min, *max) => None,
                    Some(_) => out_of_range("duration", range),
                }
            }
            Self::ByteSize { min, max, range } => match (value.as_byte_size(), value) {
                (Some(size), _) if size >= *min && size <= *max => None,
                (Some(_), _) => out_of_range("size", range),
                (None, ValueRef::String(_)) => violation("invalid size", ConstStr::new(SIZE)),
                (None, _) => Some(value.unexpected("a size in bytes", SIZE)),
            },
            Self::HttpStatuses => match value {
                ValueRef::Integer(200..=599) => None,
                ValueRef::String(text) if http_statuses(text).is_some() => None,
                ValueRef::Integer(_) | ValueRef::String(_) => violation("invalid HTTP status", ConstStr::new(STATUS)),
                _ => Some(value.unexpected("an HTTP status", STATUS)),
            },
            Self::Secret => violation(
                "a secret must not be in the file",
                ConstStr::new("remove it; `template` prints the variable that holds it"),
            ),
            // The other types are strings in TOML.
            _ => match value {
                ValueRef::String(text) => self.violation_of_string(text),
                _ => Some(value.unexpected("a string", "write it in double quotes")),
            },
        }
    }

    const fn violation_of_string(&self, text: &str) -> Option<Violation> {
        match self {
            Self::String { min, max } => {
                let length = characters(text);
                if length >= *min && length <= *max {
                    None
                } else if length == 0 {
                    violation("the string is empty", counted(*min, *max, " character"))
                } else {
                    violation("the string is too long or too short", counted(*min, *max, " character"))
                }
            }
            Self::Enum { what, words } => {
                if is_word(text, words) {
                    return None;
                }
                let help = match suggest::closest(text, words) {
                    Some(word) => {
                        ConstStr::new("did you mean `").with(word).with("`? It is one of ").with_list(words, "or")
                    }
                    None => ConstStr::new("write ").with_list(words, "or"),
                };
                Some(Violation { message: ConstStr::new("unknown ").with(what), help })
            }
            Self::Path if text.is_empty() => violation("the path is empty", ConstStr::new("name a file or folder")),
            Self::LogLevel if !is_log_level(text) => violation("invalid log level", ConstStr::new(LEVEL)),
            Self::Topic if !is_topic(text) => violation("invalid topic", ConstStr::new(TOPIC)),
            Self::Field { metadata } if !matches!(text.as_bytes(), [b'/', ..]) => {
                if is_field(text, metadata) {
                    None
                } else {
                    violation(NOT_A_FIELD, field_help(metadata))
                }
            }
            Self::Field { .. } | Self::Pointer if !is_pointer(text) => {
                violation("not a JSON pointer", ConstStr::new(POINTER))
            }
            Self::Url => violation_of_url(text, None, ConstStr::new(URL)),
            Self::ServiceUrl => {
                let not_http = "the URL of a broker begins with `http` or `https`";
                match violation_of_url(text, Some(not_http), ConstStr::new(BROKER)) {
                    None => violation_of_login(text, false),
                    violation => violation,
                }
            }
            Self::HttpUrl { example, query } => {
                let help = ConstStr::new("write a URL such as `").with(example).with("`");
                match violation_of_url(text, Some("not an `http` or `https` URL"), help) {
                    None => violation_of_login(text, *query),
                    violation => violation,
                }
            }
            Self::IpAddress if !url::may_be_ip(text) => violation(NOT_AN_ADDRESS, ConstStr::new(ADDRESS)),
            _ => None,
        }
    }
}

/// `not_http` is the reason why a URL of another scheme is not allowed.
const fn violation_of_url(text: &str, not_http: Option<&str>, help: ConstStr) -> Option<Violation> {
    match (url::flaw(text), not_http) {
        (Some(flaw), _) => violation(flaw, help),
        (None, Some(reason)) if !url::is_http(text) => violation(reason, help),
        _ => None,
    }
}

/// Logs and reports show the URLs of brokers, and their clients send no login.
const fn violation_of_login(text: &str, takes_query: bool) -> Option<Violation> {
    if url::has_login(text) {
        violation("a broker's URL has no user and no password", ConstStr::new(TOKEN))
    } else if !takes_query && url::has_query(text) {
        violation("a broker's URL has no `?` and no `#`", ConstStr::new(TOKEN))
    } else {
        None
    }
}

/// Appends the allowed values to a text.
pub(crate) const fn alternatives(mut text: ConstStr, choices: &[ValueRef<'_>]) -> ConstStr {
    let mut index = 0;
    each!(choice in choices => {
        text = choice.append_to(text.with_separator(index, choices.len(), "or"));
        index += 1;
    });
    text
}

const fn integers(min: i128, max: i128) -> ConstStr {
    ConstStr::new("write an integer from ").with_number(min).with(" to ").with_number(max)
}

const fn counted(min: usize, max: usize, what: &str) -> ConstStr {
    let text = ConstStr::new("write ");
    let text = if max == usize::MAX {
        text.with("at least ").with_number(min as i128)
    } else if min == 0 {
        text.with("at most ").with_number(max as i128)
    } else {
        text.with_number(min as i128).with(" to ").with_number(max as i128)
    };
    let last = if max == usize::MAX { min } else { max };
    text.with(what).with(if last == 1 { "" } else { "s" })
}

const fn out_of_range(what: &str, range: &str) -> Option<Violation> {
    let message = ConstStr::new("the ").with(what).with(" is out of range");
    Some(Violation { message, help: ConstStr::new("write one ").with(range) })
}

const fn is_within(duration: Duration, min: Duration, max: Duration) -> bool {
    duration.as_nanos() >= min.as_nanos() && duration.as_nanos() <= max.as_nanos()
}

/// Then `inf` and `nan` are allowed too.
const fn is_any_float(min: f64, max: f64) -> bool {
    min == f64::NEG_INFINITY && max == f64::INFINITY
}

const fn characters(text: &str) -> usize {
    let mut count = 0;
    // Every byte that begins a character.
    each!(byte in text.as_bytes() => { count += (*byte & 0xC0 != 0x80) as usize });
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn violation_of(value_type: ValueType, value: ValueRef<'_>) -> Option<(String, String)> {
        value_type.violation(&value).map(|found| (found.message.to_string(), found.help.to_string()))
    }

    #[test]
    fn the_compiler_finds_a_violation() {
        const VIOLATION: Option<Violation> = ValueType::Integer { min: 1, max: 10 }.violation(&ValueRef::Integer(11));
        assert_eq!(VIOLATION.unwrap().help.as_str(), "write an integer from 1 to 10");
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        let (message, help) = violation_of(ValueType::Bool, ValueRef::String("true")).unwrap();
        assert_eq!(
            (&*message, &*help),
            ("expected a boolean, found a string", "write `true` or `false`, without quotes")
        );
        for value_type in [
            ValueType::STRING,
            ValueType::Path,
            ValueType::Url,
            ValueType::DURATION,
            ValueType::array(&ValueType::Bool),
            ValueType::FLOAT,
        ] {
            assert!(violation_of(value_type, ValueRef::Bool(true)).unwrap().0.ends_with("found a boolean"));
        }
        assert!(violation_of(ValueType::Any, ValueRef::Datetime).is_none());
    }

    #[test]
    fn ranges_and_lengths_hold() {
        let text = ValueType::String { min: 1, max: 3 };
        assert!(violation_of(text, ValueRef::String("äöü")).is_none());
        assert_eq!(violation_of(text, ValueRef::String("äöüß")).unwrap().1, "write 1 to 3 characters");
        assert_eq!(violation_of(text, ValueRef::String("")).unwrap().0, "the string is empty");
        let float = ValueType::Float { min: 0.0, max: 1.0, range: "from 0.0 to 1.0" };
        assert!(
            violation_of(float, ValueRef::Integer(1)).is_none()
                && violation_of(ValueType::FLOAT, ValueRef::Float(f64::MAX)).is_none()
        );
        assert_eq!(violation_of(float, ValueRef::Float(1.5)).unwrap().1, "write one from 0.0 to 1.0");
        let second = Duration::from_secs(1);
        let time = ValueType::Duration { min: second, max: 5 * second, range: "from 1s to 5s" };
        assert!(violation_of(time, ValueRef::String("5s")).is_none());
        assert_eq!(violation_of(time, ValueRef::String("500ms")).unwrap().1, "write one from 1s to 5s");
        assert_eq!(violation_of(ValueType::DURATION, ValueRef::String("soon")).unwrap().0, "invalid duration");
    }

    #[test]
    fn an_enum_has_words_in_any_spelling() {
        let word = ValueType::Enum { what: "mode", words: &["append", "upsert"] };
        assert!(violation_of(word, ValueRef::String("Up-Sert")).is_none());
        assert_eq!(
            violation_of(word, ValueRef::String("upser")).unwrap().1,
            "did you mean `upsert`? It is one of `append` or `upsert`"
        );
        assert_eq!(violation_of(word, ValueRef::String("truncate")).unwrap().1, "write `append` or `upsert`");
    }
}
