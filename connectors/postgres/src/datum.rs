//! A value as it is sent: in binary where PostgreSQL's format is simple, which spares the server reading text, and otherwise as text.

use std::{borrow::Cow, cmp::Ordering, error::Error, fmt};

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::{
    time::{Date, Timestamp},
    vector,
};

/// A value as it is sent.
pub(crate) enum Datum<'v> {
    Null,
    Boolean(bool),
    Integer(i64),
    Single(f32),
    Double(f64),
    Bytes(Vec<u8>),
    Vector(Vec<f32>),
    Date(Date),
    Timestamp(Timestamp),
    Uuid(u128),
    Text(Cow<'v, str>),
}

impl Datum<'_> {
    /// The value as text, unless it is NULL, bytes or a vector.
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null | Self::Bytes(_) | Self::Vector(_) => None,
            Self::Boolean(value) => Some(value.to_string().into()),
            Self::Integer(number) => Some(number.to_string().into()),
            Self::Single(number) => Some(number.to_string().into()),
            Self::Double(number) => Some(number.to_string().into()),
            Self::Date(date) => Some(date.to_string().into()),
            Self::Timestamp(time) => Some(time.to_string().into()),
            Self::Uuid(bits) => Some(format!("{bits:032x}").into()),
            Self::Text(text) => Some((&**text).into()),
        }
    }

    /// Writes the value in the binary format of the type.
    pub(crate) fn write(&self, ty: &Type, out: &mut BytesMut) -> IsNull {
        match self {
            Self::Null => return IsNull::Yes,
            Self::Boolean(value) => out.put_u8((*value).into()),
            // It is within the range of its column.
            Self::Integer(number) => out.put_int(
                *number,
                if *ty == Type::INT2 {
                    2
                } else if *ty == Type::INT4 {
                    4
                } else {
                    8
                },
            ),
            Self::Single(number) => out.put_f32(*number),
            Self::Double(number) => out.put_f64(*number),
            Self::Bytes(bytes) => out.put_slice(bytes),
            Self::Vector(numbers) => vector::write(numbers, out),
            Self::Date(date) => out.put_i32(date.0),
            Self::Timestamp(time) => out.put_i64(time.0),
            Self::Uuid(bits) => out.put_u128(*bits),
            Self::Text(text) => {
                if *ty == Type::JSONB {
                    // The version of the format.
                    out.put_u8(1);
                }
                out.put_slice(text.as_bytes());
            }
        }
        IsNull::No
    }

    /// The order of values of a column whose [keys are exact](super::column::Column::is_exact).
    pub(crate) fn cmp_exactly(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one.cmp(other),
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
            (Self::Uuid(one), Self::Uuid(other)) => one.cmp(other),
            (Self::Timestamp(one), Self::Timestamp(other)) => one.cmp(other),
            (Self::Date(one), Self::Date(other)) => one.cmp(other),
            (Self::Boolean(one), Self::Boolean(other)) => one.cmp(other),
            (Self::Bytes(one), Self::Bytes(other)) => one.cmp(other),
            // A key has a value, and one type.
            _ => Ordering::Equal,
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

    fn accepts(_: &Type) -> bool {
        // The column has chosen the value by its type.
        true
    }

    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(self.write(ty, out))
    }
}
