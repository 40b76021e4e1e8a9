//! Settings that Qdrant gets as they are, under the names of its API.

use danube_sink::{
    Setting,
    config::{Diagnostics, Value},
};
use serde_json::{Map, Number};

/// A value of Qdrant's API: a table, an array, a string, a number or a boolean of the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Json(pub(crate) serde_json::Value);

impl Setting for Json {
    fn read(value: &Value) -> Result<Self, Diagnostics> {
        read(value).map(Self)
    }
}

fn read(value: &Value) -> Result<serde_json::Value, Diagnostics> {
    if let Ok(table) = value.as_table() {
        let members = table.map(|(name, value)| Ok((name.to_owned(), read(value)?)));
        return members.collect::<Result<Map<_, _>, Diagnostics>>().map(serde_json::Value::Object);
    }
    if let Ok(items) = value.as_array() {
        return items.iter().map(read).collect::<Result<Vec<_>, _>>().map(serde_json::Value::Array);
    }
    if let Ok(text) = value.as_str() {
        return Ok(text.into());
    }
    if let Ok(boolean) = value.as_bool() {
        return Ok(boolean.into());
    }
    let number = match value.as_integer() {
        Ok(integer) => Number::from_i128(integer),
        Err(_) => value.as_float().ok().and_then(Number::from_f64),
    };
    let invalid =
        || value.diagnostic("not a value of Qdrant's API", "write a string, a number, a boolean, an array or a table");
    number.map(Into::into).ok_or_else(|| invalid().into())
}
