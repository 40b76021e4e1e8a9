//! Rows in the format that the mapping asks for, as far as it carries them.

use danube_sink::{
    SinkConnector,
    testing::{HttpReply, HttpServer},
};

use super::{
    Engine, Process, connector, initialize, records,
    scripted::{assert_inserted, is_insert, parameter, with_columns},
    started,
};

#[cfg(feature = "arrow")]
const FORMATS: [&str; 3] = ["", "format = 'json_each_row'", "format = 'arrow_stream'"];
#[cfg(not(feature = "arrow"))]
const FORMATS: [&str; 2] = ["", "format = 'json_each_row'"];

/// A server that compares the types of `Native` with those of its table.
fn server(columns: &[(&str, &str, &str)]) -> HttpServer {
    with_columns("input_format_native_allow_types_conversion\nasync_insert\n", columns)
}

#[tokio::test]
async fn a_value_that_a_record_does_not_have_is_the_tables_default() {
    let server = Process::start_of(Engine::Current);
    server.ask(
        "CREATE TABLE t (n UInt64, s String DEFAULT 'd', o Nullable(String), p Nullable(String) DEFAULT 'd', \
         a Array(UInt8) DEFAULT [1], z UInt8, l LowCardinality(String), c String MATERIALIZED 'c', d Date32) ENGINE = MergeTree ORDER BY n",
    );
    let of_date32 = "SELECT min(d), max(d) FROM t FORMAT TSV";
    let rows = "SELECT n, s, o, p, a, z, l, c FROM t ORDER BY n FORMAT TSV";
    for format in FORMATS {
        let mut connector = started(&server, format).await;
        // All have it, none has it, and some have it.
        connector
            .process_batch(records([r#"{"n":1,"s":"x","p":null,"l":"é"}"#, r#"{"n":2,"s":"","p":"y"}"#]))
            .await
            .expect("rows");
        connector.process_batch(records([r#"{"n":3}"#, r#"{"n":4,"o":"x","z":7}"#])).await.expect("rows");
        connector.process_batch(records([r#"{"n":5,"s":"x","a":[]}"#, r#"{"n":6}"#, "{}"])).await.expect("rows");
        let expected = "0\td\t\\N\td\t[1]\t0\t\tc\n1\tx\t\\N\t\\N\t[1]\t0\té\tc\n2\t\t\\N\ty\t[1]\t0\t\tc\n3\td\t\\N\td\t[1]\t0\t\tc\n\
                        4\td\tx\td\t[1]\t7\t\tc\n5\tx\t\\N\td\t[]\t0\t\tc\n6\td\t\\N\td\t[1]\t0\t\tc";
        assert_eq!(server.ask(rows), expected, "{format}");
        assert_eq!(server.ask(of_date32), "1970-01-01\t1970-01-01", "{format}");
        server.ask("TRUNCATE TABLE t");
    }
}

/// The server stores 1900-01-01 in a column that the statement does not name, and 1970-01-01 for a value that a row lacks.
#[tokio::test]
async fn a_missing_date_does_not_depend_on_the_other_records_of_the_batch() {
    let server = Process::start_of(Engine::Current);
    for (kind, value, stored) in [
        ("Date32", r#""2018-02-07""#, ["1970-01-01", "2018-02-07"]),
        ("Tuple(x Date32)", r#"{"x":"2018-02-07"}"#, ["('1970-01-01')", "('2018-02-07')"]),
        ("Tuple(x UInt8)", r#"{"x":7}"#, ["(0)", "(7)"]),
        ("Date32 DEFAULT '2000-01-01'", r#""2018-02-07""#, ["2000-01-01", "2018-02-07"]),
    ] {
        server.ask("DROP TABLE IF EXISTS t");
        server.ask(&format!("CREATE TABLE t (n UInt64, d {kind}) ENGINE = MergeTree ORDER BY n"));
        for (format, columns) in FORMATS.iter().flat_map(|format| [(format, ""), (format, "columns = ['d', '/n']")]) {
            let mut connector = started(&server, &format!("{format}\n{columns}")).await;
            let with_value = format!(r#"{{"n":3,"d":{value}}}"#);
            for payloads in [&[r#"{"n":1}"#][..], &[r#"{"n":2}"#, &with_value]] {
                connector.process_batch(records(payloads)).await.expect("rows");
            }
            let [missing, given] = stored;
            let expected = format!("1\t{missing}\n2\t{missing}\n3\t{given}");
            assert_eq!(server.ask("SELECT n, d FROM t ORDER BY n FORMAT TSV"), expected, "{kind} {format} {columns}");
            server.ask("TRUNCATE TABLE t");
        }
    }
}

/// `Native` and `ArrowStream` name their columns in the URL, which proxies limit to 8 KiB.
#[tokio::test]
async fn rows_with_more_columns_than_a_url_has_room_for_are_sent_as_json() {
    let names: Vec<_> = (0..300).map(|number| format!("a_column_of_many_{number:03}")).collect();
    let columns: Vec<_> = names.iter().map(|name| (name.as_str(), "UInt8", "")).collect();
    let row = |columns: usize| {
        let members: Vec<_> = names.iter().take(columns).map(|name| format!(r#""{name}":1"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    for format in FORMATS {
        let server = with_columns("input_format_native_allow_types_conversion\nformat ArrowStream\n", &columns);
        let mut connector = connector(&server.url(), format);
        initialize(&mut connector).await.expect("the script");
        for columns in [100, 300] {
            connector.process_batch(records([row(columns)])).await.expect("the script");
        }
        assert_inserted(&server, "FORMAT JSONEachRow");
        let longest = server.requests().iter().map(|request| request.uri.len()).max();
        assert!(longest.is_some_and(|longest| longest < 8 * 1024), "{format}: {longest:?}");
    }
}

/// A profile may say that `DESCRIBE` answers with names and types alone.
#[tokio::test]
async fn a_default_is_known_whatever_the_profile_says_of_describe() {
    let server = Process::start_of(Engine::Current);
    server.ask("CREATE TABLE t (n UInt64, s String DEFAULT 'd') ENGINE = MergeTree ORDER BY n");
    server.ask("SET describe_compact_output = 1");
    for format in FORMATS {
        let mut connector = started(&server, format).await;
        connector.process_batch(records([r#"{"n":1,"s":"x"}"#, r#"{"n":2}"#])).await.expect("rows");
        assert_eq!(server.ask("SELECT * FROM t ORDER BY n FORMAT TSV"), "1\tx\n2\td", "{format}");
        server.ask("TRUNCATE TABLE t");
    }
}

/// Every type that `Native` carries, with values of each. `unchanged` compares what is then in the table.
#[tokio::test]
async fn types_and_values_go_as_native_blocks_where_these_carry_them() {
    let server = Process::start_of(Engine::Current);
    for (kind, values) in [
        ("UInt8", &["255", "true", "\"7\"", "1e2"][..]),
        ("Int64", &["-9223372036854775808"]),
        ("UInt128", &["340282366920938463463374607431768211455"]),
        ("Float32", &["1.5", "\"NaN\"", "\"1.5\"", "3"]),
        ("Float64", &["-0.0", "1e300", "\"-inf\""]),
        ("Decimal(9, 2)", &["1234567.89", "\"-1\""]),
        ("Decimal(38, 10)", &["1e20"]),
        ("Bool", &["true", "0"]),
        ("String", &["\"a\\u0000\"", "{\"a\":1}", "7"]),
        ("LowCardinality(Nullable(String))", &["\"a\"", "null"]),
        ("FixedString(3)", &["\"ab\""]),
        ("Enum8('a' = 1, 'b' = 2)", &["\"b\"", "1"]),
        ("Date", &["\"2018-02-07\""]),
        ("Date32", &["\"1900-01-01\""]),
        ("DateTime", &["\"2018-02-07T01:26:13Z\"", "1517966773"]),
        ("DateTime64(3, 'Asia/Tokyo')", &["\"2018-02-07T01:26:13.84+05:30\"", "1517966773.84"]),
        ("UUID", &["\"61f0c404-5cb3-11e7-907b-a6006ad3dba0\""]),
        ("IPv4", &["\"1.2.3.4\""]),
        ("IPv6", &["\"::1\"", "\"1.2.3.4\""]),
        ("Nullable(DateTime('UTC'))", &["null", "\"2018-02-07 01:26:13\""]),
        ("Array(Array(Nullable(UInt8)))", &["[]", "[[1,null],[]]"]),
        ("Map(UInt8, Array(String))", &["{}", "{\"7\":[\"x\"]}"]),
        ("Map(DateTime('UTC'), UInt8)", &["{\"2018-02-07T01:26:13Z\":1}"]),
        ("Map(DateTime64(3, 'UTC'), UInt8)", &["{\"2018-02-07T01:26:13Z\":1}"]),
        ("Map(Date, UInt8)", &["{\"2018-02-07\":1}"]),
        ("Map(Decimal(9, 2), UInt8)", &["{\"1.5\":1}"]),
        ("SimpleAggregateFunction(max, Int64)", &["7"]),
    ] {
        server.ask("DROP TABLE IF EXISTS t");
        server.ask(&format!("CREATE TABLE t (v {kind}) ENGINE = MergeTree ORDER BY tuple()"));
        let mut connector = started(&server, "time_unit = 's'").await;
        for more in [None, Some("{}".to_owned())] {
            let payloads = values.iter().map(|value| format!("{{\"v\":{value}}}")).chain(more);
            connector.process_batch(records(payloads)).await.unwrap_or_else(|error| panic!("{kind}: {error:?}"));
            assert_eq!(connector.server.unconverted.get(), 0, "{kind}");
        }
        assert_eq!(server.ask("SELECT count() FROM t"), (2 * values.len() + 1).to_string(), "{kind}");
    }
}

#[tokio::test]
async fn what_native_does_not_carry_goes_as_json() {
    for (kind, value) in [
        ("Tuple(UInt8, String)", "[1,\"x\"]"),
        ("JSON", "{\"a\":1}"),
        ("Int256", "1"),
        ("Decimal(76, 2)", "1"),
        ("Time", "\"23:59:59\""),
        ("DateTime('Europe/Berlin')", "\"2018-02-07 01:26:13\""),
        ("Array(DateTime64(3, 'Europe/Berlin'))", "[\"2018-02-07 01:26:13\"]"),
    ] {
        let server = server(&[("n", "UInt8", ""), ("v", kind, ""), ("d", "UInt8", "DEFAULT")]);
        let mut connector = connector(&server.url(), "");
        initialize(&mut connector).await.expect("the script");
        for (payloads, expected) in [
            (vec![r#"{"n":1}"#.to_owned(), format!("{{\"n\":2,\"v\":{value}}}")], "FORMAT JSONEachRow"),
            // Columns that no record fills do not matter.
            (vec![r#"{"n":1}"#.to_owned()], "(`n`) FORMAT Native"),
            (vec![r#"{"n":1,"d":2}"#.to_owned()], "(`n`, `d`) FORMAT Native"),
            // The column's own default counts.
            (vec![r#"{"n":1,"d":2}"#.to_owned(), r#"{"n":1}"#.to_owned()], "FORMAT JSONEachRow"),
            (vec!["{}".to_owned()], "FORMAT JSONEachRow"),
        ] {
            connector.process_batch(records(payloads)).await.unwrap_or_else(|error| panic!("{kind}: {error:?}"));
            assert_inserted(&server, expected);
        }
    }
}

#[tokio::test]
async fn settings_and_asynchronous_inserts_that_are_about_texts_keep_json() {
    for mapping in [
        "format = 'json_each_row'",
        "async_insert = true",
        "settings = { date_time_input_format = 'basic' }",
        "settings = { input_format_null_as_default = '1' }",
    ] {
        let server = server(&[("n", "UInt8", "")]);
        let mut connector = connector(&server.url(), mapping);
        initialize(&mut connector).await.expect("the script");
        connector.process_batch(records([r#"{"n":1}"#])).await.expect("the script");
        assert_inserted(&server, "FORMAT JSONEachRow");
    }
}

/// Several blocks, of which one lacks a column, and strings that a length of one byte does not hold.
#[tokio::test]
async fn a_large_batch_is_whole_and_in_order() {
    let server = Process::start_of(Engine::Current);
    server.ask("CREATE TABLE t (n UInt64, s Nullable(String), a Array(String), m Map(String, UInt64)) ENGINE = MergeTree ORDER BY n");
    let mut connector = started(&server, "").await;
    let row = |number: usize| match number {
        ..6_000 => format!(r#"{{"n":{number}}}"#),
        _ => {
            let text = "ä".repeat(number % 300);
            format!(r#"{{"n":{number},"s":"{text}","a":["{number}",""],"m":{{"k{number}":{number}}}}}"#)
        }
    };
    connector.process_batch(records((0..12_000).map(row))).await.expect("rows");
    let sums = "SELECT count(), sum(n), countIf(isNull(s)), sum(length(s)), sum(length(a)), countIf(a[1] = toString(n)), \
                countIf(m['k' || toString(n)] = n) FROM t FORMAT TSV";
    let lengths: usize = (6_000..12_000).map(|number| 2 * (number % 300)).sum();
    // The row 0 has no value in the map, which is 0, too.
    assert_eq!(server.ask(sums), format!("12000\t71994000\t6000\t{lengths}\t12000\t6000\t6001"));
}

/// Servers number the blocks of an insert for deduplication, so their number must not depend on the machine.
#[tokio::test]
async fn a_batch_is_one_block() {
    let server = server(&[("n", "UInt64", "")]);
    let mut connector = connector(&server.url(), "");
    initialize(&mut connector).await.expect("the script");
    connector.process_batch(records((0..4_000).map(|number| format!(r#"{{"n":{number}}}"#)))).await.expect("rows");
    let requests = server.requests();
    let body = &requests.iter().rfind(|request| is_insert(request)).expect("an insert").body;
    // One column, 4000 rows, its name and type.
    assert!(body.starts_with(&[1, 0xa0, 0x1f, 1, b'n', 6]), "{:?}", &body[..8]);
    assert_eq!(body.len(), 12 + 8 * 4_000);
}

#[tokio::test]
async fn rows_that_the_server_refuses_as_native_are_sent_as_json() {
    let columns = r#"{"name":"n","type":"UInt8","default_type":""}"#;
    let server = HttpServer::start(move |request| match parameter(request, "query") {
        Some(query) if query.ends_with("Native") => HttpReply::status(500, "Code: 53. DB::Exception: s3cret"),
        Some(_) => HttpReply::status(200, ""),
        None if request.text().starts_with("DESCRIBE") => HttpReply::status(200, columns),
        None => HttpReply::status(200, "input_format_native_allow_types_conversion\n"),
    })
    .expect("a free port");
    let mut connector = connector(&server.url(), "");
    initialize(&mut connector).await.expect("the script");
    connector.process_batch(records([r#"{"n":1}"#])).await.expect("the script");
    assert_inserted(&server, "FORMAT JSONEachRow");
    let inserts = || server.requests().iter().filter(|request| is_insert(request)).count();
    assert_eq!(inserts(), 3, "the check at start, Native, and JSON");
    connector.process_batch(records([r#"{"n":1}"#])).await.expect("the script");
    assert_eq!(inserts(), 4, "JSON");
}

/// A change of the table is noticed, although no `DESCRIBE` precedes each insert.
#[tokio::test]
async fn an_altered_table_is_noticed() {
    let server = Process::start_of(Engine::Current);
    server.ask(
        "CREATE TABLE t (k UInt64, n UInt64, s LowCardinality(String), e Enum8('a' = 1)) ENGINE = MergeTree ORDER BY k",
    );
    let mut connector = started(&server, "").await;
    for (alter, payloads, expected) in [
        ("ADD COLUMN d UInt8 DEFAULT 7", &[r#"{"k":1,"n":1,"s":"x","e":"a"}"#][..], Some("1\t1\tx\ta\t7")),
        ("MODIFY COLUMN n UInt8", &[r#"{"k":1,"n":300}"#], None),
        ("MODIFY COLUMN n UInt16", &[r#"{"k":1,"n":300}"#], Some("1\t300\t\ta\t7")),
        ("MODIFY COLUMN n String", &[r#"{"k":1,"n":300}"#], Some("1\t300\t\ta\t7")),
        ("MODIFY COLUMN e Enum8('a' = 1, 'b' = 2)", &[r#"{"k":1,"e":"a"}"#], Some("1\t\t\ta\t7")),
        ("MODIFY COLUMN e Enum16('a' = 3, 'b' = 2)", &[r#"{"k":1,"e":"a"}"#], Some("1\t\t\ta\t7")),
        (
            "MODIFY COLUMN s DEFAULT 'none'",
            &[r#"{"k":1,"s":"x"}"#, r#"{"k":2}"#],
            Some("1\t\tx\tb\t7\n2\t\tnone\tb\t7"),
        ),
        ("ADD COLUMN more Array(UInt8)", &[r#"{"k":1,"more":[1]}"#], Some("1\t\tnone\tb\t7\t[1]")),
        ("DROP COLUMN n", &[r#"{"k":1,"n":1}"#], None),
        ("ADD COLUMN n UInt8 AFTER k", &[r#"{"k":1,"n":1}"#], Some("1\t1\tnone\tb\t7\t[]")),
    ] {
        server.ask(&format!("ALTER TABLE t {alter}"));
        let answer = connector.process_batch(records(payloads)).await;
        match expected {
            Some(_) => answer.unwrap_or_else(|error| panic!("{alter}: {error:?}")),
            None => assert!(answer.is_err(), "{alter}"),
        }
        assert_eq!(server.ask("SELECT * FROM t ORDER BY k FORMAT TSV"), expected.unwrap_or_default(), "{alter}");
        server.ask("TRUNCATE TABLE t");
    }
}

/// The server takes these types for the same.
#[tokio::test]
async fn values_that_similar_types_share_wait_for_the_columns() {
    let server = Process::start_of(Engine::Current);
    for (before, after, value, expected) in [
        ("Enum8('a' = 1, 'b' = 2)", "Enum8('b' = 1, 'a' = 2)", "\"a\"", Some("a")),
        ("Array(Enum8('a' = 1, 'b' = 2))", "Array(Enum8('b' = 1, 'a' = 2))", "[\"a\"]", Some("['a']")),
        ("Nullable(String)", "String", "null", None),
        ("Decimal(9, 2)", "Decimal(5, 2)", "1234567.89", None),
        ("Decimal(9, 2)", "Decimal(3, 2)", "99", None),
        ("Decimal(9, 2)", "Decimal(3, 2)", "9.9", Some("9.9")),
        ("UInt8", "Bool", "7", None),
    ] {
        let create = |kind: &str| {
            server.ask("DROP TABLE IF EXISTS t");
            server.ask(&format!("CREATE TABLE t (v {kind}) ENGINE = MergeTree ORDER BY tuple()"));
        };
        create(before);
        let mut connector = started(&server, "").await;
        let row = || records([format!(r#"{{"v":{value}}}"#)]);
        connector.process_batch(row()).await.unwrap_or_else(|error| panic!("{before}: {error:?}"));
        create(after);
        let answer = connector.process_batch(row()).await;
        assert_eq!(answer.is_ok(), expected.is_some(), "{before}: {answer:?}");
        assert_eq!(server.ask("SELECT v FROM t FORMAT TSV"), expected.unwrap_or_default(), "{before}");
    }
}

#[tokio::test]
async fn columns_are_read_again_only_where_blocks_do_not_tell_that_they_changed() {
    for (mapping, payloads, is_read) in [
        ("", &[r#"{"n":1}"#, r#"{"n":0}"#][..], false),
        // Some have a value: there may be a default.
        ("", &[r#"{"n":1,"s":"x"}"#, r#"{"n":1}"#], true),
        // There may be a column for it, or one that takes it.
        ("", &[r#"{"n":1}"#, r#"{"n":1,"new":1}"#], true),
        ("", &[r#"{"n":1}"#, r#"{"n":-1}"#], true),
        ("on_new_field = 'ignore'", &[r#"{"n":1}"#], true),
        ("format = 'json_each_row'", &[r#"{"n":1}"#], true),
    ] {
        let server = server(&[("n", "UInt8", ""), ("s", "String", "")]);
        let mut connector = connector(&server.url(), mapping);
        initialize(&mut connector).await.expect("the script");
        // What was read a second ago is read again, too.
        let mut reads = Vec::new();
        for _ in 0..20 {
            let before = server.requests().len();
            let _ = connector.process_batch(records(payloads)).await;
            reads.push(server.requests().iter().skip(before).any(|request| request.text().starts_with("DESCRIBE")));
        }
        assert_eq!(reads.iter().all(|read| *read), is_read, "{mapping} {payloads:?}");
    }
}
