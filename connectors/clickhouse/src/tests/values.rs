//! Values arrive as they were sent.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
};

use danube_sink::{SinkConnector, testing::from_toml};
use flate2::{Compression, write::GzEncoder};

use super::{Clickhouse, Engine, Process, connector, initialize, records, rejected, started};

#[tokio::test]
async fn numbers_keep_every_digit_and_times_are_understood() {
    for engine in Engine::ALL {
        numbers_keep_every_digit(&Process::start_of(engine)).await;
    }
}

async fn numbers_keep_every_digit(server: &Process) {
    let mapping = "time_unit = 'seconds'\ncolumns = { n = '/n', i = '/in/the~1re/1', d = '/in/d', t = '/t', s = '/s', a = '/in/the~1re' }\n\
                   [clickhouse.topic_mappings.create]\norder_by = 'n'\n\
                   columns = { n = 'UInt64', i = 'Int64', d = 'Decimal(38, 18)', t = \"DateTime('UTC')\", \
                   s = 'String', a = 'Array(Int64)' }";
    let mut connector = started(server, mapping).await;
    let payloads = [
        r#"{"n":18446744073709551615,"in":{"the/re":[1,-9223372036854775808],"d":12345678901234567890.123456789012345678},
            "t":"2018-02-07T01:26:13Z","s":"ä\"\\\n🌋\u0000"}"#,
        // Missing fields get the table's defaults; fields without a column are left out.
        r#"{"n":"7","t":1517966773,"other":{"deep":[{}]},"esc\u0061pes":1}"#,
    ];
    connector.process_batch(records(payloads)).await.expect("rows");
    let rows = server.ask("SELECT n, i, toString(d), toUnixTimestamp(t), hex(s), a FROM t ORDER BY n FORMAT TSV");
    let text = "ä\"\\\n🌋\0".bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
    assert_eq!(
        rows,
        format!(
            "7\t0\t{}\t1517966773\t\t[]\n18446744073709551615\t-9223372036854775808\t\
             12345678901234567890.123456789012345678\t1517966773\t{text}\t[1,-9223372036854775808]",
            if server.ask("SELECT version()").starts_with("18") { "0.000000000000000000" } else { "0" }
        )
    );
}

#[tokio::test]
async fn a_payload_is_a_row_with_its_metadata() {
    let server = Process::start();
    let mapping = "metadata = ['topic', 'partition', 'offset', 'publish_time', 'producer', 'key', 'id']\n\
                   on_new_field = 'ignore'\n[clickhouse.topic_mappings.create]\norder_by = 'offset'\n\
                   columns = { n = 'UInt64', topic = 'String', partition = 'Nullable(UInt32)', offset = 'UInt64', \
                   publish_time = 'DateTime', producer = 'String', key = 'Nullable(String)', id = 'String' }";
    let mut connector = started(&server, mapping).await;
    connector.process_batch(records([" {\n \"n\" : 7 ,\n \"unknown\": 1 } ", "{}"])).await.expect("rows");
    let time = "2018-02-07 01:26:13\tp\t\\N\t/default/t@";
    assert_eq!(
        server.ask(
            "SELECT n, topic, partition, offset, publish_time, producer, key, id FROM t ORDER BY offset FORMAT TSV"
        ),
        format!(
            "7\t/default/t\t\\N\t0\t{time}0-7-1517966773840000-0\n0\t/default/t\t\\N\t1\t{time}1-7-1517966773840000-1"
        )
    );
}

/// Settings of the mapping reach the server, and those that the connector sets itself are refused.
#[tokio::test]
async fn settings_are_for_the_inserts() {
    let server = Process::start();
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let error = initialize(&mut connector(&server.url(), "settings = { no_such_setting = '1' }")).await.unwrap_err();
    assert!(error.report().contains("UNKNOWN_SETTING"), "{error:?}");
    for (mapping, message) in [
        ("settings = { async_insert = '1' }", "`async_insert` is the connector's to set"),
        ("settings = { input_format_allow_errors_num = '1' }", "`input_format_allow_errors_num` is the connector's"),
        ("columns = { n = '/n' }\non_new_field = 'add'", "`add` conflicts with `columns`"),
    ] {
        let text = format!("[clickhouse]\n[[clickhouse.topic_mappings]]\ntopic = '/default/t'\ntable = 't'\n{mapping}");
        let report = from_toml::<Clickhouse>(&text).err().expect("an error").to_string();
        assert!(report.contains(message), "{report}");
    }
}

