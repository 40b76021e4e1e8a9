//! A column that is written: the values that it takes, and the types that they are sent as.

use std::{borrow::Cow, error::Error, fmt};

use bytes::BytesMut;
use danube_sink::{Field, Metadata, TimeUnit};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::{
    name::quoted,
    text::{Reason, bytes, floating, is_built_in, plain, text, whole},
    time::{of_number, time},
    vector::{self, numbers},
};

/// A column that is written.
#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type; of a domain, its base type.
    pub(crate) ty: Type,
    /// The array type of a vector of pgvector.
    pub(crate) vectors: Option<Type>,
    /// The type modifier of the column or the domain, such as a length; -1 if there is none.
    pub(crate) modifier: i32,
    /// The type with its modifier, such as `varchar(5)`; of a domain, its base type.
    pub(crate) base: String,
    /// The declared type with its modifier.
    pub(crate) stored_as: String,
    /// The expression of the default.
    pub(crate) default: Option<String>,
    /// Whether the default differs from row to row, such as `now()` or a number.
    pub(crate) varies: bool,
    pub(crate) is_key: bool,
    /// The unit of numbers in a column of timestamps.
    pub(crate) time_unit: Option<TimeUnit>,
    pub(crate) field: Field,
}

/// A value as it is sent.
pub(crate) enum Datum<'v> {
    Null,
    Integer(i64),
    /// The number, and its JSON text.
    Float(f64, Cow<'v, str>),
    Bytes(Vec<u8>),
    Vector(Vec<f32>),
    Text(Cow<'v, str>),
}

impl Column {
    /// The quoted name, for statements.
    pub(crate) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// Whether it has the UUID of the record's id, instead of the id's text.
    pub(crate) fn is_uuid_of_record(&self) -> bool {
        self.ty == Type::UUID && self.field == Field::Metadata(Metadata::Id)
    }

    /// The value to send, from its JSON text.
    ///
    /// # Errors
    /// Why the column cannot hold it, without the value.
    pub(crate) fn datum<'v>(&self, json: Cow<'v, str>) -> Result<Datum<'v>, Reason> {
        if json == "null" {
            return Ok(Datum::Null);
        }
        Ok(match self.ty {
            _ if self.vectors.is_some() => {
                let numbers = numbers(&plain(&json)?).ok_or("is not an array of numbers within the range of float4")?;
                Datum::Vector(numbers)
            }
            Type::INT2 | Type::INT4 | Type::INT8 => Datum::Integer(whole(&json, &self.ty)?),
            Type::FLOAT8 => Datum::Float(floating(&plain(&json)?, &self.ty)?, json),
            Type::BYTEA => Datum::Bytes(bytes(&json)?),
            _ if self.is_number_for_time(&json) => {
                let unit = self.time_unit.ok_or("is a number, and the mapping has no `time_unit` for it")?;
                Datum::Text(time(&of_number(&json, unit)?, &self.ty)?.into_owned().into())
            }
            _ => Datum::Text(match json {
                Cow::Borrowed(json) => text(json, &self.ty, self.modifier)?,
                Cow::Owned(json) => text(&json, &self.ty, self.modifier)?.into_owned().into(),
            }),
        })
    }

    fn is_number_for_time(&self, json: &str) -> bool {
        matches!(self.ty, Type::TIMESTAMP | Type::TIMESTAMPTZ)
            && json.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
    }

    /// The type that values are sent as, and its array type: integers, floats, bytes and vectors in binary, which is fast, every other
    /// type as text.
    pub(crate) fn sent_as(&self) -> (Type, Type) {
        if let Some(vectors) = &self.vectors {
            return (self.ty.clone(), vectors.clone());
        }
        match self.ty {
            Type::INT2 | Type::INT4 | Type::INT8 => (Type::INT8, Type::INT8_ARRAY),
            Type::FLOAT8 => (Type::FLOAT8, Type::FLOAT8_ARRAY),
            Type::BYTEA => (Type::BYTEA, Type::BYTEA_ARRAY),
            _ => (Type::TEXT, Type::TEXT_ARRAY),
        }
    }

    /// The name of the type that values are sent as, for statements.
    pub(crate) fn sent_name(&self) -> String {
        let (ty, _) = self.sent_as();
        if is_built_in(&ty) { ty.to_string() } else { format!("{}.{}", quoted(ty.schema()), quoted(ty.name())) }
    }

    /// Casts an expression of the type that is sent to the column's type.
    ///
    /// The cast has a modifier that rounds, so that keys are compared as they are stored; but not one that limits a length: an explicit
    /// cast would truncate the value, while the assignment to the column refuses it. For the same reason it casts to a domain's base
    /// type.
    pub(crate) fn cast(&self, value: &str) -> String {
        match self.ty {
            // Text is read as money by the server's locale.
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
    /// The value as text, unless it is NULL, bytes or a vector.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null | Self::Bytes(_) | Self::Vector(_) => None,
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Float(number, _) => Some(number.to_string().into()),
            Self::Text(text) => Some((&**text).into()),
        }
    }
}

/// Leaves out the value: the client library logs parameters.
impl fmt::Debug for Datum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl ToSql for Datum<'_> {
    to_sql_checked!();

    fn accepts(ty: &Type) -> bool {
        matches!(*ty, Type::INT8 | Type::FLOAT8 | Type::BYTEA | Type::TEXT) || ty.name() == "vector"
    }

    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Integer(number) => number.to_sql(ty, out),
            Self::Float(number, _) => number.to_sql(ty, out),
            Self::Bytes(bytes) => bytes.to_sql(ty, out),
            Self::Vector(numbers) => vector::write(numbers, out).map(|()| IsNull::No),
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
        Column {
            name,
            ty,
            vectors: None,
            modifier: 7,
            base,
            stored_as,
            default: None,
            varies: false,
            is_key: false,
            time_unit: None,
            field,
        }
        .cast("t0")
    }

    #[test]
    fn a_cast_has_a_modifier_that_rounds_and_not_one_that_truncates() {
        assert_eq!(cast(Type::NUMERIC, "numeric(5,-2)"), "t0::numeric(5,-2)");
        assert_eq!(cast(Type::INTERVAL_ARRAY, "interval(0)[]"), "t0::interval(0)[]");
        assert_eq!(cast(Type::VARCHAR, "character varying(3)"), r#"t0::"pg_catalog"."varchar""#);
        assert_eq!(cast(Type::BIT, "bit(3)"), r#"t0::"pg_catalog"."bit""#);
    }
}
