//! The values of a column, parsed from the JSON of rows.
//!
//! Only types that most columns have, and values as most rows have them: `arrow-json` reads all others, in four times the time.

use arrow_array::{
    ArrayRef, ArrowPrimitiveType,
    builder::{ArrayBuilder, BooleanBuilder, PrimitiveBuilder, StringBuilder},
    types::{
        Date32Type, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type,
        UInt16Type, UInt32Type, UInt64Type,
    },
};
use arrow_schema::{DataType, TimeUnit};
use danube_sink::json::string;

use super::super::column::{ColumnType, date, decimal, is_utc, ticks};

/// The values of a column.
pub(super) trait Cells {
    /// Appends a value as rows have it, or none. Whether the value could be read.
    fn append(&mut self, json: Option<&str>) -> bool;

    fn finish(&mut self) -> ArrayRef;
}

/// Values for a column; `None` if it has another type.
pub(super) fn cells(kind: &ColumnType, of: &DataType) -> Option<Box<dyn Cells>> {
    Some(match of {
        DataType::Int8 => parsed::<Int8Type>(of, |json| json.parse().ok()),
        DataType::Int16 => parsed::<Int16Type>(of, |json| json.parse().ok()),
        DataType::Int32 => parsed::<Int32Type>(of, |json| json.parse().ok()),
        DataType::Int64 => parsed::<Int64Type>(of, |json| json.parse().ok()),
        DataType::UInt8 => parsed::<UInt8Type>(of, |json| json.parse().ok()),
        DataType::UInt16 => parsed::<UInt16Type>(of, |json| json.parse().ok()),
        DataType::UInt32 => parsed::<UInt32Type>(of, |json| json.parse().ok()),
        DataType::UInt64 => parsed::<UInt64Type>(of, |json| json.parse().ok()),
        DataType::Float32 => {
            parsed::<Float32Type>(of, |json| json.parse().ok().filter(|number: &f32| number.is_finite()))
        }
        DataType::Float64 => {
            parsed::<Float64Type>(of, |json| json.parse().ok().filter(|number: &f64| number.is_finite()))
        }
        DataType::Decimal128(_, scale) => {
            let scale = usize::try_from(*scale).ok()?;
            parsed::<Decimal128Type>(of, move |json| decimal(json, scale))
        }
        DataType::Date32 => parsed::<Date32Type>(of, |json| date(&string(json)?)?.try_into().ok()),
        DataType::Timestamp(unit, _) => {
            let ColumnType::DateTime64 { zone, .. } = kind else { return None };
            let is_utc = is_utc(zone);
            match unit {
                TimeUnit::Second => parsed::<TimestampSecondType>(of, move |json| ticks(json, 0, is_utc)),
                TimeUnit::Millisecond => parsed::<TimestampMillisecondType>(of, move |json| ticks(json, 3, is_utc)),
                TimeUnit::Microsecond => parsed::<TimestampMicrosecondType>(of, move |json| ticks(json, 6, is_utc)),
                TimeUnit::Nanosecond => parsed::<TimestampNanosecondType>(of, move |json| ticks(json, 9, is_utc)),
            }
        }
        DataType::Boolean => Box::new(BooleanBuilder::new()),
        DataType::Utf8 => Box::new(StringBuilder::new()),
        _ => return None,
    })
}

/// The values of a column, each of which `read` parses.
struct Parsed<T: ArrowPrimitiveType, R> {
    values: PrimitiveBuilder<T>,
    read: R,
}

fn parsed<T: ArrowPrimitiveType>(of: &DataType, read: impl Fn(&str) -> Option<T::Native> + 'static) -> Box<dyn Cells> {
    Box::new(Parsed { values: PrimitiveBuilder::<T>::new().with_data_type(of.clone()), read })
}

impl<T: ArrowPrimitiveType, R: Fn(&str) -> Option<T::Native>> Cells for Parsed<T, R> {
    fn append(&mut self, json: Option<&str>) -> bool {
        let value = json.map(&self.read);
        self.values.append_option(value.flatten());
        value != Some(None)
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(&mut self.values)
    }
}

