//! Each column type takes the values of records to the last digit.

use danube_sink::SinkRecord;

use super::{Bench, ConnectorError, SinkConnector, TOPIC, rejected, report};

const TYPES: &str = r#"
    CREATE TYPE mood AS ENUM ('sad', 'happy');
    CREATE DOMAIN percent AS int CHECK (VALUE BETWEEN 0 AND 100);
    CREATE TABLE types (
        small smallint, big bigint, exact numeric, money numeric(12, 2), single real, double float8, truth boolean,
        words text, code char(3), id uuid, at timestamptz, at_plain timestamp, day date, clock time, span interval,
        bytes bytea, doc json, bdoc jsonb, whole jsonb, ints int[], names text[], grid int[][], docs jsonb[],
        feeling mood, share percent, address inet, bits varbit
    )"#;

fn mapping() -> String {
    let names = "small big exact money single double truth words code id at at_plain day clock span bytes doc bdoc ints \
                 names grid docs feeling share address bits";
    let columns: Vec<_> = names.split_whitespace().map(|name| format!("{name} = '/{name}'")).collect();
    format!("table = 'types'\ncolumns = {{ {}, whole = '' }}\n", columns.join(", "))
}

#[tokio::test]
async fn every_type_takes_its_values() {
    let mut bench = Bench::new(TYPES, &mapping()).await;
    let payload = r#"{
        "small": -32768, "big": 9223372036854775807, "exact": "123456789012345678901234567890.123456789012345678901234567890",
        "money": 19.99, "single": 3.4028235e38, "double": 2.2250738585072014e-308, "truth": true,
        "words": "it's \"100%\" \\ {a,b} \ud83c\udf0b\ttab", "code": "de", "id": "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
        "at": "2018-02-07T02:26:13.840123+01:00", "at_plain": "2018-02-07T02:26:13.84+01:00", "day": "2018-02-07",
        "clock": "01:26:13.840123", "span": "1 day 02:00:00", "bytes": "AAH/3q2+7w==",
        "doc": {"z": 1, "a": [null, "\"x\""]}, "bdoc": "a text", "ints": [1, null, -2147483648],
        "names": ["a,b", "NULL", null, "\"quoted\"", "back\\slash", "", "{}"], "grid": [[1, 2], [3, 4]],
        "docs": [{"a": [1, 2]}, [3], "x", null], "feeling": "happy", "share": 100, "address": "10.0.0.1/8", "bits": "10101"
    }"#;
    bench.write(&[payload]).await.unwrap();
    let query = "SELECT small, big, exact::text, money::text, single::text, double::text, truth, words, code, id, \
                 at AT TIME ZONE 'UTC' AS at, at_plain, day, clock, span, encode(bytes, 'hex') AS bytes, doc::text, bdoc, \
                 whole ->> 'big' AS whole, ints, names, grid, docs, feeling, share, address, bits::text FROM types";
    let expected = concat!(
        r#"{"small":-32768,"big":9223372036854775807,"#,
        r#""exact":"123456789012345678901234567890.123456789012345678901234567890","money":"19.99","#,
        r#""single":"3.4028235e+38","double":"2.2250738585072014e-308","truth":true,"#,
        r#""words":"it's \"100%\" \\ {a,b} 🌋\ttab","code":"de ","id":"6f9619ff-8b86-d011-b42d-00cf4fc964ff","#,
        r#""at":"2018-02-07T01:26:13.840123","at_plain":"2018-02-07T01:26:13.84","day":"2018-02-07","#,
        r#""clock":"01:26:13.840123","span":"1 day 02:00:00","bytes":"0001ffdeadbeef","#,
        r#""doc":"{\"z\": 1, \"a\": [null, \"\\\"x\\\"\"]}","bdoc":"a text","whole":"9223372036854775807","#,
        r#""ints":[1,null,-2147483648],"names":["a,b","NULL",null,"\"quoted\"","back\\slash","","{}"],"#,
        r#""grid":[[1,2],[3,4]],"docs":[{"a": [1, 2]},[3],"x",null],"feeling":"happy","share":100,"#,
        r#""address":"10.0.0.1/8","bits":"10101"}"#
    );
    assert_eq!(bench.rows(query).await, [expected]);
}

