//! Values that a column does not take are rejected with their path; others are converted by the documented rules.

use std::sync::Arc;

use arrow_cast::display::array_value_to_string;
use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use danube_sink::{Metadata, OnNewField, SinkRecord};
use danube_sink_arrow::{Columns, MappedColumns};
use proptest::prelude::*;

fn schema(columns: impl IntoIterator<Item = Field>) -> SchemaRef {
    Arc::new(Schema::new(columns.into_iter().collect::<Vec<_>>()))
}

fn record(payload: impl Into<String>) -> SinkRecord {
    SinkRecord::builder("/default/t").offset(1).attribute("tenant", "a").payload(payload.into()).build()
}

fn by_name(schema: &SchemaRef) -> Columns {
    Columns::new(Arc::clone(schema), |name| format!("/{name}").parse().ok())
}

/// The row of a payload as Arrow shows it, or why the record is rejected.
fn row(columns: &Columns, payload: &str) -> Result<Vec<String>, String> {
    let records = [record(payload)];
    let rows = columns.rows(&records).unwrap();
    let show = |column: &Arc<dyn arrow_array::Array>| array_value_to_string(column, 0).unwrap();
    match rows.rejected.into_result() {
        Ok(()) => Ok(rows.batch.columns().iter().map(show).collect()),
        Err(error) => Err(error.report()),
    }
}

