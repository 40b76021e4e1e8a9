//! JSON pointers into payloads.

use std::{fmt, str::FromStr};

use danube_sink_config::{
    Diagnostics, Setting, Value,
    schema::{ValueRef, ValueType},
};
use serde_json::Value as Payload;

use super::Pointers;

/// A JSON pointer (RFC 6901), such as `"/user/id"` or `"/items/0"`: a path into a payload. `""` is the whole
/// payload, which is the default; `~1` is a `/` within a name, `~0` a `~`.
///
/// ```
/// use danube_sink::Pointer;
///
/// let payload = serde_json::json!({ "user": { "id": 7 }, "a/b": [true] });
/// let pointer = |text: &str| text.parse::<Pointer>().unwrap();
/// assert_eq!(pointer("/user/id").of(&payload).unwrap(), 7);
/// assert_eq!(pointer("/a~1b/0").of(&payload).unwrap(), true);
/// assert!(pointer("/user/name").of(&payload).is_none());
/// assert!("user.id".parse::<Pointer>().is_err());
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pointer {
    text: Box<str>,
    pub(super) steps: Box<[Box<str>]>,
}

/// Error for a string that is not a JSON pointer: it does not begin with `/`, or has a `~` that is not followed by `0` or `1`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a JSON pointer: {}", Pointer::VALUE_TYPE.help())]
pub struct NotAPointer;

impl Pointer {
    /// The pointer's text, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Value at the pointer; `None` if the payload has none. A value may be `null`.
    pub fn of<'a>(&self, payload: &'a Payload) -> Option<&'a Payload> {
        self.steps.iter().try_fold(payload, |value, step| match value {
            Payload::Object(fields) => fields.get(&**step),
            Payload::Array(items) => items.get(index(step)?),
            _ => None,
        })
    }

    /// JSON text of the value at the pointer in a valid JSON text, in which a number keeps all its digits; `None` if there is none.
    ///
    /// ```
    /// use danube_sink::Pointer;
    ///
    /// let pointer: Pointer = "/prices/1".parse().unwrap();
    /// let payload = r#"{ "prices": [1, 0.12345678901234567890] }"#;
    /// assert_eq!(pointer.of_json(payload), Some("0.12345678901234567890"));
    /// ```
    pub fn of_json<'a>(&self, payload: &'a str) -> Option<&'a str> {
        Pointers::from_iter([self]).of_json(payload)[0]
    }
}

/// Parses an array index. A number with leading zeros or a sign is none, so that each item has one pointer.
pub(super) fn index(step: &str) -> Option<usize> {
    let plain = step.bytes().all(|digit| digit.is_ascii_digit()) && (step == "0" || !step.starts_with('0'));
    step.parse().ok().filter(|_| plain)
}

/// Creates a pointer from its steps: unescaped names, and array indices.
///
/// ```
/// use danube_sink::Pointer;
///
/// assert_eq!(Pointer::from_iter(["a/b", "0"]).as_str(), "/a~1b/0");
/// ```
impl<S: AsRef<str>> FromIterator<S> for Pointer {
    fn from_iter<I: IntoIterator<Item = S>>(steps: I) -> Self {
        let steps: Box<[Box<str>]> = steps.into_iter().map(|step| step.as_ref().into()).collect();
        let text: String =
            steps.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect();
        Self { text: text.into(), steps }
    }
}

impl FromStr for Pointer {
    type Err = NotAPointer;

    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        if ValueType::Pointer.violation(&ValueRef::String(text)).is_some() {
            return Err(NotAPointer);
        }
        let steps = text.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~").into());
        Ok(Self { text: text.into(), steps: steps.collect() })
    }
}

impl Setting for Pointer {
    const VALUE_TYPE: ValueType = ValueType::Pointer;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.as_str()?.parse().map_err(|_| value.diagnostic("not a JSON pointer", Self::VALUE_TYPE.help()).into())
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The examples of RFC 6901, section 5.
    #[test]
    fn a_pointer_finds_the_values_of_the_standard() {
        let document = json!({
            "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8
        });
        let json = document.to_string();
        let found = |text: &str| {
            let pointer: Pointer = text.parse().unwrap();
            let found = pointer.of(&document).cloned();
            let in_text = pointer.of_json(&json).map(|value| serde_json::from_str(value).unwrap());
            assert_eq!(found, in_text, "{text}");
            found
        };
        assert_eq!(found(""), Some(document.clone()));
        assert_eq!(found("/foo"), Some(json!(["bar", "baz"])));
        assert_eq!(found("/foo/0"), Some(json!("bar")));
        for (number, text) in ["/", "/a~1b", "/c%d", "/e^f", "/g|h", "/i\\j", "/k\"l", "/ ", "/m~0n"].iter().enumerate()
        {
            assert_eq!(found(text), Some(json!(number)), "{text}");
        }
        for nowhere in ["/foo/2", "/foo/00", "/foo/+1", "/foo/-", "/bar", "/a~1b/c"] {
            assert_eq!(found(nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn other_strings_are_refused() {
        for wrong in ["foo", "#/foo", "/a~", "/a~2b", "$.foo"] {
            assert_eq!(wrong.parse::<Pointer>(), Err(NotAPointer), "{wrong}");
        }
    }
}
