//! A value of a configuration without the values in its array or table.

use super::{ConstStr, Violation, any, byte_size, suggest};

/// A value of a configuration without the values in its array or table.
#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    /// A string.
    String(&'a str),
    /// An integer.
    Integer(i128),
    /// A float.
    Float(f64),
    /// A boolean.
    Bool(bool),
    /// A date, a time of day, or both.
    Datetime,
    /// An array of so many values.
    Array(usize),
    /// A table of so many keys.
    Table(usize),
}

impl ValueRef<'_> {
    /// TOML's name of the value's type, with its article.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Bool(_) => "a boolean",
            Self::Datetime => "a date-time",
            Self::Array(_) => "an array",
            Self::Table(_) => "a table",
        }
    }

    /// Whether it is one of these strings or integers.
    pub(super) const fn is_among(&self, choices: &[ValueRef<'_>]) -> bool {
        any!(choice in choices => match (self, choice) {
            (Self::String(one), ValueRef::String(other)) => suggest::is_same(one, other),
            (Self::Integer(one), ValueRef::Integer(other)) => *one == *other,
            _ => false,
        })
    }

    /// The number of bytes of a size: a string with a unit, or an integer.
    pub(crate) const fn as_byte_size(&self) -> Option<u64> {
        match *self {
            Self::String(text) => byte_size(text),
            Self::Integer(number) if number >= 0 && number <= u64::MAX as i128 => Some(number as u64),
            _ => None,
        }
    }

    /// The value as TOML has it, appended to a text.
    pub(super) const fn append_to(&self, text: ConstStr) -> ConstStr {
        match self {
            Self::String(word) => text.with("`\"").with(word).with("\"`"),
            Self::Integer(number) => text.with("`").with_number(*number).with("`"),
            _ => text.with(self.kind()),
        }
    }

    /// The violation of a value of another type.
    pub const fn unexpected(&self, expected: &str, help: &str) -> Violation {
        let message = ConstStr::new("expected ").with(expected).with(", found ").with(self.kind());
        Violation { message, help: ConstStr::new(help) }
    }
}
