//! Change events (change data capture): operations, the state before a change, values that the source leaves out, and the keys of
//! deleted rows. Names and forms are Debezium's.
//!
//! ```
//! use danube_sink::{
//!     Field,
//!     change::{KeyObject, Operation, Unavailable, before},
//! };
//!
//! let id: Field = "/after/id".parse()?;
//! assert_eq!(Operation::of_json("\"D\""), Some(Operation::Delete));
//! assert_eq!(before(&id), Some("/before/id".parse()?));
//! assert_eq!(KeyObject::of(r#"{"id":7}"#).and_then(|key| key.value(&id)), Some("7"));
//! assert!(Unavailable::default().is_in(r#"{"text":["__debezium_unavailable_value"]}"#));
//! # Ok::<(), danube_sink::config::NotAField>(())
//! ```

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::{Digest, Md5};
use memchr::memchr3;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::{
    json,
    record::{Field, Pointer, uuid_of},
};

/// What a change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Adds a row that the source did not have, or that a snapshot has read: `insert`, `create`, `read`, or their first letters.
    Insert,
    /// Writes a row that the source may have had: `update`, `upsert`, `u`, or `index`.
    Write,
    /// Deletes a row: `delete` or `d`.
    Delete,
    /// Deletes all rows of the source's table: `truncate` or `t`.
    Truncate,
    /// A logical message in the source's log, which changes no row: `message` or `m`.
    Message,
}

impl Operation {
    const WORDS: [(&str, Self); 16] = [
        ("c", Self::Insert),
        ("u", Self::Write),
        ("d", Self::Delete),
        ("r", Self::Insert),
        ("i", Self::Insert),
        ("insert", Self::Insert),
        ("create", Self::Insert),
        ("read", Self::Insert),
        ("update", Self::Write),
        ("upsert", Self::Write),
        ("index", Self::Write),
        ("delete", Self::Delete),
        ("truncate", Self::Truncate),
        ("t", Self::Truncate),
        ("message", Self::Message),
        ("m", Self::Message),
    ];

    /// The operation that a JSON string names, in capital letters or not. `None` if it is not known.
    pub fn of_json(json: &str) -> Option<Self> {
        let word = json::string(json)?;
        Self::WORDS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&word)).map(|(_, operation)| *operation)
    }

    /// Whether it deletes its row, and does not write it. `None` if it does neither.
    pub fn deletes(self) -> Option<bool> {
        match self {
            Self::Insert | Self::Write => Some(false),
            Self::Delete => Some(true),
            Self::Truncate | Self::Message => None,
        }
    }
}

/// The field in the state before a change: the first step `after` of its path is `before`. `None` if the path has no such step.
pub fn before(field: &Field) -> Option<Field> {
    let Field::Payload(path) = field else { return None };
    let path = format!("{}/", path.as_str());
    let (to_state, within) = path.split_once("/after/")?;
    format!("{to_state}/before/{within}").strip_suffix('/')?.parse().ok().map(Field::Payload)
}

/// A routing key that is a JSON object with the values of a row's key, in itself or in its member `payload` beside a schema.
#[derive(Debug, Clone, Copy)]
pub struct KeyObject<'k>(&'k str);

impl<'k> KeyObject<'k> {
    /// The object that this routing key is; `None` if it is something else.
    pub fn of(key: &'k str) -> Option<Self> {
        let is_object = key.trim_ascii_start().starts_with('{') && serde_json::from_str::<IgnoredAny>(key).is_ok();
        is_object.then_some(Self(key))
    }

    /// The value of a field of payloads as JSON, by the last step of its path. `None` if there is none, or `null`.
    pub fn value(self, field: &Field) -> Option<&'k str> {
        let Field::Payload(path) = field else { return None };
        let (_, name) = path.as_str().rsplit_once('/')?;
        let value = |path: String| path.parse::<Pointer>().ok()?.of_json(self.0).filter(|json| *json != "null");
        value(format!("/{name}")).or_else(|| value(format!("/payload/{name}")))
    }
}

/// The placeholder for a value that the source leaves out since it did not change, in the forms that it has in columns of each type.
#[derive(Debug, Clone)]
pub struct Unavailable([String; 9]);

impl Unavailable {
    /// Debezium's placeholder, unless its `unavailable.value.placeholder` is another one.
    pub const DEBEZIUM: &str = "__debezium_unavailable_value";

    /// The forms of this placeholder: as it is, in base64, as an array of it, of its base64, of its bytes or of its UUID, as an object,
    /// and as JSON in a string. An empty placeholder matches every empty value: give its setting
    /// `length = 1..`.
    pub fn new(placeholder: &str) -> Self {
        let base64 = STANDARD.encode(placeholder);
        let object = json!({ placeholder: placeholder });
        let [text, object_text] = [json!(placeholder).to_string(), object.to_string()].map(Value::from);
        let forms = [
            json!(placeholder),
            json!(base64),
            json!([placeholder]),
            json!([base64]),
            json!(placeholder.as_bytes()),
            json!([uuid(placeholder)]),
            object,
            text,
            object_text,
        ];
        Self(forms.map(|form| form.to_string().replace(is_space, "")))
    }

    /// Whether a value, given as valid JSON, is the placeholder.
    pub fn is(&self, json: &str) -> bool {
        self.0.iter().any(|form| is_same(json, form))
    }