/// The value of a column as Arrow shows it, or why the record is rejected.
fn taken(kind: &DataType, unit: Option<TimeUnit>, json: &str) -> Result<String, String> {
    let columns = by_name(&schema([Field::new("v", kind.clone(), true)]));
    let columns = unit.into_iter().fold(columns, |columns, unit| columns.with_unit("v", unit));
    row(&columns, &format!(r#"{{"v": {json}}}"#)).map(|mut row| row.remove(0))
}

/// The same value in a list in a struct.
fn taken_within(kind: &DataType, unit: Option<TimeUnit>, json: &str) -> Result<String, String> {
    let list = DataType::List(Arc::new(Field::new("item", kind.clone(), true)));
    let kind = DataType::Struct(Fields::from(vec![Field::new("in", list, true)]));
    let shown = taken(&kind, unit, &format!(r#"{{"in": [{json}]}}"#))?;
    Ok(shown.strip_prefix("{in: [").and_then(|text| text.strip_suffix("]}")).unwrap().to_owned())
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

#[test]
fn a_number_is_a_time_only_with_a_unit_that_the_mapping_names() {
    let naive = DataType::Timestamp(TimeUnit::Microsecond, None);
    let nanoseconds = DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()));
    for kind in [utc(), naive.clone(), nanoseconds.clone()] {
        for number in ["1517966773840", "1517966773", "-1", "0", "1.5", "1e3"] {
            for reason in [taken(&kind, None, number), taken_within(&kind, None, number)] {
                let reason = reason.unwrap_err();
                assert!(
                    reason.contains("at \"/v") && reason.contains("no unit") && !reason.contains("15179"),
                    "{reason}"
                );
            }
        }
    }
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    for (unit, json, shown) in [
        (Millisecond, "1517966773840", "2018-02-07T01:26:13.840Z"),
        (Millisecond, "1517966773840.0", "2018-02-07T01:26:13.840Z"),
        (Millisecond, r#""1517966773840""#, "2018-02-07T01:26:13.840Z"),
        (Millisecond, r#""2018-02-07T01:26:13.84Z""#, "2018-02-07T01:26:13.840Z"),
        (Second, "1517966773", "2018-02-07T01:26:13Z"),
        (Second, "1517966773.84", "2018-02-07T01:26:13.840Z"),
        (Second, "1.517966773e9", "2018-02-07T01:26:13Z"),
        (Microsecond, "1517966773840001", "2018-02-07T01:26:13.840001Z"),
        (Nanosecond, "1517966773840001999", "2018-02-07T01:26:13.840001Z"),
        (Millisecond, "-1", "1969-12-31T23:59:59.999Z"),
        (Nanosecond, "-1", "1969-12-31T23:59:59.999999Z"),
        (Second, "-62135596800", "0001-01-01T00:00:00Z"),
        (Second, "253402300799", "9999-12-31T23:59:59Z"),
    ] {
        assert_eq!(taken(&utc(), Some(unit), json).as_deref(), Ok(shown), "{json} {unit:?}");
        assert_eq!(taken_within(&utc(), Some(unit), json).as_deref(), Ok(shown), "{json} {unit:?}");
    }
    assert_eq!(taken(&naive, Some(Second), "0").as_deref(), Ok("1970-01-01T00:00:00"));
    for (kind, unit, json) in [
        (utc(), Second, "1517966773840"),
        (utc(), Second, "-62135596801"),
        (utc(), Second, "253402300800"),
        (utc(), Millisecond, "1e30"),
        (utc(), Millisecond, "9223372036854775807"),
        (utc(), Second, "-9223372036854775808"),
        (utc(), Second, r#""soon""#),
        (utc(), Second, "true"),
        (nanoseconds, Second, "9300000000"),
        (DataType::Date32, Second, "17569"),
        (DataType::Time64(Microsecond), Second, "5"),
    ] {
        assert!(taken(&kind, Some(unit), json).is_err(), "{json} as {kind}");
        assert!(taken_within(&kind, Some(unit), json).is_err(), "{json} as {kind}");
    }
}

#[test]
fn times_are_strings_of_the_years_1_to_9999() {
    let naive = DataType::Timestamp(TimeUnit::Microsecond, None);
    for (kind, json, shown) in [
        (utc(), r#""2016-12-31T23:59:60Z""#, "2017-01-01T00:00:00Z"),
        (utc(), r#""2018-02-07T01:26:13""#, "2018-02-07T01:26:13Z"),
        (utc(), r#""2018-02-07""#, "2018-02-07T00:00:00Z"),
        (utc(), r#""1969-12-31T23:59:59.9999999Z""#, "1969-12-31T23:59:59.999999Z"),
        (naive.clone(), r#""2018-02-07T02:26:13+01:00""#, "2018-02-07T01:26:13"),
        (naive, r#""2018-02-07T02:26:13""#, "2018-02-07T02:26:13"),
        (DataType::Date32, r#""0001-01-01""#, "0001-01-01"),
        (DataType::Date32, r#""9999-12-31""#, "9999-12-31"),
        (DataType::Date64, r#""2018-02-07""#, "2018-02-07T00:00:00"),
        (DataType::Time32(TimeUnit::Second), r#""01:26:13""#, "01:26:13"),
    ] {
        assert_eq!(taken(&kind, None, json).as_deref(), Ok(shown), "{json} as {kind}");
        assert_eq!(taken_within(&kind, None, json).as_deref(), Ok(shown), "{json} as {kind}");
    }
    for (kind, json) in [
        (utc(), r#""0000-01-01T00:00:00Z""#),
        (utc(), r#""0001-01-01T00:00:00+14:00""#),
        (utc(), r#""9999-12-31T23:59:59-01:00""#),
        (utc(), r#""9999-12-31T23:59:60Z""#),
        (utc(), r#""10000-01-01T00:00:00Z""#),
        (utc(), r#""2018-02-30T00:00:00Z""#),
        (utc(), r#""2018-02-07T24:00:00Z""#),
        (utc(), r#""2018-02-07T01:26:13é""#),
        (utc(), r#""1517966773840""#),
        (utc(), r#""""#),
        (DataType::Date32, r#""2018-02-07T00:00:00Z""#),
        (DataType::Date32, r#""20180207""#),
        (DataType::Date32, r#""2018-2-007""#),
        (DataType::Date32, r#""0000-01-01""#),
        (DataType::Date32, r#""+10000-01-01""#),
        (DataType::Date32, "17569"),
        (DataType::Time64(TimeUnit::Microsecond), "5"),
        (DataType::Time64(TimeUnit::Microsecond), r#""5""#),
        (DataType::Time64(TimeUnit::Microsecond), r#""23:59:60""#),
    ] {
        assert!(taken(&kind, None, json).is_err(), "{json} as {kind}");
        assert!(taken_within(&kind, None, json).is_err(), "{json} as {kind}");
    }
}

#[test]
fn numbers_are_taken_exactly_or_rejected_with_their_path() {
    for (kind, json, shown) in [
        (DataType::Int32, "7.0", "7"),
        (DataType::Int32, "1e3", "1000"),
        (DataType::Int32, "-0", "0"),
        (DataType::Int32, r#""7.0""#, "7"),
        (DataType::UInt64, "18446744073709551615", "18446744073709551615"),
        (DataType::Float32, "16777217", "16777216.0"),
        (DataType::Float64, r#""NaN""#, "NaN"),
        (DataType::Float64, r#""-Infinity""#, "-inf"),
        (DataType::Decimal128(4, 2), "-12.340", "-12.34"),
        (DataType::Decimal128(4, 2), r#""0.05""#, "0.05"),
        (DataType::Decimal128(4, 2), "0e999999999999", "0.00"),
    ] {
        assert_eq!(taken(&kind, None, json).as_deref(), Ok(shown), "{json} as {kind}");
        assert_eq!(taken_within(&kind, None, json).as_deref(), Ok(shown), "{json} as {kind}");
    }
    for (kind, json) in [
        (DataType::Int32, "7.5"),
        (DataType::Int32, "2147483648"),
        (DataType::Int64, "9223372036854775808"),
        (DataType::Int64, r#""1e99999999999999999999""#),
        (DataType::Int64, "7.00000000000000000000000000000000000000001"),
        (DataType::UInt8, "-1"),
        (DataType::Int32, r#""""#),
        (DataType::Int32, r#"" 7""#),
        (DataType::Int32, r#""0x7""#),
        (DataType::Int32, "[7]"),
        (DataType::Float32, "3.5e38"),
        (DataType::Float32, r#""-1e39""#),
        (DataType::Float16, "65536"),
        (DataType::Float64, r#""1e400""#),
        (DataType::Float64, r#""inf""#),
        (DataType::Float64, r#""nan""#),
        (DataType::Float64, "false"),
        (DataType::Decimal128(4, 2), "0.005"),
        (DataType::Decimal128(4, 2), "12.345"),
        (DataType::Decimal128(4, 2), "100"),
        (DataType::Decimal128(4, 2), r#""NaN""#),
        (DataType::Decimal128(4, 2), r#""1e9999999999""#),
        (DataType::Boolean, r#""true""#),
        (DataType::Boolean, "0"),
        (DataType::Binary, r#""s3cret!""#),
        (DataType::FixedSizeBinary(2), r#""/wCq""#),
    ] {
        for (reason, place) in [(taken(&kind, None, json), "/v"), (taken_within(&kind, None, json), "/v/in/0")] {
            let reason = reason.expect_err(json);
            assert!(reason.contains("column `v` does not take it as"), "{json} as {kind}: {reason}");
            assert!(reason.contains(&format!("the value at \"{place}\" ")), "{json} as {kind}: {reason}");
            assert!(!reason.contains("s3cret"), "{reason}");
        }
    }
}

#[test]
fn missing_nested_values_are_named_by_their_path() {
    let pair = Fields::from(vec![
        Field::new("a", DataType::Int64, false),
        Field::new("b", DataType::Utf8, true),
        Field::new("c", DataType::Binary, true),
    ]);
    let pairs = DataType::List(Arc::new(Field::new("element", DataType::Struct(pair), false)));
    let entry =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int32, false)]);
    let map = DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false);
    for (kind, json, shown) in [
        (&pairs, r#"[{"a":1,"x":{"y":[]}},{"b":7,"a":2.0,"c":"/w=="}]"#, "[{a: 1, b: , c: }, {a: 2, b: 7, c: ff}]"),
        (&pairs, r#"[{"a":"no","a":1,"b":"\u00e9\u0000\""}]"#, "[{a: 1, b: é\0\", c: }]"),
        (&pairs, "[]", "[]"),
        (&map, r#"{"x":1,"y":2,"x":"3"}"#, "{x: 3, y: 2}"),
        (&map, "{}", "{}"),
        (&map, "null", ""),
    ] {
        assert_eq!(taken(kind, None, json).as_deref(), Ok(shown), "{json}");
    }
    for (kind, json, place) in [
        (&pairs, r#"[{"a":1},{"b":"s3cret"}]"#, "/v/1/a"),
        (&pairs, r#"[{"a":1},{"a":null}]"#, "/v/1/a"),
        (&pairs, r#"[{"a":1},null]"#, "/v/1"),
        (&pairs, r#"[{"a":1.5}]"#, "/v/0/a"),
        (&pairs, r#"{"a":1}"#, "/v"),
        (&pairs, r#"[[1]]"#, "/v/0"),
        (&pairs, r#""[]""#, "/v"),
        (&map, r#"{"s3cret":null}"#, "/v/value"),
        (&map, r#"{"s3cret":1e10}"#, "/v/value"),
        (&map, "[]", "/v"),
    ] {
        let reason = taken(kind, None, json).expect_err(json);
        assert!(reason.contains(&format!("at \"{place}\" ")) && !reason.contains("s3cret"), "{json}: {reason}");
    }
}

#[test]
fn a_payload_that_is_not_json_is_rejected_whatever_else_the_record_has() {
    let columns = ["n", "tenant", "offset"].map(|name| Field::new(name, DataType::Utf8, true));
    let columns = Columns::new(schema(columns), |name| match name {
        "tenant" => "attribute:tenant".parse().ok(),
        "offset" => "offset".parse().ok(),
        _ => "/n".parse().ok(),
    });
    for (payload, reason) in [
        (r#"{"n":"\ud83d"}"#, "a lone surrogate"),
        (r#"{"n":NaN}"#, "not JSON"),
        ("\u{feff}{\"n\":3}", "not JSON"),
        (r#"{"n":"cut o"#, "not JSON"),
        (r#"{"n":1e400}"#, "beyond the range"),
        ("", "not JSON"),
        ("text", "not JSON"),
    ] {
        let rejected = row(&columns, payload).expect_err(payload);
        assert!(rejected.contains(reason), "{payload}: {rejected}");
    }
    let reason = row(&by_name(&schema([Field::new("n", DataType::Utf8, true)])), r#"{"num":1}"#).unwrap_err();
    assert!(reason.contains("no value for `/n`"), "{reason}");
    for payload in [r#"{"m":1}"#, "null", "7", "[]"] {
        assert!(row(&columns, payload).expect_err(payload).contains("no value for `/n`"), "{payload}");
    }
}

#[test]
fn a_required_column_is_required_even_if_it_is_nullable_in_the_table() {
    let n = Field::new("n", DataType::Int64, false);
    let n_alone = MappedColumns::new([(n.clone(), None)], &[]);
    let table = schema([Field::new("n", DataType::Int64, true), Field::new("m", DataType::Int64, true)]);
    let mapped = MappedColumns::new([(n, None), (Field::new("m", DataType::Int64, true), None)], &[]);
    for payload in [r#"{"m":1,"n":null}"#, r#"{"m":1}"#] {
        let reason = row(&mapped.columns(Arc::clone(&table)), payload).expect_err(payload);
        assert!(reason.contains("no value for column `n`"), "{reason}");
    }
    let strict = schema([Field::new("n", DataType::Int64, true), Field::new("m", DataType::Int64, false)]);
    let reason = n_alone.validate(&strict, ToString::to_string).unwrap_err();
    assert!(reason.contains("`m` of the table must have a value"), "{reason}");
    let reason = row(&MappedColumns::new([], &[]).columns(strict), r#"{"n":1}"#).unwrap_err();
    assert!(reason.contains("no value for column `m`"), "{reason}");
}

#[test]
fn names_that_collide_are_found() {
    let named = |names: &[&str], metadata: &[Metadata]| {
        let columns = names.iter().map(|name| (Field::new(*name, DataType::Utf8, true), None));
        MappedColumns::new(columns, metadata).repeated().map(str::to_owned)
    };
    assert_eq!(named(&["a", "b"], &[Metadata::Offset]), None);
    assert_eq!(named(&["a", "A"], &[]).as_deref(), Some("A"));
    assert_eq!(named(&["Straße", "STRASSE"], &[]), None);
    assert_eq!(named(&["Offset"], &[Metadata::Offset]).as_deref(), Some("offset"));

    let mapped = MappedColumns::new([], &[Metadata::Offset]);
    let first = [record(r#"{"id":1,"ID":2,"Offset":3,"a.b":1,"a b":2}"#)];
    let columns: Vec<_> = mapped.of_new_table(&first).iter().map(|column| column.name().clone()).collect();
    assert_eq!(columns, ["ID", "a b", "a.b", "offset"], "one of each name");
    let table = schema(mapped.of_new_table(&first));
    let columns = mapped.columns(Arc::clone(&table));
    assert_eq!(row(&columns, r#"{"ID":2,"a.b":1,"a b":2,"other":3}"#).unwrap(), ["2", "2", "1", "1"]);
    for (payload, column) in [(r#"{"id":"s3cret"}"#, "`ID`"), (r#"{"ID":1,"OFFSET":"s3cret"}"#, "`offset`")] {
        let reason = row(&columns, payload).expect_err(payload);
        assert!(reason.contains(column) && !reason.contains("s3cret"), "{reason}");
    }
    let lower = schema([Field::new("id", DataType::Utf8, true)]);
    let upper = MappedColumns::new([(Field::new("ID", DataType::Utf8, true), None)], &[]);
    assert!(upper.validate(&lower, ToString::to_string).unwrap_err().contains("`id` in the table"));
}

#[test]
fn an_integer_beyond_64_bits_makes_no_column_of_doubles() {
    let mapped = MappedColumns::new([], &[]);
    let columns = mapped.of_new_table(&[record(r#"{"n":18446744073709551615}"#)]);
    assert_eq!(columns[0].data_type(), &DataType::Utf8);
}

proptest! {
    /// Each integer type takes exactly the integers in its range, unchanged.
    #[test]
    fn integers_are_unchanged_or_rejected(digits in any::<i128>(), shift in 0_u32..30, zeros in 0_usize..4) {
        let number = digits >> (4 * shift).min(127);
        let json = format!("{number}.{}", "0".repeat(zeros + 1));
        let json = if zeros == 0 { number.to_string() } else { json };
        for (kind, least, most) in [
            (DataType::Int8, i128::from(i8::MIN), i128::from(i8::MAX)),
            (DataType::Int32, i128::from(i32::MIN), i128::from(i32::MAX)),
            (DataType::Int64, i128::from(i64::MIN), i128::from(i64::MAX)),
            (DataType::UInt16, 0, i128::from(u16::MAX)),
            (DataType::UInt64, 0, i128::from(u64::MAX)),
        ] {
            let expected = (least..=most).contains(&number).then(|| number.to_string());
            prop_assert_eq!(taken(&kind, None, &json).ok(), expected, "{} as {}", json, kind);
        }
    }

    /// A list takes the same values as a column of its item type.
    #[test]
    fn a_value_means_the_same_at_every_depth(
        json in prop_oneof![
            "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,6})?([eE][+-]?[0-9]{1,3})?",
            "\"-?[0-9]{1,12}(\\.[0-9]{1,6})?\"",
            "\"[12][0-9]{3}-[01][0-9]-[0-3][0-9](T[012][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|[+-][01][0-9]:00)?)?\"",
            "\"[A-Za-z0-9+/ \u{e9}]{0,8}={0,2}\"",
            Just("true".to_owned()), Just("{}".to_owned()), Just("[1]".to_owned()), Just("\"\\u0000\"".to_owned()),
        ],
        unit in prop::option::of(prop_oneof![
            Just(TimeUnit::Second), Just(TimeUnit::Millisecond), Just(TimeUnit::Microsecond), Just(TimeUnit::Nanosecond)
        ]),
    ) {
        for kind in [
            DataType::Int16, DataType::Int64, DataType::Float32, DataType::Float64, DataType::Boolean, DataType::Utf8,
            DataType::Decimal128(9, 3), DataType::Date32, DataType::Binary, utc(),
            DataType::Timestamp(TimeUnit::Nanosecond, None), DataType::Time64(TimeUnit::Microsecond),
        ] {
            let (top, within) = (taken(&kind, unit, &json), taken_within(&kind, unit, &json));
            prop_assert_eq!(top.clone().ok(), within.clone().ok(), "{} as {}: {:?} {:?}", json, kind, top, within);
        }
    }
}

#[test]
fn a_field_without_a_column_is_left_out_or_rejects_its_record() {
    let table = schema([Field::new("id", DataType::Int64, true)]);
    let new = r#"{"id":1,"s3cret":{"a":1}}"#;
    for (policy, is_written) in [(OnNewField::Ignore, true), (OnNewField::Reject, false), (OnNewField::Add, false)] {
        let mapped = MappedColumns::new([], &[]).on_new_field(policy);
        let columns = mapped.columns(Arc::clone(&table));
        match row(&columns, new) {
            Ok(row) => assert!(is_written && row == ["1"], "{policy:?}"),
            Err(reason) => {
                assert!(!is_written && reason.contains("`on_new_field`") && !reason.contains("s3cret"), "{reason}")
            }
        }
        assert_eq!(row(&columns, r#"{"id":1,"new":null}"#).unwrap(), ["1"], "{policy:?}: nothing is lost");
        let named = MappedColumns::new([(Field::new("id", DataType::Int64, true), None)], &[]).on_new_field(policy);
        assert_eq!(row(&named.columns(Arc::clone(&table)), new).unwrap(), ["1"], "{policy:?}: the mapping has chosen");
    }
}
