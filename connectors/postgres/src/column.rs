//! A column that is written: the values that it takes, and the types that they are sent as.

use std::borrow::Cow;

use danube_sink::{Field, Metadata, TimeUnit};
use tokio_postgres::types::{Kind, Type};

use super::{
    datum::Datum,
    name::quoted,
    text::{Reason, boolean, bytes, double, is_built_in, is_extension_type, plain, single, string, text, uuid, whole},
    time::{date, of_number, timestamp},
    vector::numbers,
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
    /// The collation by which different texts may be equal.
    pub(crate) collation: Option<String>,
    pub(crate) is_key: bool,
    /// The unit of numbers in a column of timestamps.
    pub(crate) time_unit: Option<TimeUnit>,
    pub(crate) field: Field,
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
            Type::BOOL => Datum::Boolean(boolean(&json)?),
            Type::INT2 | Type::INT4 | Type::INT8 => Datum::Integer(whole(&json, &self.ty)?),
            Type::FLOAT4 => Datum::Single(single(&plain(&json)?)?),
            Type::FLOAT8 => Datum::Double(double(&plain(&json)?)?),
            Type::BYTEA => Datum::Bytes(bytes(&json)?),
            Type::UUID => Datum::Uuid(uuid(&string(&json)?)?),
            Type::DATE => Datum::Date(date(&string(&json)?)?),
            Type::TIMESTAMP | Type::TIMESTAMPTZ if is_number(&json) => {
                let unit = self.time_unit.ok_or("is a number, and the mapping has no `time_unit` for it")?;
                Datum::Timestamp(of_number(&json, unit)?)
            }
            Type::TIMESTAMP | Type::TIMESTAMPTZ => {
                Datum::Timestamp(timestamp(&string(&json)?, self.ty == Type::TIMESTAMPTZ)?)
            }
            _ => Datum::Text(match json {
                Cow::Borrowed(json) => text(json, &self.ty, self.modifier)?,
                Cow::Owned(json) => text(&json, &self.ty, self.modifier)?.into_owned().into(),
            }),
        })
    }

    /// Whether a type of an extension reads the text of its values. Vectors are sent in binary.
    pub(crate) fn is_read_by_extension(&self) -> bool {
        self.vectors.is_none() && is_extension_type(&self.ty)
    }

    /// Whether values that are different for the connector are different for the server: not if it rounds, or compares by a
    /// collation of its own.
    pub(crate) fn is_exact(&self) -> bool {
        match self.ty {
            Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::BYTEA | Type::UUID | Type::DATE => true,
            Type::TIMESTAMP | Type::TIMESTAMPTZ => self.modifier < 0,
            Type::TEXT | Type::VARCHAR => self.collation.is_none(),
            _ => false,
        }
    }

    /// Whether a column of another type would keep more digits of a value, or its spaces at the end. It is not asked of types that most
    /// tables have and that change the form of a value at most, or its 16th digit: `jsonb`, `double precision`.
    pub(crate) fn may_lose(&self) -> bool {
        let few = [Type::FLOAT4, Type::FLOAT4_ARRAY, Type::MONEY, Type::MONEY_ARRAY, Type::BPCHAR, Type::BPCHAR_ARRAY];
        // The connector itself reads the numbers of a vector.
        let is_of_user = self.vectors.is_none() && !is_built_in(&self.ty) && !matches!(self.ty.kind(), Kind::Enum(_));
        few.contains(&self.ty) || is_of_user || self.modifier >= 0 && self.is_rounded_by_modifier()
    }

    /// Whether a modifier of the type limits the digits of a number or a time.
    fn is_rounded_by_modifier(&self) -> bool {
        matches!(
            self.ty,
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
                | Type::INTERVAL_ARRAY
        )
    }

    /// The type that values are sent as, and its array type.
    pub(crate) fn sent_as(&self) -> (Type, Type) {
        if let Some(vectors) = &self.vectors {
            return (self.ty.clone(), vectors.clone());
        }
        match self.ty {
            Type::INT2 | Type::INT4 | Type::INT8 => (Type::INT8, Type::INT8_ARRAY),
            Type::BOOL => (Type::BOOL, Type::BOOL_ARRAY),
            Type::FLOAT4 => (Type::FLOAT4, Type::FLOAT4_ARRAY),
            Type::FLOAT8 => (Type::FLOAT8, Type::FLOAT8_ARRAY),
            Type::BYTEA => (Type::BYTEA, Type::BYTEA_ARRAY),
            Type::UUID => (Type::UUID, Type::UUID_ARRAY),
            Type::DATE => (Type::DATE, Type::DATE_ARRAY),
            Type::TIMESTAMP => (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
            Type::TIMESTAMPTZ => (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
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
            _ if self.is_rounded_by_modifier() => format!("{value}::{}", self.base),
            _ => {
                let collate = self.collation.as_ref().map_or(String::new(), |name| format!(" COLLATE {name}"));
                format!("{value}::{}.{}{collate}", quoted(self.ty.schema()), quoted(self.ty.name()))
            }
        }
    }
}

/// Whether a value is a number, where a time is expected.
fn is_number(json: &str) -> bool {
    json.starts_with(['-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
}

#[cfg(test)]
impl Column {
    pub(crate) fn of_type(ty: Type) -> Self {
        Self {
            name: "x".to_owned(),
            base: ty.name().to_owned(),
            stored_as: "a_domain".to_owned(),
            ty,
            vectors: None,
            modifier: 7,
            default: None,
            varies: false,
            collation: None,
            is_key: false,
            time_unit: None,
            field: danube_sink::Field::Payload("/x".parse().unwrap()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cast(ty: Type, base: &str) -> String {
        Column { base: base.to_owned(), ..Column::of_type(ty) }.cast("t0")
    }

    #[test]
    fn a_cast_has_a_modifier_that_rounds_and_not_one_that_truncates() {
        assert_eq!(cast(Type::NUMERIC, "numeric(5,-2)"), "t0::numeric(5,-2)");
        assert_eq!(cast(Type::INTERVAL_ARRAY, "interval(0)[]"), "t0::interval(0)[]");
        assert_eq!(cast(Type::VARCHAR, "character varying(3)"), r#"t0::"pg_catalog"."varchar""#);
        assert_eq!(cast(Type::BIT, "bit(3)"), r#"t0::"pg_catalog"."bit""#);
    }

    #[test]
    fn texts_are_compared_by_the_server_where_its_collation_takes_different_ones_for_equal() {
        let column = Column::of_type(Type::TEXT);
        assert!(column.is_exact() && !column.cast("t0").contains("COLLATE"));
        let column = Column { collation: Some(r#""public"."ci""#.to_owned()), ..column };
        assert!(!column.is_exact());
        assert_eq!(column.cast("t0"), r#"t0::"pg_catalog"."text" COLLATE "public"."ci""#);
    }

    #[test]
    fn a_type_that_rounds_or_compares_in_its_own_way_is_compared_by_the_server() {
        for ty in
            [Type::NUMERIC, Type::FLOAT8, Type::BPCHAR, Type::JSONB, Type::INTERVAL, Type::INET, Type::TIMESTAMPTZ]
        {
            assert!(!Column::of_type(ty.clone()).is_exact(), "{ty}");
        }
        for ty in [Type::INT4, Type::UUID, Type::BYTEA, Type::DATE] {
            assert!(Column::of_type(ty.clone()).is_exact(), "{ty}");
        }
        assert!(Column { modifier: -1, ..Column::of_type(Type::TIMESTAMPTZ) }.is_exact());
    }
}
