//! A column that is written: which values it takes, and as what they are sent.

use std::{borrow::Cow, error::Error, fmt};

use bytes::BytesMut;
use danube_sink::Field;
use tokio_postgres::types::{IsNull, ToSql, Type, accepts, to_sql_checked};

use super::{
    name::quoted,
    text::{Reason, bytes, floating, plain, text, whole},
};

/// A column that is written.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Of a domain, the type below it.
    pub(crate) ty: Type,
    /// What the declaration, or that of a domain, says beyond the type, such as a length; -1 if nothing.
    pub(crate) modifier: i32,
    /// The type with its modifier, as `varchar(5)`; of a domain, the type below it.
    pub(crate) base: String,
    /// The type of the declaration with its modifier.
    pub(crate) stored_as: String,
    /// The expression of the default.
    pub(crate) default: Option<String>,
    pub(crate) is_key: bool,
    pub(crate) field: Field,
}

/// A value as it is sent.
pub(crate) enum Datum<'v> {
    Null,
    Integer(i64),
    Float(f64),
    Bytes(Vec<u8>),
    Text(Cow<'v, str>),
}

impl Column {
    /// As statements write it.
    pub(crate) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// The value, from its JSON text.
    ///
    /// # Errors
    /// Why the column cannot have it, without the value.
    pub(crate) fn datum<'v>(&self, json: Cow<'v, str>) -> Result<Datum<'v>, Reason> {
        if json == "null" {
            return Ok(Datum::Null);
        }
        Ok(match self.sent_as() {
            (Type::INT8, _) => Datum::Integer(whole(&json, &self.ty)?),
            (Type::FLOAT8, _) => Datum::Float(floating(&plain(&json)?, &self.ty)?),
            (Type::BYTEA, _) => Datum::Bytes(bytes(&json)?),
            _ => Datum::Text(match json {
                Cow::Borrowed(json) => text(json, &self.ty, self.modifier)?,
                Cow::Owned(json) => text(&json, &self.ty, self.modifier)?.into_owned().into(),
            }),
        })
    }

    /// As what its values are sent, and an array of them: numbers and bytes as such, which is fast, and every other type as it
    /// is written.
    pub(crate) fn sent_as(&self) -> (Type, Type) {
        match self.ty {
            Type::INT2 | Type::INT4 | Type::INT8 => (Type::INT8, Type::INT8_ARRAY),
            Type::FLOAT8 => (Type::FLOAT8, Type::FLOAT8_ARRAY),
            Type::BYTEA => (Type::BYTEA, Type::BYTEA_ARRAY),
            _ => (Type::TEXT, Type::TEXT_ARRAY),
        }
    }

    /// Makes the column's type of an expression of the type that is sent.
    ///
    /// A modifier that rounds is part of it, so that keys are compared as they are stored; one that limits a length is not: an
    /// explicit cast would cut the value off, where the assignment to the column refuses it. For the same reason it is the type
    /// below a domain.
    pub(crate) fn cast(&self, value: &str) -> String {
        match self.ty {
            // What is read as money itself depends on the server's language.
            Type::MONEY => format!("{value}::numeric::money"),
            Type::MONEY_ARRAY => format!("{value}::numeric[]::money[]"),
            Type::NUMERIC
            | Type::NUMERIC_ARRAY
            | Type::TIMESTAMP
            | Type::TIMESTAMP_ARRAY
            | Type::TIMESTAMPTZ
            | Type::TIMESTAMPTZ_ARRAY
            | Type::TIME
            | Type::TIME_ARRAY
            | Type::TIMETZ
            | Type::TIMETZ_ARRAY
            | Type::INTERVAL
            | Type::INTERVAL_ARRAY => format!("{value}::{}", self.base),
            _ => format!("{value}::{}.{}", quoted(self.ty.schema()), quoted(self.ty.name())),
        }
    }
}

impl Datum<'_> {
    /// As its type writes it, if it was not sent as bytes.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null | Self::Bytes(_) => None,
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Float(number) => Some(number.to_string().into()),
            Self::Text(text) => Some((&**text).into()),
        }
    }
}

/// Without the value: the client logs parameters.
impl fmt::Debug for Datum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Datum<'_> {
    accepts!(INT8, FLOAT8, BYTEA, TEXT);
    to_sql_checked!();

    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(ty, out),
            Self::Float(number) => number.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
            Self::Text(text) => (&**text).to_sql(ty, out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(ty: Type, base: &str) -> String {
        let (name, base, field) = ("x".to_owned(), base.to_owned(), "/x".parse().unwrap());
        let stored_as = "a_domain".to_owned();
        Column { name, ty, modifier: 7, base, stored_as, default: None, is_key: false, field }.cast("t0")
    }

    #[test]
    fn a_modifier_that_rounds_is_cast_to_and_one_that_cuts_is_not() {
        assert_eq!(cast(Type::NUMERIC, "numeric(5,-2)"), "t0::numeric(5,-2)");
        assert_eq!(cast(Type::INTERVAL_ARRAY, "interval(0)[]"), "t0::interval(0)[]");
        assert_eq!(cast(Type::VARCHAR, "character varying(3)"), r#"t0::"pg_catalog"."varchar""#);
        assert_eq!(cast(Type::BIT, "bit(3)"), r#"t0::"pg_catalog"."bit""#);
    }
}
