//! Fields of a record: a value in its payload, an attribute, or metadata.

use std::{fmt, str::FromStr};

use danube_sink_config::{
    Diagnostics, Setting, Value,
    schema::{
        ValueType,
        format::{ATTRIBUTE, NOT_A_FIELD},
    },
};

use super::{Metadata, Pointer};

/// A field of a record, as a setting: a value in the payload, such as `"/user/id"`; an attribute of the message, such as
/// `"attribute:tenant"`; or metadata, such as `"offset"`.
///
/// `SinkRecord::field` gives its value.
///
/// ```
/// use danube_sink::{Field, Metadata};
///
/// assert_eq!("/user/id".parse(), Ok(Field::Payload("/user/id".parse().unwrap())));
/// assert_eq!("attribute:tenant".parse(), Ok(Field::Attribute("tenant".to_owned())));
/// assert_eq!("publish_time".parse(), Ok(Field::Metadata(Metadata::PublishTime)));
/// assert!("user.id".parse::<Field>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// The value of the payload at this pointer; `""` is the whole payload.
    Payload(Pointer),
    /// The attribute of this name.
    Attribute(String),
    /// Metadata of the record.
    Metadata(Metadata),
}

/// The error for a string that is not a record field.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{NOT_A_FIELD}: {}", Field::VALUE_TYPE.help())]
pub struct NotAField;

impl FromStr for Field {
    type Err = NotAField;

    fn from_str(text: &str) -> Result<Self, NotAField> {
        if let Ok(pointer) = text.parse() {
            return Ok(Self::Payload(pointer));
        }
        match text.split_once(':') {
            Some((ATTRIBUTE, name)) if !name.is_empty() => Ok(Self::Attribute(name.to_owned())),
            _ => Metadata::from_word(text).map(Self::Metadata).ok_or(NotAField),
        }
    }
}

impl Setting for Field {
    const VALUE_TYPE: ValueType = ValueType::Field { metadata: Metadata::WORDS };

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        value.validate(&Self::VALUE_TYPE)?;
        value.as_str()?.parse().map_err(|_| value.diagnostic(NOT_A_FIELD, Self::VALUE_TYPE.help()).into())
    }
}

/// Formats the field as it is written in the configuration.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(pointer) => pointer.fmt(f),
            Self::Attribute(name) => write!(f, "{ATTRIBUTE}:{name}"),
            Self::Metadata(which) => which.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use danube_sink_config::schema::ValueRef;

    #[test]
    fn the_validator_and_the_parser_agree() {
        for right in ["", "/", "/a~1b", "attribute:x", "attribute:a b", "topic", "Publish-Time", "id"] {
            assert!(
                right.parse::<Field>().is_ok() && Field::VALUE_TYPE.violation(&ValueRef::String(right)).is_none(),
                "{right}"
            );
        }
        for wrong in ["a", "/a~", "attribute:", "attribute", "time", "offset "] {
            assert_eq!(wrong.parse::<Field>(), Err(NotAField), "{wrong}");
            let violation = Field::VALUE_TYPE.violation(&ValueRef::String(wrong)).unwrap();
            let message = if wrong.starts_with('/') { "not a JSON pointer" } else { NOT_A_FIELD };
            assert_eq!(violation.message.to_string(), message, "{wrong}");
        }
    }

    /// Who knows other tools writes a name alone, or with dots.
    #[test]
    fn the_help_for_a_name_without_its_slash_shows_it() {
        let help = "a path into the payload, which begins with `/`, such as `/user/id`";
        for text in ["user", "user.id"] {
            let error = text.parse::<Field>().unwrap_err().to_string();
            assert!(error.contains(help), "{error}");
        }
        let error = "id".parse::<Pointer>().unwrap_err().to_string();
        assert!(error.contains(help), "{error}");
    }

    #[test]
    fn a_field_is_displayed_as_it_is_parsed() {
        for text in ["/user/id", "attribute:tenant", "publish_time"] {
            assert_eq!(text.parse::<Field>().unwrap().to_string(), text);
        }
    }
}
