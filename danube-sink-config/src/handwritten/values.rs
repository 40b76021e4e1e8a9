//! Values that serde reads, and so know no places.

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    decoding::{AvroEncoding, NumberEncoding},
    file::value::{Content, Entry, Table, Value},
    metadata::Metadata,
    setting::Setting,
    settings::{LogFormat, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, PayloadFormat, SubscriptionType},
    shape::Scalar,
};

impl From<toml::Table> for Table {
    fn from(table: toml::Table) -> Self {
        let entry = |(key, value): (String, toml::Value)| Entry { key, key_span: None, value: value.into() };
        Self { span: None, entries: table.into_iter().map(entry).collect() }
    }
}

impl From<toml::Value> for Value {
    fn from(value: toml::Value) -> Self {
        let content = match value {
            toml::Value::String(text) => Content::Text(text),
            toml::Value::Integer(number) => Content::Whole(number.into()),
            toml::Value::Float(number) => Content::Real(number),
            toml::Value::Boolean(truth) => Content::Truth(truth),
            toml::Value::Datetime(_) => Content::Date,
            toml::Value::Array(list) => Content::List(list.into_iter().map(Value::from).collect()),
            toml::Value::Table(table) => Content::Table(table.into()),
        };
        Self { span: None, content }
    }
}

macro_rules! words {
    ($($type:ident)+) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::from_word(&text).ok_or_else(|| match Self::SHAPE.misfit(&Scalar::Text(&text)) {
                    Some(misfit) => D::Error::custom(format!("{}: {}", misfit.message, misfit.help)),
                    None => D::Error::custom("an unknown word"),
                })
            }
        }
    )+};
}

words! {
    AvroEncoding LogFormat Metadata NumberEncoding OnInvalidRecord OnMassRefusal OnRetriesExhausted PayloadFormat
    SubscriptionType
}