#[tokio::test]
async fn a_number_in_a_time_column_has_the_unit_of_the_mapping() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        for (unit, number) in [
            ("seconds", "1517966773.84"),
            ("milliseconds", "1517966773840"),
            ("microseconds", "1517966773840000"),
            ("nanoseconds", "1517966773840000000"),
        ] {
            let wide = if engine == Engine::Current { ", w DateTime64(3, 'UTC')" } else { ", w DateTime" };
            server.ask("DROP TABLE IF EXISTS t");
            server.ask(&format!("CREATE TABLE t (t DateTime {wide}) ENGINE = MergeTree ORDER BY t"));
            for format in ["best_effort", "basic"] {
                let mapping = format!("time_unit = '{unit}'\nsettings = {{ date_time_input_format = '{format}' }}");
                let mut connector = started(&server, &mapping).await;
                let payload = format!(r#"{{"t":{number},"w":{number}}}"#);
                connector.process_batch(records([payload])).await.expect("a row");
                let fraction = if engine == Engine::Current { ".840" } else { "" };
                let expected = format!("2018-02-07 01:26:13\t2018-02-07 01:26:13{fraction}");
                assert_eq!(server.ask("SELECT t, w FROM t FORMAT TSV"), expected, "{engine:?} {unit} {format}");
                server.ask("TRUNCATE TABLE t");
                // Of another unit it is out of range.
                let other = if unit == "seconds" { "1517966773840" } else { "-5e30" };
                let text = rejected(connector.process_batch(records([format!(r#"{{"t":{other}}}"#)])).await);
                assert!(text.contains("out of the column's range"), "{text}");
            }
        }
    }
}

#[tokio::test]
async fn null_is_a_default_where_the_mapping_asks_for_it() {
    let server = Process::start_of(Engine::Current);
    server.ask("CREATE TABLE t (n UInt64, s String DEFAULT 'x') ENGINE = MergeTree ORDER BY n");
    let row = || records([r#"{"n":1,"s":null}"#]);
    let mut connector = started(&server, "").await;
    assert!(rejected(connector.process_batch(row()).await).contains("not Nullable"));
    connector.process_batch(records([r#"{"n":0}"#])).await.expect("absent is not null");
    let mut connector = started(&server, "settings = { input_format_null_as_default = '1' }").await;
    connector.process_batch(row()).await.expect("a row");
    assert_eq!(server.ask("SELECT n, s FROM t ORDER BY n FORMAT TSV"), "0\tx\n1\tx");
}

/// Servers before 21.3 write the rows that arrived of a truncated request that is not compressed.
#[tokio::test]
async fn a_truncated_compressed_request_writes_nothing() {
    let server = Process::start();
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let rows = (0..1_000).map(|number| format!("{{\"n\":{number}}}\n")).collect::<String>();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(1));
    gzip.write_all(rows.as_bytes()).expect("rows");
    let body = gzip.finish().expect("rows");
    for sent in [body.len() / 2, body.len() - 8, body.len() - 1] {
        let url = server.url();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).expect("the server");
        let of = body.len();
        let head = "POST /?query=INSERT+INTO+t+FORMAT+JSONEachRow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                    Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n";
        stream.write_all(format!("{head}{of:x}\r\n").as_bytes()).expect("the server reads");
        stream.write_all(&body[..sent]).expect("the server reads");
        stream.shutdown(Shutdown::Write).expect("a connection");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        assert_eq!(server.ask("SELECT count() FROM t"), "0", "{sent} of {of} bytes");
    }
    let compressed = format!("[clickhouse]\napi.url = '{}'\ngzip_level = 9\n", server.url());
    let mapping = "[[clickhouse.topic_mappings]]\ntopic = '/default/t'\nsubscription = 's'\ntable = 't'";
    let (mut connector, _) = from_toml::<Clickhouse>(&format!("{compressed}{mapping}")).expect("a configuration");
    initialize(&mut connector).await.expect("a server");
    connector.process_batch(records(rows.lines())).await.expect("rows");
    assert_eq!(server.ask("SELECT count(), sum(n) FROM t"), "1000\t499500");
}

#[tokio::test]
async fn an_invalid_record_leaves_the_rest_of_a_large_batch_whole() {
    for engine in [Engine::Old, Engine::Current] {
        let server = Process::start_of(engine);
        let create = "[clickhouse.topic_mappings.create]\norder_by = 'n'\n\
                      columns = { n = 'UInt64', text = 'String', list = 'Array(UInt8)', small = 'UInt8' }";
        let mut connector = started(&server, create).await;
        let text = "x".repeat(1_000);
        // The values before the one that its column does not take are in no row, either.
        let payload = |number: usize| match number {
            700 => format!(r#"{{"n":{number},"text":"{text}","list":[1,2],"small":256}}"#),
            1_400 => format!(r#"{{"n":{number},"text":"y","list":[1,256],"small":1}}"#),
            1_500 => "[]".to_owned(),
            _ => format!(r#"{{"n":{number},"text":"{text}","list":[{}],"small":1}}"#, number % 7),
        };
        let records = records((0..2_000).map(payload));
        let text = rejected(connector.process_batch(records.clone()).await);
        let first = records[700].id().to_string();
        assert!(text.contains("0 records to retry, 3 rejected") && text.contains(&first), "{text}");
        let rows =
            "SELECT count(), sum(n), min(length(text)), countIf(list = [toUInt8(n % 7)]), sum(small) FROM t FORMAT TSV";
        assert_eq!(server.ask(rows), "1997\t1995400\t1000\t1997\t1997");
        assert_eq!(connector.server.unconverted.get(), 0);
    }
}
