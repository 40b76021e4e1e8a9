//! A value of a record as PostgreSQL's own text.

use std::borrow::Cow;

use serde_json::Value;
use tokio_postgres::types::{Kind, Type};

/// The text that a type reads the value from; none is NULL. What is right and what is not, the server says.
pub(crate) fn text<'v>(value: &'v Value, ty: &Type) -> Option<Cow<'v, str>> {
    match (value, ty.kind()) {
        (Value::Null, _) => None,
        _ if is_json(ty) => Some(value.to_string().into()),
        (Value::String(text), _) => Some(text.into()),
        (Value::Array(items), Kind::Array(of)) => Some(array(items, of).into()),
        _ => Some(value.to_string().into()),
    }
}

/// Whether more may be written in the payload than a [`Value`] holds: it has the 17 digits of a double.
pub(crate) fn needs_every_digit(value: &Value, ty: &Type) -> bool {
    match *ty {
        Type::FLOAT4 | Type::FLOAT8 => false,
        _ => value.is_f64() || is_json(ty) && !value.is_null(),
    }
}

/// `{1,NULL,"a \"b\""}`
fn array(items: &[Value], of: &Type) -> String {
    let item = |item| match (item, text(item, of)) {
        (_, None) => "NULL".to_owned(),
        (Value::Array(items), _) if !is_json(of) => array(items, of),
        (_, Some(text)) => format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#)),
    };
    format!("{{{}}}", items.iter().map(item).collect::<Vec<_>>().join(","))
}

fn is_json(ty: &Type) -> bool {
    matches!(*ty, Type::JSON | Type::JSONB)
}
