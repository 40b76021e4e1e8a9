//! Decoding error of a payload: position and reason, without values of the payload.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

/// Decoding error at one position of a payload.
///
/// Its path is built from the inside out: each level prepends its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    path: String,
    reason: String,
}

impl Problem {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { path: String::new(), reason: reason.into() }
    }

    /// Converts an error of serde_json, without the offending value.
    pub(crate) fn of_json(error: &serde_json::Error) -> Self {
        Self::new(without_value(error).unwrap_or_else(|| without_contents(error)))
    }

    /// Converts an error of prost-reflect, which quotes names and values of the payload in messages of its own.
    #[cfg(feature = "protobuf")]
    pub(crate) fn of_protobuf_json(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        if ["invalid type: ", "invalid value: ", "invalid length: "].iter().any(|start| text.starts_with(start)) {
            return Self::of_json(error);
        }
        let category = text.split([':', '\'', '`', '"']).next().unwrap_or_default().trim_end();
        let position = match error.line() {
            0 => String::new(),
            line => format!(" at line {line} column {}", error.column()),
        };
        Self::new(format!("{}{position}", category.strip_suffix(&position).unwrap_or(category)))
    }

    /// Why a payload is not JSON, or is JSON without a value here.
    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        match without_value(error) {
            Some(reason) => Self::new(reason),
            None => Self::of_json(error).because("not JSON"),
        }
    }

    /// Prepends context to the reason.
    #[must_use]
    pub(crate) fn because(mut self, what: &str) -> Self {
        self.reason = format!("{what}: {}", self.reason);
        self
    }
}

#[cfg(any(test, feature = "avro", feature = "protobuf"))]
impl Problem {
    /// Prepends a field's name to the path.
    #[must_use]
    pub(crate) fn in_field(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    /// Prepends a map's value to the path, without the key, which is a value of the payload.
    #[cfg(any(feature = "avro", feature = "protobuf"))]
    #[must_use]
    pub(crate) fn in_map(self) -> Self {
        self.in_field("{}")
    }

    /// Prepends a list's element to the path.
    #[must_use]
    pub(crate) fn in_element(mut self, index: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{dot}{}", self.path);
        self
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.reason),
            path => write!(f, "{} at `{path}`", self.reason),
        }
    }
}

impl std::error::Error for Problem {}

/// Unlike serde's own messages, these do not quote the value.
impl de::Error for Problem {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("invalid type: {}, expected {expected}", kind(found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("invalid value: {}, expected {expected}", kind(found)))
    }

    fn unknown_field(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown field, expected one of {}", expected.join(", ")))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown variant, expected one of {}", expected.join(", ")))
    }
}

fn kind(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "integer",
        Unexpected::Float(_) => "floating point",
        Unexpected::Char(_) | Unexpected::Str(_) => "string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "list",
        Unexpected::Map => "map",
        _ => "something else",
    }
}

/// What RFC 8259 allows in JSON, but neither Rust nor most targets have a value for: the start of serde_json's message, and ours.
const WITHOUT_VALUE: [(&str, &str); 3] = [
    ("number out of range", "a number is beyond the range of 64-bit floating point (1.8e308)"),
    ("lone leading surrogate in hex escape", LONE_SURROGATE),
    // No low surrogate follows a high one.
    ("unexpected end of hex escape", LONE_SURROGATE),
];
const LONE_SURROGATE: &str = "a string has a lone surrogate, half of a character (`\\ud800` to `\\udfff`),";

/// The message of a serde_json error about valid JSON that has no value here.
fn without_value(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let mut found = WITHOUT_VALUE.iter().filter_map(|(start, reason)| Some((reason, text.strip_prefix(start)?)));
    found.next().filter(|_| error.is_syntax()).map(|(reason, position)| format!("{reason}{position}"))
}

/// The message of a serde_json error without the offending value, which may be confidential.
fn without_contents(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let ends = [", expected ", ", there are no "].into_iter().filter_map(|end| text.rfind(end));
    let Some((what, expected)) = ends.max().and_then(|end| text.split_at_checked(end)) else { return text };
    let kind = what.find(['`', '"']).map_or(what, |start| what[..start].trim_end());
    format!("{kind}{expected}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_without_a_value_says_what_is_the_matter() {
        for (json, reason) in [
            ("[1, 1e400]", "a number is beyond the range of 64-bit floating point (1.8e308) at line 1 column 9"),
            (
                r#"{"s3cret": "\ud83d"}"#,
                "a string has a lone surrogate, half of a character (`\\ud800` to `\\udfff`), at line 1 column 19",
            ),
            (
                r#"["\udc00"]"#,
                "a string has a lone surrogate, half of a character (`\\ud800` to `\\udfff`), at line 1 column ",
            ),
            (r#"["\ud83d\u0061"]"#, "a string has a lone surrogate"),
            (r#"["\ud83d\n"]"#, "a string has a lone surrogate"),
            ("[NaN]", "not JSON: expected value at line 1 column 2"),
            (r#"["\uzzzz"]"#, "not JSON: invalid escape"),
            (r#"["\ud8"#, "not JSON: EOF"),
        ] {
            let error = serde_json::from_str::<serde_json::Value>(json).unwrap_err();
            let problem = Problem::not_json(&error).to_string();
            assert!(problem.starts_with(reason), "{json}: {problem}");
        }
    }

    #[test]
    fn an_error_has_the_position_but_no_values() {
        let error = serde_json::from_str::<u8>(r#""s3cret""#).unwrap_err();
        assert_eq!(without_contents(&error), "invalid type: string, expected u8 at line 1 column 8");
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Empty {}
        let error = serde_json::from_str::<Empty>(r#"{"a, expected s3cret":1}"#).unwrap_err();
        assert_eq!(without_contents(&error), "unknown field, there are no fields at line 1 column 21");
        let problem = <Problem as de::Error>::unknown_field("s3cret", &["id"]);
        assert_eq!(problem.to_string(), "unknown field, expected one of id");
        let problem = Problem::new("not a date").in_field("day").in_element(2).in_field("orders").in_field("user");
        assert_eq!(problem.to_string(), "not a date at `user.orders[2].day`");
    }
}
