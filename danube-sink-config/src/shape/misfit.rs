//! Whether a value fits a shape, and what to write if it does not.

use std::time::Duration;

use super::{Shape, Text, byte_size, duration, http_statuses, suggest, url};
use crate::{metadata::Metadata, setting::Setting};

/// One value, without what is in its list or table.
#[derive(Debug, Clone, Copy)]
pub enum Scalar<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Whole(i128),
    /// A number with a fraction.
    Real(f64),
    /// `true` or `false`.
    Truth(bool),
    /// A date or a time of day.
    Date,
    /// A list of so many values.
    List(usize),
    /// A table of so many keys.
    Table(usize),
}

/// Why a value does not fit. Neither text repeats the value: it may be a secret in the wrong place.
#[derive(Debug, Clone, Copy)]
pub struct Misfit {
    /// What is wrong.
    pub message: Text,
    /// What to write instead.
    pub help: Text,
}

const A_TIME: &str = "write a number and a unit: `\"250ms\"`, `\"10s\"`, `\"5m\"`, `\"1h\"`";
const A_SIZE: &str = "write a number and a unit: `\"512B\"`, `\"64KiB\"`, `\"5MiB\"`, `\"1GiB\"`";
const A_TOPIC: &str = "write `/namespace/name`; each of the two consists of letters, digits, `_` and `-`";
pub(crate) const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
const A_LEVEL: &str =
    "write `error`, `warn`, `info`, `debug`, `trace` or `off`, or levels by target as in `info,danube_sink=debug`";
pub(crate) const A_POINTER: &str =
    "write the way to the value, such as `/user/id`; `~1` is a `/` in a name, `~0` a `~`";
/// What an attribute's name stands behind, with a colon between.
pub(crate) const ATTRIBUTE: &str = "attribute";
pub(crate) const A_FIELD: &str = "write the way to a value in the payload, such as `/user/id`; `attribute:NAME`; or \
                                  `topic`, `partition`, `offset`, `publish_time`, `producer`, `key` or `id`";
const A_BROKER: &str = "write a URL such as `http://localhost:6650`";
pub(crate) const NO_ADDRESS: &str = "not an IP address";
pub(crate) const AN_ADDRESS: &str = "write an address without a port, such as `127.0.0.1`, `0.0.0.0` or `::`";
const A_STATUS: &str = "write a status from 200 to 599 such as `409`, or several: `\"4xx\"`, `\"500-504\"`";
/// The help for what is no URL.
pub(crate) const A_URL: &str = "write it whole, such as `https://example.com/path`";

impl Scalar<'_> {
    /// What sort of value it is.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Whole(_) => "a whole number",
            Self::Real(_) => "a number with a fraction",
            Self::Truth(_) => "a truth value",
            Self::Date => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// Whether both are the same text or the same whole number.
    pub(crate) const fn equals(&self, other: &Scalar<'_>) -> bool {
        match (self, other) {
            (Self::Text(one), Scalar::Text(two)) => suggest::same_text(one, two),
            (Self::Whole(one), Scalar::Whole(two)) => *one == *two,
            _ => false,
        }
    }

    /// The value as TOML has it, behind a text.
    const fn shown(&self, text: Text) -> Text {
        match self {
            Self::Text(word) => text.with("`\"").with(word).with("\"`"),
            Self::Whole(number) => text.with("`").with_number(*number).with("`"),
            _ => text.with(self.kind()),
        }
    }

    /// It is of another sort.
    pub const fn unexpected(&self, expected: &str, help: &str) -> Misfit {
        let message = Text::new("expected ").with(expected).with(", found ").with(self.kind());
        Misfit { message, help: Text::new(help) }
    }
}

const fn wrong(message: &str, help: Text) -> Option<Misfit> {
    Some(Misfit { message: Text::new(message), help })
}