    /// Whether a value, given as valid JSON, is the placeholder or has it in it.
    pub fn is_in(&self, json: &str) -> bool {
        let is_in = |value| self.is_in(value);
        if self.is(json) {
            return true;
        }
        match json.as_bytes().first() {
            Some(b'{') => json::members(json).is_some_and(|mut members| members.any(|(_, value)| is_in(value))),
            // Most long arrays have numbers alone.
            Some(b'[') if memchr3(b'"', b'{', b'[', &json.as_bytes()[1..]).is_some() => {
                json::items(json).is_some_and(|mut items| items.any(is_in))
            }
            _ => false,
        }
    }
}

/// Debezium's placeholder.
impl Default for Unavailable {
    fn default() -> Self {
        Self::new(Self::DEBEZIUM)
    }
}

/// Whether a JSON text is a form, apart from white space, which producers write in different places.
fn is_same(json: &str, form: &str) -> bool {
    json.bytes().filter(|byte| !byte.is_ascii_whitespace()).eq(form.bytes())
}

fn is_space(letter: char) -> bool {
    letter.is_ascii_whitespace()
}

/// The version 3 UUID of a text without a namespace, as in Java's `nameUUIDFromBytes`.
fn uuid(text: &str) -> String {
    uuid_of(u128::from_be_bytes(Md5::digest(text).into()), 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(text: &str) -> Field {
        text.parse().unwrap()
    }

    #[test]
    fn an_operation_is_known_by_its_word() {
        for (json, expected, deletes) in [
            ("\"c\"", Some(Operation::Insert), Some(false)),
            ("\"Read\"", Some(Operation::Insert), Some(false)),
            ("\"UPSERT\"", Some(Operation::Write), Some(false)),
            ("\"\\u0064\"", Some(Operation::Delete), Some(true)),
            ("\"truncate\"", Some(Operation::Truncate), None),
            ("\"m\"", Some(Operation::Message), None),
            ("\"ins\"", None, None),
            ("\"\"", None, None),
            ("[\"c\"]", None, None),
            ("null", None, None),
        ] {
            let operation = Operation::of_json(json);
            assert_eq!((operation, operation.and_then(Operation::deletes)), (expected, deletes), "{json}");
        }
    }

    #[test]
    fn the_state_before_is_that_of_the_first_step_after() {
        for (path, expected) in [
            ("/after/id", Some("/before/id")),
            ("/payload/after/after", Some("/payload/before/after")),
            ("/after", Some("/before")),
            ("/after/", Some("/before/")),
            ("/afters/id", None),
            ("/id", None),
            ("attribute:after", None),
        ] {
            assert_eq!(before(&field(path)), expected.map(field), "{path}");
        }
    }

    #[test]
    fn a_key_has_its_values_by_name_if_it_is_an_object() {
        let id = field("/after/id");
        for (key, expected) in [
            (r#"{"id":7}"#, Some("7")),
            (r#" { "schema": {}, "payload": {"id": "a"} } "#, Some("\"a\"")),
            (r#"{"id":null,"payload":{"id":8}}"#, Some("8")),
            (r#"{"other":7}"#, None),
            (r#"{"id":7,oops}"#, None),
            (r#"{"id":7}{}"#, None),
            ("[7]", None),
            ("7", None),
        ] {
            assert_eq!(KeyObject::of(key).and_then(|key| key.value(&id)), expected, "{key}");
        }
        assert_eq!(KeyObject::of(r#"{"id":7}"#).unwrap().value(&field("attribute:id")), None);
    }

    #[test]
    fn a_placeholder_is_known_in_each_form_and_wherever_it_is() {
        let unavailable = Unavailable::default();
        let bytes: Vec<_> = Unavailable::DEBEZIUM.bytes().map(|byte| byte.to_string()).collect();
        let bytes = format!("[{}\n]", bytes.join(", "));
        for form in [
            r#""__debezium_unavailable_value""#,
            r#""\"__debezium_unavailable_value\"""#,
            r#""X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==""#,
            r#"[ "__debezium_unavailable_value" ]"#,
            r#"["X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="]"#,
            r#"["b68a35a7-17ad-35b3-af2a-ae46edb4545a"]"#,
            r#"{"__debezium_unavailable_value": "__debezium_unavailable_value"}"#,
            r#""{\"__debezium_unavailable_value\": \"__debezium_unavailable_value\"}""#,
            &bytes,
        ] {
            assert!(unavailable.is(form) && unavailable.is_in(form), "{form}");
            for around in [format!("[1, {form}]"), format!(r#"{{"a":[],"b":{{"c":[2,[{form}]]}}}}"#)] {
                assert!(!unavailable.is(&around) && unavailable.is_in(&around), "{around}");
            }
        }
        for other in [
            r#""about __debezium_unavailable_value""#,
            r#"{"__debezium_unavailable_value":1}"#,
            "[95,95,100]",
            r#"["b68a35a7-17ad-35b3-af2a-ae46edb4545b"]"#,
            "[]",
            "{}",
            "null",
        ] {
            assert!(!unavailable.is_in(other), "{other}");
        }
        assert!(Unavailable::new("n/a").is(r#"["274b6819-2b05-3e26-8f12-8ff63bfcd4a4"]"#));
    }
}
