//! A JSON value whose numbers are the text that the producer wrote.

use std::{borrow::Cow, collections::BTreeMap};

use crate::{json, schema::Problem};

#[derive(Debug)]
pub(super) enum JsonValue<'j> {
    Null,
    Bool(bool),
    Number(&'j str),
    String(Cow<'j, str>),
    Array(Vec<Self>),
    Object(BTreeMap<Cow<'j, str>, Self>),
}

impl<'j> JsonValue<'j> {
    /// Parses a payload within the limits.
    ///
    /// # Errors
    /// Why it is not JSON.
    pub(super) fn parse(payload: &'j [u8]) -> Result<Self, Problem> {
        crate::schema::json::check(payload)?;
        let text = std::str::from_utf8(payload).map_err(|_| Problem::new("not JSON: not UTF-8"))?;
        Ok(Self::of(text.trim()))
    }

    /// The value of a valid text without white space around it, nested no deeper than `serde_json` allows.
    pub(super) fn of(json: &'j str) -> Self {
        match json.as_bytes() {
            [b'{', ..] => Self::Object(
                json::fields(json).into_iter().flatten().map(|(name, json)| (name, Self::of(json))).collect(),
            ),
            [b'[', ..] => Self::Array(json::items(json).into_iter().flatten().map(Self::of).collect()),
            [b'"', ..] => Self::String(json::string(json).unwrap_or_default()),
            b"null" => Self::Null,
            b"true" => Self::Bool(true),
            b"false" => Self::Bool(false),
            _ => Self::Number(json),
        }
    }

    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(number) => number.parse().ok(),
            _ => None,
        }
    }
}
