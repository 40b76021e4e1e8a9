//! Values by the short way and by way of JSON.

use danube_sink::TimeUnit;

use super::*;
use crate::column::{Days, Violation};

const KINDS: [&str; 40] = [
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "UInt128",
    "Int8",
    "Int16",
    "Int32",
    "Int64",
    "Int128",
    "Float32",
    "Float64",
    "Decimal(9, 2)",
    "Decimal(18, 4)",
    "Decimal(18, 0)",
    "Decimal(38, 10)",
    "Bool",
    "String",
    "FixedString(3)",
    "Enum8('a' = 1, '' = -1)",
    "Date",
    "Date32",
    "DateTime('UTC')",
    "DateTime('Asia/Tokyo')",
    "DateTime64(0, 'UTC')",
    "DateTime64(3, 'UTC')",
    "DateTime64(9, 'UTC')",
    "DateTime64(3, 'Asia/Tokyo')",
    "UUID",
    "IPv4",
    "IPv6",
    "Nullable(Int32)",
    "Nullable(String)",
    "Nullable(Decimal(9, 2))",
    "Nullable(DateTime('UTC'))",
    "Array(UInt8)",
    "Array(Nullable(String))",
    "Map(String, UInt8)",
    "Map(Int16, Array(String))",
    "LowCardinality(Nullable(String))",
];
const VALUES: [&str; 56] = [
    "0",
    "-0",
    "1",
    "-1",
    "7",
    "127",
    "128",
    "-128",
    "-129",
    "255",
    "256",
    "65535",
    "65536",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0.5",
    "-12.50",
    "0.0001",
    "0.00001",
    "1234567.89",
    "12345678.9",
    "1e3",
    "1.5E-3",
    "1e300",
    "0.30000001192092896",
    "1517966773",
    "1517966773.25",
    "true",
    "false",
    "null",
    r#""""#,
    r#""a""#,
    r#""7""#,
    r#""-0.25""#,
    r#""inf""#,
    r#""long""#,
    r#""a\u00e4\n\"é""#,
    r#""2018-02-07""#,
    r#""1899-12-31""#,
    r#""2018-02-07 01:26:13""#,
    r#""2018-02-07T01:26:13.123456789123Z""#,
    r#""2018-02-07T01:26:13.5+05:30""#,
    r#""1969-12-31T23:59:59.999Z""#,
    r#""2106-02-07T06:28:16Z""#,
    r#""2299-12-31T23:59:59Z""#,
    r#""2300-01-01T00:00:00Z""#,
    r#""61f0c404-5cb3-11e7-907b-a6006ad3dba0""#,
    r#""127.0.0.1""#,
    "[]",
    r#"[1, null, "a"]"#,
    r#"{"a": 1, "7": 2}"#,
    r#"{"7": ["a", "b"]}"#,
];

fn rules(unit: Option<TimeUnit>) -> Rules {
    let days = Days::of("26.9", false);
    Rules { unit, null_is_default: false, skip_unknown: false, days, in_ticks: false, in_json: false }
}

fn encoded(cells: &Cells) -> Vec<u8> {
    let mut block = Vec::new();
    write(&[cells], &mut block);
    block
}

/// By way of the row's JSON; `None` if the format does not carry the value.
fn by_json(kind: &ColumnType, json: &str, rules: &Rules) -> Result<Option<Cells>, Violation> {
    let (mut cells, mut row) = (Cells::of(kind).unwrap(), Vec::new());
    kind.write(json, rules, &mut row)?;
    Ok(cells.append(str::from_utf8(&row).unwrap()).map(|()| cells))
}

#[test]
fn a_value_has_the_bytes_that_it_has_by_way_of_the_rows_json() {
    let mut plain = 0;
    for (name, unit) in KINDS.iter().flat_map(|name| [None, Some(TimeUnit::Milliseconds)].map(|unit| (name, unit))) {
        let kind = ColumnType::of(name, "UTC");
        let rules = rules(unit);
        for json in VALUES {
            let mut cells = Cells::of(&kind).unwrap();
            cells.append_default(1);
            let before = encoded(&cells);
            let put = cells.put(&kind, json, &rules, &mut Vec::new());
            match (by_json(&kind, json, &rules), put) {
                (Ok(Some(expected)), Ok(())) => {
                    assert_eq!(cells.are_exact(), expected.are_exact(), "{name}: {json}");
                    let mut alone = Cells::of(&kind).unwrap();
                    plain += usize::from(alone.append_plain(json, &rules));
                    alone.undo();
                    assert!(alone.put(&kind, json, &rules, &mut Vec::new()).is_ok());
                    assert_eq!(encoded(&alone), encoded(&expected), "{name}: {json}");
                }
                (Ok(None), Err(Refusal::NotCarried(NotCarried))) => {}
                (Err(expected), Err(Refusal::Violation(violation))) => {
                    assert_eq!(violation, expected, "{name}: {json}")
                }
                (expected, put) => panic!("{name}: {json}: {expected:?}, and {}", put.is_ok()),
            }
            cells.undo();
            assert_eq!((encoded(&cells), cells.count.all), (before, 1), "{name}: {json}");
        }
    }
    // Most values of the types that are read at once.
    assert!(plain > 300, "{plain}");
}

#[test]
fn a_row_that_is_undone_leaves_the_values_before_it() {
    let rules = rules(None);
    for (name, kept, undone) in [
        ("UInt16", "7", "1e9"),
        ("String", r#""kept""#, r#""undone""#),
        ("Nullable(String)", "null", r#""undone""#),
        ("Nullable(String)", r#""kept""#, "null"),
        ("Array(String)", r#"["a","b"]"#, r#"["c"]"#),
        ("Array(UInt8)", "[1]", "[2,3,256]"),
        ("Map(String, Array(UInt8))", r#"{"a":[1,2]}"#, r#"{"b":[3],"c":[256]}"#),
    ] {
        let (kind, mut buffer) = (ColumnType::of(name, "UTC"), Vec::new());
        let mut cells = Cells::of(&kind).unwrap();
        assert!(cells.put(&kind, kept, &rules, &mut buffer).is_ok(), "{name}");
        let expected = encoded(&cells);
        let _ = cells.put(&kind, undone, &rules, &mut buffer);
        cells.undo();
        assert_eq!((encoded(&cells), cells.values()), (expected.clone(), 1), "{name}");
        cells.append_default(1);
        assert!(cells.put(&kind, kept, &rules, &mut buffer).is_ok(), "{name}");
        assert_eq!((cells.count.all, cells.values()), (3, 2), "{name}");
    }
}
