//! The columns of a file: their settings and types.

use std::str::FromStr;

use arrow_schema::{DataType, TimeUnit};
use danube_sink::{config::Diagnostic, prelude::*};
use danube_sink_arrow::validate_unit;

/// The settings of a column.
#[derive(Debug, Clone, Setting)]
#[setting(validate = Self::has_valid_unit)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Type of the column: `string`, `long`, `integer`, `double`, `float`, `boolean`, `decimal(10,2)`, `date`, `timestamp`,
    /// `timestamp_ntz`, `binary`, or in Arrow's notation, such as `List(Int64)`. CSV and JSON lines write values as they are.
    #[setting(rename = "type", default = "string")]
    kind: Parsed<ColumnType>,
    /// Field of a record with the value; without it, the payload's field of the column's name.
    pub(crate) from: Option<Field>,
    /// Whether a record without a value is rejected.
    #[setting(default = false)]
    pub(crate) required: bool,
    /// Unit of timestamps that are numbers, since 1970 in UTC; without it, a record with such a number is rejected.
    pub(crate) unit: Option<danube_sink::TimeUnit>,
}

/// The type of a column, as Arrow's type.
#[derive(Debug, Clone)]
struct ColumnType(DataType);

impl Column {
    pub(crate) fn arrow_type(&self) -> &DataType {
        &self.kind.0.0
    }

    /// The field with the value.
    pub(crate) fn field(&self) -> Field {
        let own = || Field::Payload(Pointer::from_iter([self.name.as_str()]));
        self.from.clone().unwrap_or_else(own)
    }

    /// The column's name, or the one of a field within it, that Avro does not allow.
    pub(crate) fn no_avro_name(&self) -> Option<&str> {
        if is_avro_name(&self.name) { no_avro_name(self.arrow_type()) } else { Some(&self.name) }
    }

    fn has_valid_unit(&self) -> Result<(), Diagnostic> {
        validate_unit(self.arrow_type(), self.unit)
    }
}

impl FromStr for ColumnType {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let utc = || Some("UTC".into());
        let kind = match text {
            "string" => DataType::Utf8,
            "long" => DataType::Int64,
            "integer" => DataType::Int32,
            "short" => DataType::Int16,
            "byte" => DataType::Int8,
            "double" => DataType::Float64,
            "float" => DataType::Float32,
            "boolean" => DataType::Boolean,
            "binary" => DataType::Binary,
            "date" => DataType::Date32,
            "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, utc()),
            "timestamp_ntz" => DataType::Timestamp(TimeUnit::Microsecond, None),
            _ => decimal(text).or_else(|| text.parse().ok()).ok_or(UNKNOWN)?,
        };
        check(&kind).map(|()| Self(kind))
    }
}

const UNKNOWN: &str = "use `string`, `long`, `decimal(10,2)`, `timestamp` or another type that the README lists";

fn decimal(text: &str) -> Option<DataType> {
    let (precision, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
    Some(DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

/// Checks that every format has the type, and that records fill it.
fn check(kind: &DataType) -> Result<(), &'static str> {
    let is_fillable = match kind {
        DataType::List(item) => return check(item.data_type()),
        DataType::Struct(fields) if !fields.is_empty() => {
            return fields.iter().try_for_each(|field| check(field.data_type()));
        }
        DataType::Map(entries, false) => match entries.data_type() {
            DataType::Struct(entry) if entry.len() == 2 && *entry[0].data_type() == DataType::Utf8 => {
                return check(entry[1].data_type());
            }
            _ => false,
        },
        DataType::Decimal128(precision, scale) => {
            (1..=38).contains(precision) && (0..=precision.cast_signed()).contains(scale)
        }
        // Parquet would have a plain integer.
        DataType::Timestamp(TimeUnit::Second, _) => {
            return Err("files have no timestamps in seconds: use `timestamp`, whose `unit` is that of the records");
        }
        DataType::Timestamp(_, zone) => zone.as_deref().is_none_or(|zone| zone == "UTC"),
        kind => {
            use DataType::{Binary, Boolean, Date32, Float32, Float64, Int8, Int16, Int32, Int64, Utf8};
            matches!(kind, Binary | Boolean | Date32 | Float32 | Float64 | Int8 | Int16 | Int32 | Int64 | Utf8)
        }
    };
    if is_fillable { Ok(()) } else { Err("records do not fill a column of this type") }
}

/// Whether a field of an Avro record can have this name.
pub(crate) fn is_avro_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    !name.is_empty() && name.chars().all(is_letter) && !name.starts_with(|letter: char| letter.is_ascii_digit())
}

fn no_avro_name(kind: &DataType) -> Option<&str> {
    match kind {
        DataType::Struct(fields) => fields.iter().find_map(|field| match is_avro_name(field.name()) {
            true => no_avro_name(field.data_type()),
            false => Some(field.name().as_str()),
        }),
        DataType::List(item) | DataType::Map(item, _) => no_avro_name(item.data_type()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_named_as_in_delta_and_spark_or_in_arrow() {
        for (text, expected) in [
            ("decimal(10,2)", "Decimal128(10, 2)"),
            ("timestamp", "Timestamp(µs, \"UTC\")"),
            ("timestamp_ntz", "Timestamp(µs)"),
            ("List(Int64)", "List(Int64)"),
            ("Timestamp(Millisecond, None)", "Timestamp(ms)"),
        ] {
            assert_eq!(text.parse::<ColumnType>().unwrap().0.to_string(), expected);
        }
        for text in ["int", "decimal(39,0)", "decimal(4,5)", "Null", "Dictionary(Int32, Utf8)", "Duration(Second)"] {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
        for text in ["Timestamp(Second, None)", "List(Timestamp(Second, Some(\"UTC\")))"] {
            assert!(text.parse::<ColumnType>().unwrap_err().contains("use `timestamp`"), "{text}");
        }
        for text in ["Decimal128(39, 0)", "Decimal128(0, 0)", "Decimal128(4, 5)", "List(Decimal128(10, -2))"] {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
        }
    }
}
