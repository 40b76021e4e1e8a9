//! The values of each column type, compared with Arrow's own JSON reader on the same payloads.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_cast::display::array_value_to_string;
use arrow_json::ReaderBuilder;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use danube_sink::{Metadata, OnNewField, SinkRecord};
use danube_sink_arrow::{Columns, MappedColumns};
use proptest::prelude::*;
use serde_json::json;

fn schema(columns: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(columns.into_iter().collect::<Vec<_>>()))
}

/// Each column filled by the payload's field of its name.
fn by_name(schema: &SchemaRef) -> Columns {
    Columns::new(Arc::clone(schema), |name| format!("/{name}").parse().ok())
}

fn record(offset: u64, payload: impl Into<String>) -> SinkRecord {
    SinkRecord::builder("/default/t").offset(offset).publish_time(1_517_966_773_840).payload(payload.into()).build()
}

fn records(payloads: impl IntoIterator<Item = String>) -> Vec<SinkRecord> {
    payloads.into_iter().zip(1..).map(|(payload, offset)| record(offset, payload)).collect()
}

/// The values as Arrow shows them.
fn shown(array: &dyn Array) -> Vec<String> {
    (0..array.len()).map(|row| array_value_to_string(array, row).unwrap()).collect()
}

/// The value as Arrow shows it; `None` if the column does not take it.
fn taken(kind: &DataType, json: &str) -> Option<String> {
    let column = schema([Field::new("v", kind.clone(), true)]);
    let records = [record(1, format!(r#"{{"v": {json}}}"#))];
    let rows = by_name(&column).rows(&records).unwrap();
    let rejected = rows.rejected.into_result().err().map(|failure| failure.report());
    assert_eq!(rejected.is_none(), rows.batch.num_rows() == 1, "{json} as {kind}");
    assert!(rejected.is_none_or(|reason| reason.contains("column `v` does not take it")), "{json} as {kind}");
    assert_eq!(rows.records.len(), rows.batch.num_rows());
    shown(rows.batch.column(0)).pop()
}

#[test]
fn each_type_takes_the_documented_values() {
    let zone = |unit| DataType::Timestamp(unit, Some("UTC".into()));
    let paris = || DataType::Timestamp(TimeUnit::Microsecond, Some("Europe/Paris".into()));
    let item = || Arc::new(Field::new("item", DataType::Int64, true));
    let pair = DataType::Struct(Fields::from(vec![Field::new("a", DataType::Int64, true)]));
    let words = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for (kind, json, shown) in [
        (DataType::Utf8, "7.50", "7.50"),
        (DataType::LargeUtf8, r#""a \"b\"""#, "a \"b\""),
        (DataType::Utf8View, r#"{"a": [1]}"#, r#"{"a": [1]}"#),
        (words, r#""often""#, "often"),
        (DataType::UInt64, "18446744073709551615", "18446744073709551615"),
        (DataType::Int64, "9007199254740993.0", "9007199254740993"),
        (DataType::Int8, "-1.28e2", "-128"),
        (DataType::Int32, r#""-12""#, "-12"),
        (DataType::Float64, "0.1", "0.1"),
        (DataType::Float32, r#""2.5""#, "2.5"),
        (DataType::Boolean, "true", "true"),
        (
            DataType::Decimal128(38, 18),
            "12345678901234567890.123456789012345678",
            "12345678901234567890.123456789012345678",
        ),
        (DataType::Decimal256(50, 2), "-0.1200", "-0.12"),
        (DataType::Decimal64(10, 2), "1.2E+3", "1200.00"),
        (DataType::Date32, r#""2018-02-07""#, "2018-02-07"),
        (DataType::Time64(TimeUnit::Microsecond), r#""01:26:13""#, "01:26:13"),
        (zone(TimeUnit::Microsecond), r#""2018-02-07T01:26:13.8400019Z""#, "2018-02-07T01:26:13.840001Z"),
        (zone(TimeUnit::Nanosecond), r#""2018-02-07T01:26:13.840001Z""#, "2018-02-07T01:26:13.840001Z"),
        (zone(TimeUnit::Second), r#""2018-02-07T02:26:13+01:00""#, "2018-02-07T01:26:13Z"),
        (paris(), r#""2018-02-07T01:26:13.840001Z""#, "2018-02-07T02:26:13.840001+01:00"),
        (paris(), r#""2018-02-07T01:26:13""#, "2018-02-07T02:26:13+01:00"),
        (DataType::Binary, r#""/wCq""#, "ff00aa"),
        (DataType::LargeBinary, r#""/wCq""#, "ff00aa"),
        (DataType::BinaryView, r#""/wCq""#, "ff00aa"),
        (DataType::FixedSizeBinary(3), r#""/wCq""#, "ff00aa"),
        (DataType::List(item()), "[1, null, 7]", "[1, , 7]"),
        (pair, r#"{"a": 1, "b": 2}"#, "{a: 1}"),
    ] {
        assert_eq!(taken(&kind, json).as_deref(), Some(shown), "{json} as {kind}");
    }
    for (kind, json) in [
        (DataType::Int8, "128"),
        (DataType::UInt8, "-1"),
        (DataType::Int64, "1.0000000000000000001"),
        (DataType::Int64, "true"),
        (DataType::Float64, r#""much""#),
        (DataType::Boolean, "1"),
        (DataType::Boolean, r#""true""#),
        (DataType::Decimal128(10, 2), "123456789.1"),
        (DataType::Decimal128(10, 2), "{}"),
        (DataType::Date32, r#""today""#),
        (zone(TimeUnit::Microsecond), "1517966773840"),
        (DataType::Binary, "[1]"),
        (DataType::Binary, r#""no base64!""#),
        (DataType::FixedSizeBinary(2), r#""/wCq""#),
        (DataType::List(item()), r#""[1]""#),
        (DataType::List(item()), r#"["one"]"#),
    ] {
        assert_eq!(taken(&kind, json), None, "{json} as {kind}");
    }
}

#[test]
fn a_new_field_of_a_struct_is_treated_as_one_of_the_table() {
    let inner = DataType::Struct(Fields::from(vec![Field::new("a", DataType::Int64, true)]));
    let list = DataType::List(Arc::new(Field::new("item", inner.clone(), true)));
    let columns = schema([Field::new("s", inner, true), Field::new("l", list, true)]);
    let payloads = [
        r#"{"s": {"a": 1, "s3cret": 2}}"#,
        r#"{"l": [null, {"a": 1}, {"s3cret": {}}]}"#,
        r#"{"s": {"a": 1, "b": null}, "l": []}"#,
        r#"{"s": {"a": "x", "b": 1}, "l": [{"b": 1}]}"#,
    ];
    let records = records(payloads.map(str::to_owned));
    for (policy, count, new) in [
        (OnNewField::Ignore, 3, vec![]),
        (OnNewField::Reject, 1, vec!["s/s3cret", "l/s3cret", "s/b"]),
        (OnNewField::Add, 1, vec!["s/s3cret", "l/s3cret", "s/b"]),
    ] {
        let mapped = MappedColumns::new([], &[]).on_new_field(policy).columns(Arc::clone(&columns));
        let rows = mapped.rows(&records).unwrap();
        assert_eq!(
            (rows.records.len(), rows.new_fields),
            (count, new.into_iter().map(str::to_owned).collect()),
            "{policy:?}"
        );
        let report = rows.rejected.into_result().unwrap_err().report();
        assert!(!report.contains("s3cret"), "{report}");
        assert!(policy == OnNewField::Ignore || report.contains("the value at \"/s\" has a field"), "{report}");
    }
}

#[test]
fn rejected_records_do_not_move_the_others() {
    let columns = schema([
        Field::new("n", DataType::Int64, false),
        Field::new("absent", DataType::Int64, true),
        Field::new("offset", DataType::Int64, true),
    ]);
    let columns = Columns::new(columns, |name| match name {
        "absent" => None,
        "offset" => Some("offset".parse().unwrap()),
        _ => Some("/n".parse().unwrap()),
    });
    let payload = |number: u64| match number % 100 {
        7 => r#"{"n":"s3cret"}"#.to_owned(),
        8 => r#"{"n":null}"#.to_owned(),
        9 => r#"{"m":1}"#.to_owned(),
        10 => "no JSON".to_owned(),
        _ => format!(r#"{{"n":{number},"absent":1}}"#),
    };
    let records = records((0..3_500).map(payload));
    let rows = columns.rows(&records).unwrap();
    let fit: Vec<_> = (0..3_500).filter(|number| !(7..=10).contains(&(number % 100))).collect();
    let shown = |column| shown(rows.batch.column(column));
    assert_eq!(shown(0), fit.iter().map(u64::to_string).collect::<Vec<_>>());
    assert_eq!(shown(2), fit.iter().map(|number| (number + 1).to_string()).collect::<Vec<_>>());
    assert_eq!(rows.batch.column(1).null_count(), fit.len());
    assert!(rows.records.iter().map(|record| record.offset()).eq(fit.iter().map(|number| number + 1)));
    let report = rows.rejected.to_string();
    assert!(
        report.contains("140 rejected") && report.contains("does not take it as Int64") && !report.contains("s3cret"),
        "{report}"
    );
}

#[test]
fn a_batch_without_records_has_columns() {
    let columns = schema([Field::new("n", DataType::Int64, false)]);
    let rows = by_name(&columns).rows(&[]).unwrap();
    assert_eq!((rows.batch.num_rows(), rows.batch.schema()), (0, columns));
}

#[test]
fn columns_are_inferred_from_objects() {
    let payloads = [
        r#"{"a":1,"b":"x","c":{"d":[1]},"e":1,"f":null,"h":{"x":1},"i":[1],"j":1}"#,
        r#"{"a":2,"e":1.5,"g":true,"h":[1],"i":[{"x":[]}],"j":{}}"#,
        r#"{"h":1,"i":"x","j":true}"#,
        "[1]",
        "text",
    ];
    let records = records(payloads.map(str::to_owned));
    let nothing_named = MappedColumns::new([], &[Metadata::Offset]);
    let columns = nothing_named.of_new_table(&records);
    let columns: Vec<_> = columns.iter().map(|column| (column.name().as_str(), column.data_type().clone())).collect();
    let (text, long, double) = (DataType::Utf8, DataType::Int64, DataType::Float64);
    let expected = [
        ("a", long.clone()),
        ("b", text.clone()),
        ("c", text.clone()),
        ("e", double),
        ("f", text.clone()),
        ("g", DataType::Boolean),
        ("h", text.clone()),
        ("i", text.clone()),
        ("j", text),
        ("offset", long),
    ];
    assert_eq!(columns, expected);
    assert!(nothing_named.of_new_table(&records[3..]).is_empty());
}

#[test]
fn a_mapping_names_the_columns_of_a_table_and_the_fields_that_fill_them() {
    let (id, name) = (Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true));
    let from = Some("/user/name".parse().unwrap());
    let mapped = MappedColumns::new([(id.clone(), None), (name.clone(), from)], &[Metadata::Offset]);
    let offset = Field::new("offset", DataType::Int64, true);
    assert_eq!(mapped.of_new_table(&[]), [id.clone(), name.clone(), offset.clone()]);

    let table = schema([offset, Field::new("other", DataType::Int64, true), name.clone(), id]);
    let type_name = |kind: &DataType| kind.to_string().to_lowercase();
    assert_eq!(mapped.validate(&table, type_name), Ok(()));
    let without = schema([name.clone()]);
    let reason = "column `id` of the table is missing; the mapping expects `int64`";
    assert_eq!(mapped.validate(&without, type_name).unwrap_err(), reason);
    let other = schema([Field::new("id", DataType::Utf8, false), name]);
    let reason = "column `id` of the table is `utf8`; the mapping expects `int64`";
    assert_eq!(mapped.validate(&other, type_name).unwrap_err(), reason);

    let place = |names: [&str; 2], nullable| {
        let fields = names.map(|name| Field::new(name, DataType::Float64, nullable));
        let places = Field::new("element", DataType::Struct(Fields::from(fields.to_vec())), true);
        Field::new("places", DataType::List(Arc::new(places)), true)
    };
    let places = MappedColumns::new([(place(["lat", "lon"], true), None)], &[]);
    assert_eq!(places.validate(&schema([place(["lon", "lat"], true)]), type_name), Ok(()), "fields have names");
    for other in [place(["lon", "lat"], false), place(["lon", "height"], true)] {
        assert!(places.validate(&schema([other]), type_name).is_err());
    }

    let record = [record(7, r#"{"id":1,"other":2,"name":"no","user":{"name":"Ada"}}"#)];
    let row = |mapped: &MappedColumns| {
        let batch = mapped.columns(Arc::clone(&table)).rows(&record).unwrap().batch;
        (0..4).map(|column| array_value_to_string(batch.column(column), 0).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(row(&mapped), ["7", "", "Ada", "1"]);
    assert_eq!(row(&MappedColumns::new([], &[Metadata::Offset])), ["7", "2", "no", "1"]);
}

/// The batch that Arrow's own reader makes of the payloads.
fn of_arrow(schema: &SchemaRef, payloads: &[String]) -> RecordBatch {
    let mut decoder = ReaderBuilder::new(Arc::clone(schema)).with_batch_size(payloads.len()).build_decoder().unwrap();
    for payload in payloads {
        assert_eq!(decoder.decode(payload.as_bytes()).unwrap(), payload.len());
    }
    decoder.flush().unwrap().unwrap()
}

proptest! {
    /// The rows are the same as those of Arrow's reader, where it takes the payloads.
    #[test]
    fn rows_are_those_of_arrows_own_reader(
        values in prop::collection::vec(
            (any::<i64>(), any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()),
             any::<bool>(), ".{0,12}", any::<Option<i32>>(), prop::collection::vec(any::<Option<i64>>(), 0..4),
             -9_999_999_999_i64..9_999_999_999, 0..4_000_000_000_u32),
            1..40,
        ),
    ) {
        let item = Arc::new(Field::new("item", DataType::Int64, true));
        let at = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let pair = Fields::from(vec![
            Field::new("t", DataType::Utf8, true),
            Field::new("l", DataType::List(item), true),
            Field::new("double", DataType::Float64, true),
            Field::new("money", DataType::Decimal128(12, 2), true),
            Field::new("at", at(), true),
            Field::new("yes", DataType::Boolean, false),
        ]);
        let columns = schema([
            Field::new("long", DataType::Int64, true),
            Field::new("double", DataType::Float64, true),
            Field::new("yes", DataType::Boolean, true),
            Field::new("text", DataType::Utf8, true),
            Field::new("perhaps", DataType::Int32, true),
            Field::new("pair", DataType::Struct(pair), true),
            Field::new("money", DataType::Decimal128(12, 2), true),
            Field::new("at", at(), true),
        ]);
        let payloads: Vec<_> = values
            .iter()
            .map(|(long, double, yes, text, perhaps, list, cents, at)| {
                let money = format!("{}.{:02}", cents / 100, (cents % 100).abs());
                let at = u64::from(*at) * 1_001;
                let pair = json!({"t": text, "l": list, "double": double, "money": money, "at": at, "yes": yes, "x": [at]});
                let value = json!({
                    "long": long, "double": double, "yes": yes, "text": text, "perhaps": perhaps,
                    "pair": pair, "money": money, "at": at, "more": list,
                });
                value.to_string()
            })
            .collect();
        let read = ["at", "pair"].iter().fold(by_name(&columns), |read, name| read.with_unit(name, TimeUnit::Microsecond));
        let rows = read.rows(&records(payloads.clone())).unwrap().batch;
        prop_assert_eq!(rows, of_arrow(&columns, &payloads));
    }
}