#[tokio::test]
async fn numbers_are_written_with_every_digit_that_was_sent() {
    let mut bench = Bench::new(TYPES, &mapping()).await;
    let number = "123456789012345678901.123456789012345678901";
    bench
        .write(&[&format!(r#"{{"exact":{number},"words":1.10,"doc":[{number}],"bdoc":{{"n":{number}}}}}"#)])
        .await
        .unwrap();
    let query = "SELECT exact::text, words, doc::text, bdoc ->> 'n' AS bdoc, whole ->> 'exact' AS whole FROM types";
    let expected =
        format!(r#"{{"exact":"{number}","words":"1.10","doc":"[{number}]","bdoc":"{number}","whole":"{number}"}}"#);
    assert_eq!(bench.rows(query).await, [expected]);
}

#[tokio::test]
async fn null_and_missing_values_are_null_in_every_type() {
    let mut bench = Bench::new(TYPES, &mapping()).await;
    bench.write(&[r#"{"big":null,"bytes":null,"doc":null,"ints":null}"#]).await.unwrap();
    let nulls = bench.sql.query_one(
        "SELECT num_nulls(variadic array[small::text, big::text, exact::text, bytes::text, \
                                     doc::text, bdoc::text, ints::text, at::text, feeling::text]), whole FROM types",
        &[],
    );
    let row = nulls.await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 9);
}

#[tokio::test]
async fn invalid_values_are_rejected_and_never_changed() {
    let mut bench = Bench::new(TYPES, &mapping()).await;
    for (wrong, part) in [
        (r#"{"small":32768}"#, "-32768 to 32767"),
        (r#"{"code":"s3cret"}"#, "longer than the 3"),
        (r#"{"at":"s3cret"}"#, "is not a time"),
        (r#"{"at":"2018-02-30T00:00:00Z"}"#, "is not a time"),
        (r#"{"bytes":"s3cret!"}"#, "base64"),
        (r#"{"words":"\u0000"}"#, "U+0000"),
        (r#"{"feeling":"s3cret"}"#, "22P02"),
        (r#"{"share":101}"#, "23514"),
        (r#"{"money":12345678901.00}"#, "22003"),
        (r#"{"ints":[1,"s3cret"]}"#, "not an integer"),
        (r#"{"big":9223372036854775808}"#, "not an integer"),
        (r#"{"big":1.5}"#, "not an integer"),
        (r#"{"big":"s3cret"}"#, "not an integer"),
        (r#"{"double":[1]}"#, "is not a number"),
    ] {
        let named = rejected(bench.write(&["{}", wrong]).await);
        let [(1, reason)] = &named[..] else { panic!("{wrong}: {named:?}") };
        assert!(reason.contains(part) && reason.contains("invalid value for column"), "{wrong}: {reason}");
        assert!(!reason.contains("s3cret"), "{wrong}: {reason}");
    }
    for (wrong, state) in [(r#"{"feeling":"s3cret"}"#, "22P02"), (r#"{"share":101}"#, "23514")] {
        let text = report!(bench.write(&[wrong]).await, Refused);
        assert!(text.contains(state) && !text.contains("s3cret"), "{wrong}: {text}");
    }
    let with_values = "SELECT * FROM types WHERE jsonb_strip_nulls(to_jsonb(types) - 'whole') <> '{}'";
    assert_eq!(bench.rows(with_values).await, [] as [String; 0]);
}

#[tokio::test]
async fn a_number_is_a_time_by_the_unit_of_the_mapping_alone() {
    let table =
        "CREATE DOMAIN moment AS timestamptz; CREATE TABLE rows (id int, z timestamptz, t timestamp, m moment, d date)";
    let mapping = "table = 'rows'\ncolumns = { id = '/id', z = '/z', t = '/t', m = '/m', d = '/d' }";
    let mut bench = Bench::new(table, mapping).await;
    let number = r#"{"id":1,"z":1517966773840,"t":1517966773840,"m":-1}"#;
    let text = report!(bench.write(&[number]).await, Partial);
    assert!(text.contains("time_unit") && text.contains("/z"), "{text}");
    let mut sink = super::start(&bench.server, &format!("{mapping}\ntime_unit = 'ms'")).await.unwrap();
    let batch =
        [number, r#"{"id":2,"z":"2018-02-07T01:26:13Z","t":0}"#, r#"{"id":3,"d":17569}"#, r#"{"id":4,"z":1.5}"#];
    assert_eq!(rejected(sink.process_batch(super::records(&batch)).await).len(), 2);
    let times = "SELECT id, z AT TIME ZONE 'UTC' AS z, t, m AT TIME ZONE 'UTC' AS m FROM rows ORDER BY id";
    let expected = [
        r#"{"id":1,"z":"2018-02-07T01:26:13.84","t":"2018-02-07T01:26:13.84","m":"1969-12-31T23:59:59.999"}"#,
        r#"{"id":2,"z":"2018-02-07T01:26:13","t":"1970-01-01T00:00:00","m":null}"#,
    ];
    assert_eq!(bench.rows(times).await, expected);
}

#[tokio::test]
async fn a_range_type_that_a_user_made_takes_strings_alone() {
    let table = "CREATE TYPE floatrange AS RANGE (subtype = float8);
                 CREATE TABLE rows (v floatrange, list floatrange[], many floatmultirange)";
    let mut bench = Bench::new(table, "table = 'rows'\ncolumns = { v = '/v', list = '/list', many = '/many' }").await;
    for wrong in [r#"{"v":[1.5,2.5]}"#, r#"{"v":1}"#, r#"{"list":[[1.5,2.5]]}"#, r#"{"many":[[1.5,2.5]]}"#] {
        let text = report!(bench.write(&[wrong]).await, Partial);
        assert!(text.contains("is not a string"), "{wrong}: {text}");
    }
    assert_eq!(rejected(bench.write(&[r#"{"v":"[2.5,1.5]"}"#, r#"{"many":"{[1,2)}"}"#]).await).len(), 1);
    bench.write(&[r#"{"v":"[1.5,2.5]","list":["(,1)",null],"many":"{[1,2)}"}"#]).await.unwrap();
    let expected = r#"{"v":"[1.5,2.5]","list":["(,1)",null],"many":"{[1,2)}"}"#;
    assert_eq!(bench.rows("SELECT * FROM rows").await, [expected]);
}

#[tokio::test]
async fn metadata_fill_columns_of_their_names() {
    let table = "CREATE TABLE metadata (n int, topic text, partition int, \"offset\" bigint, publish_time timestamptz, \
                 producer text, key text, id text PRIMARY KEY)";
    let mapping = "table = 'metadata'\ncolumns = { n = '/n' }\nkey = ['id']\n\
                   metadata = ['topic', 'partition', 'offset', 'publish_time', 'producer', 'key', 'id']";
    let mut bench = Bench::new(table, mapping).await;
    let record = SinkRecord::builder(TOPIC).payload(r#"{"n":1}"#).offset(7).publish_time(1_517_966_773_840);
    let record = record.partition(Some(3), "/default/rows-part-3".into()).producer("me", 1, 2).key("k").build();
    for _ in 0..2 {
        bench.sink.process_batch(vec![record.clone()]).await.unwrap();
    }
    let rows = bench
        .rows(
            "SELECT n, topic, partition, \"offset\", publish_time AT TIME ZONE 'UTC' AS t, producer, key, id FROM metadata",
        )
        .await;
    let expected = r#"{"n":1,"topic":"/default/rows","partition":3,"offset":7,"t":"2018-02-07T01:26:13.84","producer":"me","key":"k","id":"/default/rows-part-3@7-1-1517966773840000-2"}"#;
    assert_eq!(rows, [expected]);
}