impl Shape {
    /// Why a value does not fit; `None` if it does. What is in a list or table is looked at one by one.
    pub const fn misfit(&self, value: &Scalar<'_>) -> Option<Misfit> {
        match self {
            Self::Any => None,
            Self::Truth => match value {
                Scalar::Truth(_) => None,
                _ => Some(value.unexpected("`true` or `false`", "write `true` or `false`, without quotes")),
            },
            Self::Whole { min, max } => match value {
                Scalar::Whole(number) if *number >= *min && *number <= *max => None,
                Scalar::Whole(_) => wrong("the number is out of range", whole(*min, *max)),
                Scalar::Text(_) => Some(value.unexpected("a whole number", "write it without quotes")),
                _ => Some(value.unexpected("a whole number", "write digits only")),
            },
            Self::Real { min, max, limits } => {
                let number = match value {
                    Scalar::Real(number) => *number,
                    Scalar::Whole(number) => *number as f64,
                    Scalar::Text(_) => return Some(value.unexpected("a number", "write it without quotes")),
                    _ => return Some(value.unexpected("a number", "write a number such as `0.5`")),
                };
                if limits.is_empty() || number >= *min && number <= *max { None } else { beyond("number", limits) }
            }
            Self::List { min, max, .. } => match value {
                Scalar::List(count) if *count >= *min && *count <= *max => None,
                Scalar::List(_) => wrong("the list is too long or too short", counted(*min, *max, " value")),
                _ => Some(value.unexpected("a list", "write it in brackets: `[…, …]`")),
            },
            Self::Map { min, max, .. } => match value {
                Scalar::Table(count) if *count >= *min && *count <= *max => None,
                Scalar::Table(_) => wrong("the table has too many keys or too few", counted(*min, *max, " key")),
                _ => Some(value.unexpected("a table", "write it in braces: `{ key = value }`")),
            },
            Self::OneOf(choices) => self.misfit_of_choice(value, choices),
            Self::Table(_) => match value {
                Scalar::Table(_) => None,
                _ => Some(value.unexpected("a table", "write it in braces: `{ key = value }`")),
            },
            Self::Duration { min, max, limits } => {
                let Scalar::Text(text) = value else { return Some(value.unexpected("a time with its unit", A_TIME)) };
                match duration(text) {
                    None => wrong("not a time", Text::new(A_TIME)),
                    Some(time) if limits.is_empty() || within(time, *min, *max) => None,
                    Some(_) => beyond("time", limits),
                }
            }
            Self::ByteSize { min, max, limits } => {
                let size = match value {
                    Scalar::Text(text) => match byte_size(text) {
                        Some(size) => size,
                        None => return wrong("not a number of bytes", Text::new(A_SIZE)),
                    },
                    Scalar::Whole(number) if *number >= 0 && *number <= u64::MAX as i128 => *number as u64,
                    _ => return Some(value.unexpected("a number of bytes with its unit", A_SIZE)),
                };
                if size >= *min && size <= *max { None } else { beyond("number of bytes", limits) }
            }
            Self::HttpStatuses => match value {
                Scalar::Whole(200..=599) => None,
                Scalar::Whole(_) => wrong("no answer has this HTTP status", Text::new(A_STATUS)),
                Scalar::Text(text) => match http_statuses(text) {
                    Some(_) => None,
                    None => wrong("no answer has such an HTTP status", Text::new(A_STATUS)),
                },
                _ => Some(value.unexpected("an HTTP status", A_STATUS)),
            },
            // What is left is written as a text.
            _ => match value {
                Scalar::Text(text) => self.misfit_of_text(text),
                _ => Some(value.unexpected("a text", "write it in double quotes")),
            },
        }
    }

