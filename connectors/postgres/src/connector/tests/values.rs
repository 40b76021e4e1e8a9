//! Values that a column does not take: never NULL, never truncated, never wrapped, never guessed.

use super::{Bench, ConnectorError, SinkConnector, TOPIC, records, rejected, report, start};
use danube_sink::{SinkRecord, config::PayloadFormat, schema::Decoder};

const DOMAINS: &str = "
    CREATE DOMAIN short AS varchar(3); CREATE DOMAIN shorter AS short CHECK (VALUE <> 'no');
    CREATE DOMAIN shorts AS varchar(3)[]; CREATE DOMAIN three AS char(3); CREATE DOMAIN bits3 AS bit(3);
    CREATE DOMAIN tenths AS numeric(4,1); CREATE DOMAIN percent AS int CHECK (VALUE <= 100);
    CREATE DOMAIN moment AS timestamp(0)";

#[tokio::test]
async fn a_payload_that_is_not_json_is_rejected() {
    let columns = "columns = { id = '/id', name = '/name', v = '/v' }\ntable = 'rows'\n";
    let table = "CREATE TABLE rows (id int, name text, v float8, key text, whole text)";
    for mapping in [columns, &format!("{columns}metadata = ['key']")] {
        let mut bench = Bench::new(table, mapping).await;
        for payload in [
            r#"{"id":1,"name":"\ud83d"}"#,
            r#"{"id":2,"name":"x","v":NaN}"#,
            r#"{"id":2,"name":"x","v":Infinity}"#,
            "\u{feff}{\"id\":3}",
            r#"{"id":4,"name":"cut o"#,
            r#"{"id":4,}"#,
            r#"{'id':4}"#,
            r#"{"id":4}{"id":5}"#,
            r#"{"id":5,"v":1e400}"#,
            "",
            " ",
            "id=7",
            "7",
            "true",
            "null",
            "\"text\"",
            "[]",
            "[{\"id\":1}]",
        ] {
            report!(bench.write(&[payload]).await, Partial);
        }
        assert_eq!(bench.rows("SELECT * FROM rows").await, [] as [String; 0]);
    }
}

