//! Where in a record a value stands.

use std::{fmt, str::FromStr};

use super::{
    file::value::Value,
    metadata::Metadata,
    pointer::Pointer,
    report::mistake::Mistakes,
    setting::Setting,
    shape::{A_FIELD, ATTRIBUTE, Shape},
};

/// Where in a record a value stands that a target wants, as a setting: in the payload, as `"/user/id"`; in an attribute of
/// the message, as `"attribute:tenant"`; or what the record says of itself, as `"offset"`.
///
/// `SinkRecord::field` gives the value.
///
/// ```
/// use danube_sink_config::{Field, Metadata};
///
/// assert_eq!("/user/id".parse(), Ok(Field::Payload("/user/id".parse().unwrap())));
/// assert_eq!("attribute:tenant".parse(), Ok(Field::Attribute("tenant".to_owned())));
/// assert_eq!("publish_time".parse(), Ok(Field::Metadata(Metadata::PublishTime)));
/// assert!("user.id".parse::<Field>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Field {
    /// The value at this place of the payload; `""` is all of it.
    Payload(Pointer),
    /// The attribute of this name.
    Attribute(String),
    /// What the record says of itself.
    Metadata(Metadata),
}

/// A text that names nothing that a record has.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("no field of a record: {A_FIELD}")]
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
    const SHAPE: Shape = Shape::Field;

    fn read(value: &Value) -> Result<Self, Mistakes> {
        value.fits(&Self::SHAPE)?;
        value.as_text()?.parse().map_err(|_| value.mistake("no field of a record", A_FIELD).into())
    }
}

/// As it is written.
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
    use crate::shape::Scalar;

    #[test]
    fn what_the_shape_takes_is_what_is_read() {
        for right in ["", "/", "/a~1b", "attribute:x", "attribute:a b", "topic", "Publish-Time", "id"] {
            assert!(right.parse::<Field>().is_ok() && Shape::Field.misfit(&Scalar::Text(right)).is_none(), "{right}");
        }
        for wrong in ["a", "/a~", "attribute:", "attribute", "time", "offset "] {
            assert_eq!(wrong.parse::<Field>(), Err(NotAField), "{wrong}");
            let misfit = Shape::Field.misfit(&Scalar::Text(wrong)).unwrap();
            let says = if wrong.starts_with('/') { "not a JSON pointer" } else { "no field of a record" };
            assert_eq!(misfit.message.to_string(), says, "{wrong}");
        }
    }

    #[test]
    fn it_prints_as_it_is_read() {
        for text in ["/user/id", "attribute:tenant", "publish_time"] {
            assert_eq!(text.parse::<Field>().unwrap().to_string(), text);
        }
    }
}
