//! Validates a value against a type, in constants too; and says in words what a type allows.

use std::time::Duration;

use super::{
    ConstStr, ValueRef, ValueType, duration, each,
    format::{NOT_A_FIELD, is_field, is_log_level, is_pointer, is_topic, is_word},
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

const TOKEN: &str =
    "remove it; a broker takes a token, from the variable DANUBE_TOKEN or the file that DANUBE_TOKEN_FILE names";
pub(crate) const NOT_AN_ADDRESS: &str = "not an IP address";

impl ValueType {
    /// The values that the type allows, in words such as `an integer from 1 to 10`. Help and templates go by it.
    pub const fn description(&self) -> ConstStr {
        let text = match self {
            Self::Bool => "`true` or `false`",
            Self::Integer { min, max } => {
                return ConstStr::new("an integer from ").with_number(*min).with(" to ").with_number(*max);
            }
            Self::Float { range, .. } => return ranged("a number", range),
            Self::String { .. } => "a string",
            Self::Enum { words, .. } => return ConstStr::new("one of ").with_list(words, "or"),
            Self::Path => "the path of a file or folder",
            Self::Pointer => {
                "a path into the payload, which begins with `/`, such as `/user/id`; `~1` is a `/` in a name, `~0` a `~`"
            }
            Self::Field { metadata } => {
                let text = ConstStr::new(
                    "a path into the payload, which begins with `/`, such as `/user/id`, or `attribute:NAME`, or one of ",
                );
                return text.with_list(metadata, "or");
            }
            Self::Url => "a complete URL, such as `https://example.com/path`",
            Self::ServiceUrl => "the URL of a broker, such as `http://localhost:6650`",
            Self::HttpUrl { example } => {
                return ConstStr::new("an `http` or `https` URL such as `").with(example).with("`");
            }
            Self::MetricsUrl => "an `http` URL such as `http://broker:9040/metrics`",
            Self::IpAddress => "an IP address without a port, such as `127.0.0.1`, `0.0.0.0` or `::`",
            Self::HttpStatuses => {
                "an HTTP status from 200 to 599 such as `409`, or several such as `\"4xx\"` or `\"500-504\"`"
            }
            Self::LogLevel => {
                "a log level: `error`, `warn`, `info`, `debug`, `trace` or `off`; or levels by target as in `info,danube_sink=debug`"
            }
            Self::Topic => "a topic, as `/namespace/name`, with letters, digits, `_` and `-`",
            Self::Duration { range, .. } => {
                return ranged("a duration such as `\"250ms\"`, `\"10s\"` or `\"1h30m\"`", range);
            }
            Self::ByteSize { range, .. } => return ranged("a size such as `\"64KiB\"` or `\"5MiB\"`", range),
            Self::Secret => "a secret",
            Self::Array { of, .. } => return with_items("an array", of),
            Self::Map { of, .. } => return with_items("a table", of),
            Self::ArrayOrTable { items, table } => {
                let array = with_items("an array", items).with(". Or ");
                return match table {
                    Self::Table(_) => array.with("a table with such keys"),
                    table => array.with(table.description().as_str()),
                };
            }
            Self::OneOf(choices) => return alternatives(choices),
            Self::Table(_) => "a table",
            Self::Any => "a value",
        };
        ConstStr::new(text)
    }

    /// What to write instead of a value that is not allowed.
    pub const fn help(&self) -> ConstStr {
        ConstStr::new("write ").with(self.description().as_str())
    }

    /// The violation of a value; none if the type allows it. Values in an array or table are validated one by one.
    pub const fn violation(&self, value: &ValueRef<'_>) -> Option<Violation> {
        if let Some(violation) = self.violation_of_kind(value) {
            return Some(violation);
        }
        match (self, value) {
            (Self::Integer { min, max }, ValueRef::Integer(number)) if *number < *min || *number > *max => {
                self.violated("the number is out of range")
            }
            (Self::Float { min, max, .. }, _) if !is_float_within(value, *min, *max) => {
                self.violated("the number is out of range")
            }
            (Self::Array { min, max, .. }, ValueRef::Array(count)) if *count < *min || *count > *max => {
                violation("the array is too long or too short", counted("an array", *min, *max, " value"))
            }
            (Self::Map { min, max, .. }, ValueRef::Table(count)) if *count < *min || *count > *max => {
                violation("the table has too many or too few keys", counted("a table", *min, *max, " key"))
            }
            (Self::OneOf(choices), _) if !value.is_among(choices) => self.violated("not one of the allowed values"),
            (Self::ByteSize { min, max, .. }, _) => match value.as_byte_size() {
                None => self.violated("invalid size"),
                Some(size) if size < *min || size > *max => self.violated("the size is out of range"),
                Some(_) => None,
            },
            (Self::HttpStatuses, ValueRef::Integer(200..=599)) => None,
            (Self::HttpStatuses, ValueRef::String(text)) if http_statuses(text).is_some() => None,
            (Self::HttpStatuses, _) => self.violated("invalid HTTP status"),
            (Self::Secret, _) => violation(
                "a secret must not be in the file",
                ConstStr::new("remove it; `template` prints the variable that holds it"),
            ),
            (_, ValueRef::String(text)) => self.violation_of_string(text),
            _ => None,
        }
    }

    const fn violation_of_string(&self, text: &str) -> Option<Violation> {
        match self {
            Self::String { min, max } => match characters(text) {
                length if length >= *min && length <= *max => None,
                0 => violation("the string is empty", counted("a string", *min, *max, " character")),
                _ => violation("the string is too long or too short", counted("a string", *min, *max, " character")),
            },
            Self::Enum { what, words } if !is_word(text, words) => {
                let help = match suggest::closest(text, words) {
                    Some(word) => {
                        let suggestion = ConstStr::new("did you mean `").with(word).with("`? It is ");
                        suggestion.with(self.description().as_str())
                    }
                    None => self.help(),
                };
                Some(Violation { message: ConstStr::new("unknown ").with(what), help })
            }
            Self::Duration { min, max, .. } => match duration(text) {
                None => self.violated("invalid duration"),
                Some(duration) if is_within(duration, *min, *max) => None,
                Some(_) => self.violated("the duration is out of range"),
            },
            Self::Path if text.is_empty() => self.violated("the path is empty"),
            Self::LogLevel if !is_log_level(text) => self.violated("invalid log level"),
            Self::Topic if !is_topic(text) => self.violated("invalid topic"),
            Self::Field { metadata } if !matches!(text.as_bytes(), [b'/', ..]) => {
                if is_field(text, metadata) {
                    None
                } else {
                    self.violated(NOT_A_FIELD)
                }
            }
            Self::Field { .. } | Self::Pointer if !is_pointer(text) => Self::Pointer.violated("not a JSON pointer"),
            Self::Url | Self::ServiceUrl | Self::HttpUrl { .. } | Self::MetricsUrl => self.violation_of_url(text),
            Self::IpAddress if !url::may_be_ip(text) => self.violated(NOT_AN_ADDRESS),
            _ => None,
        }
    }

    /// Logs and reports show the URLs of brokers, and their clients send no login.
    const fn violation_of_url(&self, text: &str) -> Option<Violation> {
        if let Some(flaw) = url::flaw(text) {
            return self.violated(flaw);
        }
        let (is_http, not_http, takes_query) = match self {
            Self::ServiceUrl => (url::is_http(text), "the URL of a broker begins with `http` or `https`", false),
            Self::HttpUrl { .. } => (url::is_http(text), "not an `http` or `https` URL", false),
            Self::MetricsUrl => {
                (url::is_http_without_tls(text), "not an `http` URL: a broker serves metrics without TLS", true)
            }
            _ => return None,
        };
        if !is_http {
            self.violated(not_http)
        } else if url::has_login(text) {
            violation("a broker's URL has no user and no password", ConstStr::new(TOKEN))
        } else if !takes_query && url::has_query(text) {
            violation("a broker's URL has no `?` and no `#`", ConstStr::new(TOKEN))
        } else {
            None
        }
    }

    const fn violated(&self, message: &str) -> Option<Violation> {
        violation(message, self.help())
    }

    /// The violation of a value of another kind, such as a string where an integer is expected.
    const fn violation_of_kind(&self, value: &ValueRef<'_>) -> Option<Violation> {
        let (is_taken, kind, form) = match self {
            Self::Any | Self::OneOf(_) | Self::Secret => return None,
            Self::Bool => (matches!(value, ValueRef::Bool(_)), "a boolean", ""),
            Self::Integer { .. } => (matches!(value, ValueRef::Integer(_)), "an integer", ""),
            Self::Float { .. } => (matches!(value, ValueRef::Float(_) | ValueRef::Integer(_)), "a number", ""),
            Self::Array { .. } => (matches!(value, ValueRef::Array(_)), "an array", "in brackets: `[…, …]`"),
            Self::Map { .. } | Self::Table(_) => {
                (matches!(value, ValueRef::Table(_)), "a table", "in braces: `{ key = value }`")
            }
            Self::ArrayOrTable { .. } => {
                let is_taken = matches!(value, ValueRef::Array(_) | ValueRef::Table(_));
                (is_taken, "an array or a table", "in brackets, or in braces: `{ key = value }`")
            }
            Self::Duration { .. } => (matches!(value, ValueRef::String(_)), "a duration", ""),
            Self::ByteSize { .. } => {
                (matches!(value, ValueRef::String(_) | ValueRef::Integer(_)), "a size in bytes", "")
            }
            Self::HttpStatuses => (matches!(value, ValueRef::String(_) | ValueRef::Integer(_)), "an HTTP status", ""),
            // The other types are strings in TOML.
            _ => (matches!(value, ValueRef::String(_)), "a string", "in double quotes"),
        };
        let help = match value {
            _ if is_taken => return None,
            _ if !form.is_empty() => ConstStr::new("write it ").with(form),
            ValueRef::String(_) => self.help().with(", without quotes"),
            _ => self.help(),
        };
        Some(value.unexpected(kind, help.as_str()))
    }
}

const fn violation(message: &str, help: ConstStr) -> Option<Violation> {
    Some(Violation { message: ConstStr::new(message), help })
}

/// The allowed values as a list.
const fn alternatives(choices: &[ValueRef<'_>]) -> ConstStr {
    let mut text = ConstStr::new("one of ");
    let mut index = 0;
    each!(choice in choices => {
        text = choice.append_to(text.with_separator(index, choices.len(), "or"));
        index += 1;
    });
    text
}

const fn ranged(what: &str, range: &str) -> ConstStr {
    let text = ConstStr::new(what);
    if range.is_empty() { text } else { text.with(", ").with(range) }
}

/// The help for a wrong length.
const fn counted(what: &str, min: usize, max: usize, unit: &str) -> ConstStr {
    let text = ConstStr::new("write ").with(what).with(" of ");
    let (text, last) = match (min, max) {
        (min, usize::MAX) => (text.with("at least ").with_number(min as i128), min),
        (0, max) => (text.with("at most ").with_number(max as i128), max),
        (min, max) => (text.with_number(min as i128).with(" to ").with_number(max as i128), max),
    };
    text.with(unit).with(if last == 1 { "" } else { "s" })
}

const fn with_items(what: &str, of: &ValueType) -> ConstStr {
    let text = ConstStr::new(what);
    match of {
        ValueType::Any => text,
        of => text.with("; each value: ").with(of.description().as_str()),
    }
}

const fn is_within(duration: Duration, min: Duration, max: Duration) -> bool {
    duration.as_nanos() >= min.as_nanos() && duration.as_nanos() <= max.as_nanos()
}

/// Without limits, `inf` and `nan` are allowed too.
const fn is_float_within(value: &ValueRef<'_>, min: f64, max: f64) -> bool {
    let number = match value {
        ValueRef::Float(number) => *number,
        ValueRef::Integer(number) => *number as f64,
        _ => return false,
    };
    min == f64::NEG_INFINITY && max == f64::INFINITY || number >= min && number <= max
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
        assert_eq!(violation_of(text, ValueRef::String("äöüß")).unwrap().1, "write a string of 1 to 3 characters");
        assert_eq!(violation_of(text, ValueRef::String("")).unwrap().0, "the string is empty");
        let float = ValueType::Float { min: 0.0, max: 1.0, range: "from 0.0 to 1.0" };
        assert!(
            violation_of(float, ValueRef::Integer(1)).is_none()
                && violation_of(ValueType::FLOAT, ValueRef::Float(f64::MAX)).is_none()
        );
        assert_eq!(violation_of(float, ValueRef::Float(1.5)).unwrap().1, "write a number, from 0.0 to 1.0");
        let second = Duration::from_secs(1);
        let time = ValueType::Duration { min: second, max: 5 * second, range: "from 1s to 5s" };
        assert!(violation_of(time, ValueRef::String("5s")).is_none());
        assert!(violation_of(time, ValueRef::String("500ms")).unwrap().1.ends_with(", from 1s to 5s"));
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
        assert_eq!(violation_of(word, ValueRef::String("truncate")).unwrap().1, "write one of `append` or `upsert`");
    }
}