    const fn misfit_of_choice(&self, value: &Scalar<'_>, choices: &[Scalar<'_>]) -> Option<Misfit> {
        let mut index = 0;
        while index < choices.len() {
            if value.equals(&choices[index]) {
                return None;
            }
            index += 1;
        }
        wrong("not one of the values that there are", alternatives(Text::new("write "), choices))
    }

    const fn misfit_of_text(&self, text: &str) -> Option<Misfit> {
        match self {
            Self::Text { min, max } => {
                let length = characters(text);
                if length >= *min && length <= *max {
                    None
                } else if length == 0 {
                    wrong("the text is empty", counted(*min, *max, " character"))
                } else {
                    wrong("the text is too long or too short", counted(*min, *max, " character"))
                }
            }
            Self::Word { what, words } => {
                let mut index = 0;
                while index < words.len() {
                    if suggest::same_word(text, words[index]) {
                        return None;
                    }
                    index += 1;
                }
                let help = match suggest::closest(text, words) {
                    Some(word) => {
                        Text::new("did you mean `").with(word).with("`? It is one of ").with_words(words, "or")
                    }
                    None => Text::new("write ").with_words(words, "or"),
                };
                Some(Misfit { message: Text::new("unknown ").with(what), help })
            }
            Self::Path if text.is_empty() => wrong("the path is empty", Text::new("name a file or folder")),
            Self::LogLevel if !is_log_level(text) => wrong("not a level of log lines", Text::new(A_LEVEL)),
            Self::Topic if !is_topic(text) => wrong("not the name of a topic", Text::new(A_TOPIC)),
            Self::Field if !matches!(text.as_bytes(), [b'/', ..]) => {
                if is_field(text) {
                    None
                } else {
                    wrong("no field of a record", Text::new(A_FIELD))
                }
            }
            Self::Field | Self::Pointer if !is_pointer(text) => wrong("not a JSON pointer", Text::new(A_POINTER)),
            Self::Url => match url::flaw(text) {
                Some(flaw) => wrong(flaw, Text::new(A_URL)),
                None => None,
            },
            Self::ServiceUrl => match url::flaw(text) {
                Some(flaw) => wrong(flaw, Text::new(A_BROKER)),
                None if url::is_http(text) => None,
                None => wrong("a broker is reached by `http` or `https`", Text::new(A_BROKER)),
            },
            Self::HttpUrl { example } => {
                let help = Text::new("write a URL such as `").with(example).with("`");
                match url::flaw(text) {
                    Some(flaw) => wrong(flaw, help),
                    None if url::is_http(text) => None,
                    None => wrong("not an `http` or `https` URL", help),
                }
            }
            Self::IpAddress if !url::may_be_ip(text) => wrong(NO_ADDRESS, Text::new(AN_ADDRESS)),
            _ => None,
        }
    }
}