impl Cells for BooleanBuilder {
    fn append(&mut self, json: Option<&str>) -> bool {
        let value = json.map(|json| json.parse::<bool>().ok());
        self.append_option(value.flatten());
        value != Some(None)
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(self)
    }
}

impl Cells for StringBuilder {
    fn append(&mut self, json: Option<&str>) -> bool {
        let value = json.map(string);
        let is_read = value != Some(None);
        self.append_option(value.flatten());
        is_read
    }

    fn finish(&mut self) -> ArrayRef {
        ArrayBuilder::finish(self)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_json::ReaderBuilder;
    use arrow_schema::{Field, Schema};

    use super::{super::data_type, *};

    /// The values, as `arrow-json` reads them.
    fn decoded(of: &DataType, values: &[&str]) -> ArrayRef {
        let schema = Schema::new(vec![Field::new("c", of.clone(), true)]);
        let mut decoder = ReaderBuilder::new(Arc::new(schema)).build_decoder().unwrap();
        let row = |value: &&str| if value.is_empty() { "{}\n".to_owned() } else { format!("{{\"c\":{value}}}\n") };
        decoder.decode(values.iter().map(row).collect::<String>().as_bytes()).unwrap();
        Arc::clone(decoder.flush().unwrap().unwrap().column(0))
    }

    #[test]
    fn values_are_those_that_arrow_json_reads() {
        for (name, values) in [
            ("Int8", &["-128", "127", "", "0"][..]),
            ("UInt16", &["65535", "0"]),
            ("Int32", &["-2147483648"]),
            ("UInt64", &["18446744073709551615", ""]),
            ("Int64", &["-9223372036854775808"]),
            ("Float64", &["0.1", "1e308", "-0.0", "12345678901234567890", "4.9e-324", "1.7976931348623157e308"]),
            ("Float32", &["0.1", "3.4028235e38", "16777217", "1e-46", "0.30000001192092896"]),
            ("Decimal(18, 4)", &["1.25", "-0.0001", "12345678901234.5678", "", "7"]),
            ("Decimal(38, 0)", &["-99999999999999999999999999999999999999"]),
            ("Bool", &["true", "false", ""]),
            ("String", &[r#""""#, r#""a\"\\\n\u00e4\ud83d\ude00ü""#, "", r#""\u0000""#]),
            ("LowCardinality(Nullable(String))", &[r#""x""#, ""]),
            ("UUID", &[r#""61f0c404-5cb3-11e7-907b-a6006ad3dba0""#]),
            ("Date32", &[r#""1900-01-01""#, r#""2299-12-31""#, ""]),
            ("DateTime('UTC')", &["1517966773", ""]),
            ("DateTime64(0, 'UTC')", &[r#""1969-12-31T23:59:59.9Z""#, "7"]),
            ("DateTime64(3, 'UTC')", &[r#""2018-02-07T01:26:13.8409Z""#, r#""1969-12-31 23:59:59.9999Z""#, "-1"]),
            ("DateTime64(3, 'Asia/Tokyo')", &[r#""2018-02-07T01:26:13.84+05:30""#]),
            ("DateTime64(4, 'UTC')", &[r#""1900-01-01T00:00:00.123456789Z""#, r#""2018-02-07""#]),
            ("DateTime64(9, 'UTC')", &[r#""2018-02-07T01:26:13.123456789""#]),
        ] {
            let kind = ColumnType::of(name, "UTC");
            let kind = if let ColumnType::Nullable(kind) = kind { *kind } else { kind };
            let of = data_type(&kind).unwrap();
            let mut cells = cells(&kind, &of).unwrap();
            for value in values {
                assert!(cells.append(Some(*value).filter(|value| !value.is_empty())), "{name}: {value}");
            }
            assert_eq!(&cells.finish(), &decoded(&of, values), "{name}");
        }
    }
}