#[tokio::test]
async fn a_payload_without_any_mapped_field_is_rejected() {
    let mapping = "table = 'sales'\ncolumns = { number = '/number', sweets = '/sweets/0' }\nmetadata = ['offset']";
    let mut bench = Bench::new("CREATE TABLE sales (number int, sweets text, \"offset\" bigint)", mapping).await;
    for payload in [r#"{"num":1,"sweet":"candy"}"#, "{}", r#"{"sweets":[]}"#, r#"{"sweets":"candy"}"#] {
        let text = report!(bench.write(&[payload]).await, Partial);
        assert!(text.contains("/number") && text.contains("/sweets/0") && !text.contains("candy"), "{text}");
    }
    bench.write(&[r#"{"number":null}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT * FROM sales").await, [r#"{"number":null,"sweets":null,"offset":0}"#]);
}

#[tokio::test]
async fn every_invalid_record_of_a_batch_is_named_at_once() {
    let mapping = "table = 'rows'\ncolumns = { id = '/id', n = '/n', u = '/u' }";
    let mut bench = Bench::new("CREATE TABLE rows (id int, n numeric(4,2), u inet)", mapping).await;
    let batch =
        [r#"{"id":1}"#, r#"{"id":"s3cret"}"#, r#"{"id":2}"#, "s3cret", r#"{"id":2147483648}"#, r#"{"id":3,"n":100}"#];
    let mut named = rejected(bench.write(&batch).await);
    named.sort();
    assert_eq!(named.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [1, 3, 4, 5]);
    assert!(named[0].1.contains("\"id\"") && named[0].1.contains("/id"), "{named:?}");
    // Values that only the server can judge are in one error too, with their columns.
    let batch = [r#"{"id":1,"n":100}"#, r#"{"id":2,"n":1}"#, r#"{"id":3,"u":"s3cret"}"#, r#"{"id":4,"n":"s3cret"}"#];
    let named = rejected(bench.write(&batch).await);
    assert_eq!(named.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 2, 3]);
    let has = |place: usize, parts: [&str; 2]| parts.iter().all(|part| named[place].1.contains(part));
    assert!(has(0, ["\"n\"", "22003"]) && has(1, ["\"u\"", "22P02"]) && has(2, ["\"n\"", "22P02"]), "{named:?}");
    assert!(!format!("{named:?}").contains("s3cret"));
    assert_eq!(bench.rows("SELECT * FROM rows").await, [] as [String; 0]);
}

#[tokio::test]
async fn integral_numbers_are_integers_however_they_are_written() {
    let table = "CREATE TABLE rows (n int PRIMARY KEY, small smallint, big bigint, list int[])";
    let mapping = "mode = 'upsert'\nkey = ['n']\ntable = 'rows'\n\
                   columns = { n = '/n', small = '/s', big = '/b', list = '/l' }";
    let mut bench = Bench::new(table, mapping).await;
    for n in ["7.0", "1e3", "-0", "\"7.0\"", "7", "\"70e-1\""] {
        bench
            .write(&[&format!(r#"{{"n":{n},"s":3.2767e4,"b":9223372036854775807.00,"l":[1.0,-0,"2e1",null]}}"#)])
            .await
            .unwrap();
    }
    assert_eq!(bench.rows("SELECT n FROM rows ORDER BY n").await, [r#"{"n":0}"#, r#"{"n":7}"#, r#"{"n":1000}"#]);
    let all = r#"{"small":32767,"big":9223372036854775807,"list":[1,0,20,null]}"#;
    assert_eq!(bench.rows("SELECT small, big, list FROM rows WHERE n = 7").await, [all]);
    for wrong in [
        r#"{"n":7.5}"#,
        r#"{"n":1e10}"#,
        r#"{"n":1,"s":32768}"#,
        r#"{"n":1,"s":-32769.0}"#,
        r#"{"n":1,"b":9223372036854775808}"#,
        r#"{"n":1,"b":18446744073709551617}"#,
        r#"{"n":1,"b":1e300}"#,
        r#"{"n":1,"l":[2147483648]}"#,
        r#"{"n":1,"l":[0.5]}"#,
        r#"{"n":true}"#,
        r#"{"n":{"s3cret":1}}"#,
        r#"{"n":"0x10"}"#,
        r#"{"n":""}"#,
        r#"{"n":null}"#,
    ] {
        let text = report!(bench.write(&[wrong]).await, Partial);
        assert!(text.contains("invalid value for column") && !text.contains("s3cret"), "{wrong}: {text}");
    }
    assert_eq!(bench.rows("SELECT n FROM rows").await.len(), 3);
}

#[tokio::test]
async fn each_type_rejects_invalid_values_and_names_the_column() {
    let bench = Bench::new(
        "CREATE TYPE mood AS ENUM ('sad', 'happy', '1');
         CREATE TYPE pair AS (a int, b varchar(2)); CREATE TABLE rows (n int)",
        "table = 'rows'\ncolumns = { n = '/n' }",
    )
    .await;
    bench.sql.batch_execute(DOMAINS).await.unwrap();
    let mut wrongly = Vec::new();
    for (ty, wrong) in [
        ("smallint", &["32768", "-32769", "1.5", "\"x\""][..]),
        ("bigint", &["9223372036854775808", "-9223372036854775809"]),
        ("oid", &["-1", "4294967296"]),
        ("real", &["1e39", "-1e39", "1e-60", "\"1e39\"", "[1]"]),
        ("float8", &["\"1e309\"", "\"1e-400\"", "\"x\"", "true", "{}"]),
        ("numeric", &["\"1e200000\"", "\"x\"", "true", "{\"a\":1}", "[1]"]),
        ("numeric(4,2)", &["100", "99.996", "-100", "\"Infinity\""]),
        ("numeric(2,-1)", &["1000"]),
        ("money", &["\"$1,000\"", "\"x\"", "true"]),
        ("boolean", &["2", "-1", "0.5", "\"maybe\"", "[]", "\"\""]),
        ("text", &[r#""a\u0000b""#, r#""\u0000""#]),
        ("varchar(3)", &["\"abcdef\"", "\"abc \"", "\"äöüß\"", "12345", r#"{"a":1}"#]),
        ("char(3)", &["\"abcd\"", "1000"]),
        ("\"char\"", &["\"ab\"", "\"ä\""]),
        ("name", &["\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\""]),
        ("short", &["\"abcd\"", "\"abcdef\"", "\"abc \""]),
        ("shorter", &["\"abcd\"", "\"abc \"", "\"no\""]),
        ("shorts", &["[\"abcd\"]", "[\"abc \"]", "[[\"abc \"]]"]),
        ("three", &["\"abcd\"", "1000"]),
        ("tenths", &["1000", "999.96"]),
        ("bits3", &["\"1010\"", "\"10\"", "101"]),
        ("percent", &["101", "\"101\"", "1e20"]),
        ("mood", &["\"Happy\"", "\"\"", "1", "true"]),
        ("pair", &[r#""(1,abc)""#, r#""(x,a)""#, r#"{"a":1}"#]),
        ("bit(3)", &["\"10101\"", "\"1\"", "101", "\"2\""]),
        ("varbit(3)", &["\"10101\"", "101"]),
        ("uuid", &["\"x\"", "1", "\"6f9619ff-8b86-d011-b42d-00cf4fc964f\""]),
        ("inet", &["\"10.0.0.256\"", "1", "\"10.0.0.1/33\""]),
        ("cidr", &["\"10.0.0.1/8\""]),
        ("macaddr", &["\"x\"", "1"]),
        (
            "date",
            &[
                "\"2024-02-30\"",
                "\"2024-01-01T23:00:00Z\"",
                "20240101",
                "19723",
                "\"now\"",
                "\"01/02/2024\"",
                "\"20240101\"",
            ],
        ),
        (
            "timestamptz",
            &[
                "1517966773",
                "1517966773840",
                "20240101",
                "\"1517966773\"",
                "\"now\"",
                "\"tomorrow\"",
                "\"2024-01-01T24:30:00Z\"",
                "\"\"",
            ],
        ),
        ("timestamp", &["1517966773840", "\"today\"", "\"epoch\"", "\"2024-01-01T00:00:00+99:00\""]),
        ("time", &["\"12:00:00+02:00\"", "\"2024-01-01T12:00:00Z\"", "43200", "\"25:00:00\"", "\"now\""]),
        ("interval", &["5", "\"x\"", "[1]"]),
        ("bytea", &["\"AAH\"", "\"a b\"", "\"_-8=\"", "1", "[1]"]),
        ("json", &[]),
        ("jsonb", &[r#"{"a":"\u0000"}"#]),
        ("int4range", &["[1,5]", "\"[5,1]\"", "1"]),
        ("int4multirange", &["[[1,5]]", "\"x\""]),
        ("tstzrange", &["\"[x,y)\""]),
        ("point", &["[1,2]", "\"x\""]),
        ("xml", &["1"]),
        ("pg_lsn", &["\"x\""]),
        ("jsonpath", &["\"a b\""]),
        ("tsquery", &["\"a b\""]),
        ("regclass", &["\"nowhere\""]),
        ("int[]", &["1", "\"{1}\"", "[1,[2]]", "[1,\"x\"]", "{\"a\":1}", "[true]"]),
        ("varchar(3)[]", &["[\"abcdef\"]", "[\"abc \"]", "[[\"abcdef\"]]"]),
        ("short[]", &["[\"abcdef\"]", "[\"abc \"]", "[[\"abc \"]]"]),
        ("shorter[]", &["[\"abcd\"]", "[\"abc \"]", "[\"no\"]"]),
        ("shorts[]", &["[[\"abcd\"]]", "[[\"abc \"]]", "[\"abc\"]"]),
        ("three[]", &["[\"abcd\"]"]),
        ("bits3[]", &["[\"1010\"]", "[\"10\"]", "[101]"]),
        ("tenths[]", &["[1000]", "[999.96]"]),
        ("percent[]", &["[101]"]),
        ("mood[]", &["[\"angry\"]"]),
        ("numeric(4,2)[]", &["[1,100]"]),
        ("timestamp[]", &["[1517966773840]", "[\"now\"]"]),
        ("bytea[]", &["[\"AAH\"]"]),
        ("uuid[]", &["[\"x\"]"]),
        ("bit(3)[]", &["[\"10101\"]"]),
    ] {
        let table = format!("DROP TABLE rows; CREATE TABLE rows (id int, \"the v\" {ty})");
        bench.sql.batch_execute(&table).await.unwrap();
        let mapping = "table = 'rows'\ncolumns = { id = '/id', 'the v' = '/v' }";
        let mut sink = start(&bench.server, mapping).await.unwrap();
        for wrong in wrong {
            let payloads =
                [r#"{"id":1}"#.to_owned(), format!(r#"{{"id":2,"v":{wrong}}}"#), r#"{"id":3,"v":null}"#.to_owned()];
            let payloads: Vec<_> = payloads.iter().map(String::as_str).collect();
            let answer = sink.process_batch(records(&payloads)).await;
            let count = bench.rows("SELECT count(*) FROM rows").await;
            // Those of a value that the server refuses are written again.
            let expected = if format!("{answer:?}").contains("2 records to retry") { 0 } else { 2 };
            let is_rejected = match &answer {
                Err(ConnectorError::Partial(_)) => {
                    let named = rejected(answer);
                    matches!(&named[..], [(1, reason)] if reason.contains("\"the v\""))
                }
                _ => false,
            };
            if !is_rejected || count != [format!(r#"{{"count":{expected}}}"#)] {
                wrongly.push(format!("{ty} {wrong}: {count:?}"));
            }
            bench.sql.batch_execute("DELETE FROM rows").await.unwrap();
        }
        // The others of the batch are written.
        sink.process_batch(records(&[r#"{"id":1}"#, r#"{"id":3,"v":null}"#])).await.unwrap();
    }
    assert_eq!(wrongly, [] as [String; 0]);
}

#[tokio::test]
async fn each_type_stores_the_documented_values() {
    let bench = Bench::new("CREATE TABLE rows (n int)", "table = 'rows'\ncolumns = ['n']").await;
    bench.sql.batch_execute(&format!("{DOMAINS}; SET TimeZone = 'Asia/Tokyo'")).await.unwrap();
    let mut wrongly = Vec::new();
    for (ty, value, stored) in [
        ("boolean", "1", "true"),
        ("boolean", "0.0", "false"),
        ("boolean", "\"yes\"", "true"),
        ("float8", "\"NaN\"", "NaN"),
        ("float8", "\"-Infinity\"", "-Infinity"),
        ("real", "\"-infinity\"", "-Infinity"),
        ("numeric", "\"NaN\"", "NaN"),
        ("numeric", "1e3", "1000"),
        ("numeric", "0.12345678901234567890", "0.12345678901234567890"),
        ("numeric(6,2)", "1.005", "1.01"),
        ("money", "1234.5", "$1,234.50"),
        ("money[]", "[1234.5]", "{\"$1,234.50\"}"),
        ("tenths", "1.25", "1.3"),
        ("tenths[]", "[1.25]", "{1.3}"),
        ("short", "\"äöü\"", "äöü"),
        ("shorter[]", "[\"äöü\",null]", "{äöü,NULL}"),
        ("shorts", "[[\"abc\"],[\"d\"]]", "{{abc},{d}}"),
        ("shorts[]", "[[\"abc\"],[\"d\",\"e\"]]", r#"{"{abc}","{d,e}"}"#),
        ("three", "\"ab    \"", "ab"),
        ("bits3[]", "[\"101\"]", "{101}"),
        ("percent[]", "[1e2]", "{100}"),
        ("char(3)", "\"ab     \"", "ab"),
        ("varchar(3)", "\"äöü\"", "äöü"),
        ("varchar(4)", "1.10", "1.10"),
        ("text", "true", "true"),
        (
            "text",
            r#"{"b":12345678901234567890.123456789,"a":1.10}"#,
            r#"{"b":12345678901234567890.123456789,"a":1.10}"#,
        ),
        ("varchar(40)", r#"{"b":1.10, "a": [1e400]}"#, ""),
        ("varchar(40)", r#"{"b":1.10, "a": [ 0.10 ]}"#, r#"{"b":1.10, "a": [ 0.10 ]}"#),
        ("text[]", r#"[{"b":1.10,"a":2},1.50,true]"#, r#"{"{\"b\":1.10,\"a\":2}",1.50,true}"#),
        ("numeric[]", "[1.10,12345678901234567890.5]", "{1.10,12345678901234567890.5}"),
        ("json", r#"{"b":1.10,"b":"\u0000"}"#, r#"{"b":1.10,"b":"\u0000"}"#),
        ("date", "\"infinity\"", "infinity"),
        ("timestamp", "\"2024-01-01T02:00:00+02:00\"", "2024-01-01 00:00:00"),
        ("timestamp", "\"2024-01-01T00:00:00\"", "2024-01-01 00:00:00"),
        ("timestamp", "\"-infinity\"", "-infinity"),
        ("timestamp(0)", "\"2024-01-01T00:00:00.6Z\"", "2024-01-01 00:00:01"),
        ("moment", "\"2024-01-01T00:00:00.4+01:00\"", "2023-12-31 23:00:00"),
        ("timestamp[]", "[\"2024-01-01T02:00:00+02:00\",null]", "{\"2024-01-01 00:00:00\",NULL}"),
        (
            "timestamp[]",
            "[[\"2024-01-01T02:00:00+02\"],[\"2024-01-01\"]]",
            "{{\"2024-01-01 00:00:00\"},{\"2024-01-01 00:00:00\"}}",
        ),
        ("timestamptz", "\"2024-01-01T00:00:00\"", "2024-01-01 09:00:00+09"),
        ("timestamptz[]", "[\"2024-01-01T02:00:00+02:00\"]", "{\"2024-01-01 09:00:00+09\"}"),
        ("timestamptz", "\"2024-01-01T00:00:00.1234567Z\"", "2024-01-01 09:00:00.123457+09"),
        ("time", "\"12:00\"", "12:00:00"),
        ("bytea", "\"AAH/\"", "\\x0001ff"),
        ("bytea[]", "[\"AAH/\",null]", r#"{"\\x0001ff",NULL}"#),
        ("int4range", "\"[1,5]\"", "[1,6)"),
        ("int[]", "[[1,2],[3,4]]", "{{1,2},{3,4}}"),
        ("int[]", "[]", "{}"),
    ] {
        bench.sql.batch_execute(&format!("DROP TABLE rows; CREATE TABLE rows (v {ty})")).await.unwrap();
        let mut sink = start(&bench.server, "table = 'rows'\ncolumns = { v = '/v' }").await.unwrap();
        let answer = sink.process_batch(records(&[&format!(r#"{{"v":{value}}}"#)])).await;
        if stored.is_empty() {
            report!(answer, Partial);
            continue;
        }
        let row = bench.sql.query_opt("SELECT v::text FROM rows", &[]).await.unwrap();
        let found = row.map(|row| row.get::<_, String>(0));
        if found.as_deref() != Some(stored) {
            wrongly.push(format!("{ty} {value}: {found:?} {answer:?}"));
        }
    }
    assert_eq!(wrongly, [] as [String; 0]);
}

#[tokio::test]
async fn keys_are_compared_as_they_are_stored() {
    let mapping =
        "mode = 'cdc'\noperation = '/op'\nkey = ['k']\ntable = 'rows'\ncolumns = { k = '/k', v = '/v', w = '/w' }";
    let bench = Bench::new("CREATE TABLE rows (n int)", "table = 'rows'\ncolumns = { n = '/n' }").await;
    bench.sql.batch_execute(DOMAINS).await.unwrap();
    let mut wrongly = Vec::new();
    for (ty, first, second) in [
        ("numeric(6,2)", "1.005", "1.01"),
        ("numeric(6,2)[]", "[1.005]", "[1.01]"),
        ("numeric(3,-1)", "14", "10"),
        ("char(3)", "\"a\"", "\"a \""),
        ("timestamp(0)", "\"2024-01-01T00:00:00.4Z\"", "\"2024-01-01T02:00:00+02:00\""),
        ("timestamptz(0)[]", "[\"2024-01-01T00:00:00.4Z\"]", "[\"2024-01-01T02:00:00+02:00\"]"),
        ("interval(0)", "\"1.4 seconds\"", "\"PT1S\""),
        ("interval second(0)", "\"1.4 seconds\"", "\"PT1S\""),
        ("moment", "\"2024-01-01T00:00:00.4Z\"", "\"2024-01-01T02:00:00+02:00\""),
        ("tenths", "1.25", "1.3"),
        ("tenths[]", "[1.25]", "[1.3]"),
        ("short", "\"abc\"", "\"abc\""),
        ("shorter", "\"abc\"", "\"abc\""),
        ("shorter[]", "[\"abc\"]", "[\"abc\"]"),
        ("shorts", "[\"abc\"]", "[\"abc\"]"),
        ("three", "\"a\"", "\"a \""),
        ("three[]", "[\"a\"]", "[\"a \"]"),
        ("bits3", "\"101\"", "\"101\""),
        ("bits3[]", "[\"101\"]", "[\"101\"]"),
        ("percent", "7", "7.0"),
    ] {
        let table = format!("DROP TABLE rows; CREATE TABLE rows (k {ty} PRIMARY KEY, v int, w int)");
        bench.sql.batch_execute(&table).await.unwrap();
        let mut sink = start(&bench.server, mapping).await.unwrap();
        // All columns, some, and none but the key.
        for (rest, row) in [(",\"v\":2,\"w\":2", r#"{"v":2,"w":2}"#), (",\"v\":3", r#"{"v":3,"w":1}"#)] {
            let both =
                [format!(r#"{{"op":"c","k":{first},"v":1,"w":1}}"#), format!(r#"{{"op":"u","k":{second}{rest}}}"#)];
            let written = sink.process_batch(records(&[&both[0], &both[1]])).await;
            let found = bench.rows("SELECT v, w FROM rows").await;
            let deleted = sink.process_batch(records(&[&format!(r#"{{"op":"d","k":{first}}}"#)])).await;
            let left = bench.rows("SELECT k FROM rows").await;
            if found != [row] || !left.is_empty() {
                wrongly.push(format!("{ty}: {written:?} {found:?} {deleted:?} {left:?}"));
                bench.sql.batch_execute("DELETE FROM rows").await.unwrap();
            }
        }
    }
    assert_eq!(wrongly, [] as [String; 0]);
}

#[tokio::test]
async fn a_scalar_is_a_row_where_the_column_is_the_whole_payload() {
    let mut bench = Bench::new("CREATE TABLE rows (v text)", "table = 'rows'\ncolumns = { v = '' }").await;
    bench.write(&["7.10", "\"a\"", "[1]", "{}", "true"]).await.unwrap();
    let decoder = || Decoder::without_schema(PayloadFormat::Json);
    let record = |payload: &'static str| SinkRecord::builder(TOPIC).payload(payload).decoder(decoder()).build();
    bench.sink.process_batch(vec![record("1.50")]).await.unwrap();
    for cut in ["{\"a\":", "[1", "{}{}"] {
        report!(bench.write(&[cut]).await, Partial);
        assert!(!rejected(bench.sink.process_batch(vec![record(cut)]).await).is_empty(), "{cut}");
    }
    let row = bench.sql.query_one("SELECT string_agg(v, ' ') FROM rows", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "7.10 a [1] {} true 1.50");
}