/// The text with all choices behind it.
pub(crate) const fn alternatives(mut text: Text, choices: &[Scalar<'_>]) -> Text {
    let mut index = 0;
    while index < choices.len() {
        let join = if index == 0 {
            ""
        } else if index + 1 == choices.len() {
            " or "
        } else {
            ", "
        };
        text = choices[index].shown(text.with(join));
        index += 1;
    }
    text
}

const fn whole(min: i128, max: i128) -> Text {
    Text::new("write a whole number from ").with_number(min).with(" to ").with_number(max)
}

const fn counted(min: usize, max: usize, what: &str) -> Text {
    let text = Text::new("write ");
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

const fn beyond(what: &str, limits: &str) -> Option<Misfit> {
    let message = Text::new("the ").with(what).with(" is out of range");
    Some(Misfit { message, help: Text::new("write one ").with(limits) })
}

const fn within(time: Duration, min: Duration, max: Duration) -> bool {
    time.as_nanos() >= min.as_nanos() && time.as_nanos() <= max.as_nanos()
}

const fn characters(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut count, mut index) = (0, 0);
    while index < bytes.len() {
        // Every byte but those that go on with a character.
        count += (bytes[index] & 0xC0 != 0x80) as usize;
        index += 1;
    }
    count
}

/// `/namespace/name`.
pub(crate) const fn is_topic(text: &str) -> bool {
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

/// RFC 6901.
const fn is_pointer(text: &str) -> bool {
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

/// A pointer, an attribute with its name, or a word for what a record says of itself.
const fn is_field(text: &str) -> bool {
    let (name, value) = text.split_at(find(text, b':'));
    is_pointer(text)
        || suggest::same_text(name, ATTRIBUTE) && value.len() > 1
        || Metadata::SHAPE.misfit_of_text(text).is_none()
}

/// Levels, with or without a target before them, and commas between. A target alone would be taken for a level.
const fn is_log_level(text: &str) -> bool {
    let mut rest = text;
    loop {
        let (part, behind) = rest.split_at(find(rest, b','));
        let equals = find(part, b'=');
        if !is_one_level(if equals == part.len() { part } else { part.split_at(equals + 1).1 }) {
            return false;
        }
        if behind.is_empty() {
            return true;
        }
        rest = behind.split_at(1).1;
    }
}

const fn is_one_level(word: &str) -> bool {
    let mut index = 0;
    while index < LEVELS.len() {
        if word.eq_ignore_ascii_case(LEVELS[index]) {
            return true;
        }
        index += 1;
    }
    false
}

/// Where the byte is; behind the text if it is nowhere.
const fn find(text: &str, byte: u8) -> usize {
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

    fn told(shape: Shape, value: Scalar<'_>) -> Option<(String, String)> {
        shape.misfit(&value).map(|misfit| (misfit.message.to_string(), misfit.help.to_string()))
    }

    #[test]
    fn the_compiler_finds_a_misfit() {
        const MISFIT: Option<Misfit> = Shape::Whole { min: 1, max: 10 }.misfit(&Scalar::Whole(11));
        assert_eq!(MISFIT.unwrap().help.as_str(), "write a whole number from 1 to 10");
    }

    #[test]
    fn a_value_of_another_sort_is_told_with_the_right_one() {
        let (message, help) = told(Shape::Truth, Scalar::Text("true")).unwrap();
        assert_eq!(
            (&*message, &*help),
            ("expected `true` or `false`, found a text", "write `true` or `false`, without quotes")
        );
        for shape in [Shape::TEXT, Shape::Path, Shape::Url, Shape::DURATION, Shape::list(&Shape::Truth), Shape::REAL] {
            assert!(told(shape, Scalar::Truth(true)).unwrap().0.ends_with("found a truth value"));
        }
        assert!(told(Shape::Any, Scalar::Date).is_none());
    }

    #[test]
    fn limits_hold() {
        let text = Shape::Text { min: 1, max: 3 };
        assert!(told(text, Scalar::Text("äöü")).is_none());
        assert_eq!(told(text, Scalar::Text("äöüß")).unwrap().1, "write 1 to 3 characters");
        assert_eq!(told(text, Scalar::Text("")).unwrap().0, "the text is empty");
        let real = Shape::Real { min: 0.0, max: 1.0, limits: "from 0.0 to 1.0" };
        assert!(told(real, Scalar::Whole(1)).is_none() && told(Shape::REAL, Scalar::Real(f64::MAX)).is_none());
        assert_eq!(told(real, Scalar::Real(1.5)).unwrap().1, "write one from 0.0 to 1.0");
        let second = Duration::from_secs(1);
        let time = Shape::Duration { min: second, max: 5 * second, limits: "from 1s to 5s" };
        assert!(told(time, Scalar::Text("5s")).is_none());
        assert_eq!(told(time, Scalar::Text("500ms")).unwrap().1, "write one from 1s to 5s");
        assert_eq!(told(Shape::DURATION, Scalar::Text("soon")).unwrap().0, "not a time");
    }

    #[test]
    fn words_topics_and_levels() {
        let word = Shape::Word { what: "mode", words: &["append", "upsert"] };
        assert!(told(word, Scalar::Text("Up-Sert")).is_none());
        assert_eq!(
            told(word, Scalar::Text("upser")).unwrap().1,
            "did you mean `upsert`? It is one of `append` or `upsert`"
        );
        assert_eq!(told(word, Scalar::Text("truncate")).unwrap().1, "write `append` or `upsert`");
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
