//! Messages of the server about rows are not shown, whatever is in them.

use danube_sink::{ConnectorError, SinkConnector, dev::BrokerOptions, testing::from_toml};
use danube_sink_tests::{Broker, Running, topic, until};

use super::{Clickhouse, Engine, Process, connector, initialize, records, scripted::scripted, started};

/// Values with the secret in the syntax of server messages.
const HOSTILE: [&str; 16] = [
    "s3cret",
    "a\"s3cret\"b",
    "'s3cret'",
    "`s3cret`",
    "{\"a\":\"s3cret\"}",
    "}, {\"x\": s3cret",
    "one\ns3cret\r\nthree",
    "Code: 241. DB::Exception: s3cret (MEMORY_LIMIT_EXCEEDED)",
    "(while reading the value of key s3cret)",
    "x the value of key s): s3cret (while reading the value of key s3cret): (at row 1)",
    "(at row 7) s3cret: While executing JSONEachRowRowInputFormat",
    "(S_CRET) s3cret (S_CRET)",
    "s\u{0}s3cret\u{7f}",
    "s3cret 🌋 ä",
    "%73 s3cret &lt;s3cret&gt;",
    ": for single INSERT block s3cret",
];

/// A table with a materialised view that parses a string column as numbers.
async fn with_a_view(server: &Process) -> Clickhouse {
    server.ask("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
    server.ask("CREATE MATERIALIZED VIEW v ENGINE = MergeTree ORDER BY n AS SELECT toUInt8(s) AS n FROM t");
    started(server, "").await
}

#[tokio::test]
async fn the_message_about_a_refused_value_is_not_shown() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let mut connector = with_a_view(&server).await;
        for value in HOSTILE {
            let long = format!("{value}{}", "s3cret ".repeat(2_000));
            for value in [value, &long] {
                let payload = serde_json::json!({ "n": 1, "s": value }).to_string();
                let error = connector.process_batch(records([r#"{"n":1,"s":"7"}"#, &payload])).await;
                let error = error.err().unwrap_or_else(|| panic!("{engine:?} took {value:.80}"));
                let text = error.report();
                assert!(matches!(error, ConnectorError::Refused { .. }), "{engine:?}, {value:.80}: {text}");
                assert!(
                    text.contains("code ") && !text.to_lowercase().contains("s3cret"),
                    "{engine:?}, {value:.80}: {text}"
                );
                assert!(!text.contains("S_CRET"), "{text}");
            }
        }
    }
}

/// The functions of a view may take some values and not others, by exceptions that otherwise are about the server.
#[tokio::test]
async fn a_value_that_a_function_of_a_view_does_not_take_is_refused() {
    let server = Process::start_of(Engine::Current);
    for (number, (function, value)) in
        [("parseTimeDelta(s)", "soon"), ("factorial(toInt8(s))", "120")].into_iter().enumerate()
    {
        let table = format!("f{number}");
        server.ask(&format!("CREATE TABLE {table} (s String) ENGINE = MergeTree ORDER BY s"));
        server.ask(&format!("CREATE MATERIALIZED VIEW v{number} ENGINE = MergeTree ORDER BY n AS SELECT toFloat64({function}) AS n FROM {table}"));
        let mut connector = started(&server, &format!("\ntable = '{table}'")).await;
        let error =
            connector.process_batch(records([format!(r#"{{"s":"{value}"}}"#)])).await.expect_err("no value for it");
        assert!(matches!(error, ConnectorError::Refused { .. }), "{function}: {error:?}");
    }
}

/// A proxy in front of the server may repeat the request.
#[tokio::test]
async fn an_answer_that_repeats_the_request_is_not_shown() {
    for (status, answer) in [
        (200, "{body}"),
        (400, "cannot read {body}"),
        (403, "{body}"),
        (413, "too large: {body}"),
        (500, "{body}"),
        (502, "<html>{body}"),
        (500, "Code: 27. DB::Exception: Cannot parse: {body}: (while reading the value of key n): (at row 1)"),
        (500, "Code: 117. DB::Exception: {body}"),
        (500, "Code: 1. DB::Exception: {body}"),
        (500, "Code: 36. DB::Exception: Unknown element {body}: (while reading the value of key {body})"),
        (500, "Code: 241. DB::Exception: Memory limit exceeded: (while reading {body}): (at row 1)"),
        (500, "Code: 252. DB::Exception: Too many parts (300): While executing {body}"),
        (500, "Code: 62. DB::Exception: Syntax error: {body}"),
        (
            500,
            "Code: 469. DB::Exception: Constraint `c` is violated at row 1. Column values: {body} (VIOLATED_CONSTRAINT)",
        ),
    ] {
        for value in HOSTILE {
            let server = scripted("", &[(200, ""), (status, answer)]);
            let mut connector = connector(&server.url(), "on_new_field = 'ignore'\ncolumns = { s = '/s' }");
            initialize(&mut connector).await.expect("the script");
            let payload = serde_json::json!({ "s": value }).to_string();
            let text = connector.process_batch(records([payload])).await.expect_err("an error").report();
            assert!(!text.contains("s3cret") && !text.contains("S_CRET"), "{status} {answer}: {text}");
        }
    }
}

#[tokio::test]
async fn a_memory_limit_is_reported_without_rows() {
    for (engine, limit) in [(Engine::Old, 12_000_000), (Engine::Current, 3_000_000)] {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
        let mut connector = started(&server, &format!("settings = {{ max_memory_usage = '{limit}' }}")).await;
        let text = "s3cret".repeat(350);
        let rows = |count: usize| records((0..count).map(|n| format!(r#"{{"n":{n},"s":"{text}"}}"#)));
        let error = connector.process_batch(rows(4_000)).await.expect_err("too much");
        let text = error.report();
        assert!(matches!(error, ConnectorError::TooLarge { .. }), "{engine:?}: {text}");
        assert!(
            text.contains("emory limit") && text.contains("exceeded") && !text.contains("s3cret"),
            "{engine:?}: {text}"
        );
        connector.process_batch(rows(100)).await.expect("less");
        assert_eq!(server.ask("SELECT count() FROM t"), "100");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_too_large_for_the_memory_limit_is_written_in_parts() {
    let server = Process::start();
    server.ask("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
    let broker = Broker::embedded(BrokerOptions { max_unacked_messages: 5_000, ..BrokerOptions::default() }).await;
    let topic = topic("memory");
    let producer = broker.producer(&topic, "p", None).await;
    let (connector, core) = from_toml::<Clickhouse>(&format!(
        "max_backoff_ms = 300\n\n[clickhouse]\napi.url = '{}'\n\n[[clickhouse.topic_mappings]]\n\
         topic = '{topic}'\nsubscription = 's'\nbatch_size = 2000\nbatch_bytes = 8388608\ntable = 't'\n\
         settings = {{ max_memory_usage = '12000000' }}",
        server.url()
    ))
    .expect("a configuration");
    let running = Running::start(connector, core, &broker).await;
    for n in 0..2_000 {
        let payload = format!(r#"{{"n":{n},"s":"{}"}}"#, "x".repeat(2_000));
        producer.send(payload.into_bytes(), None).await.expect("a confirmation");
    }
    until("all rows", || async { server.ask("SELECT count() FROM t") == "2000" }).await;
    running.stop().await;
    assert_eq!(server.ask("SELECT count(), uniqExact(n) FROM t FORMAT TSV"), "2000\t2000");
}
