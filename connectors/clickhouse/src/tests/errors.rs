//! Errors of the server: rejected records, retries, and errors that end the connector.

use danube_sink::{ConnectorError, SinkConnector};
use danube_sink_tests::{Ca, TlsProxy};

use super::{Engine, Process, connector, initialize, records, rejected, started};

const CREATE: &str = "create = { columns = { n = 'UInt64', e = \"Enum8('a' = 1)\", d = 'Date', u = 'UUID', m = 'Decimal(9, 2)', \
                      f = 'FixedString(3)', s = 'String', a = 'Array(Int32)', t = 'DateTime' }, order_by = 'n' }";

/// Each is rejected in a batch with a valid one, which is written, and the reason contains nothing of the payload.
#[tokio::test]
async fn values_that_a_column_cannot_take_are_rejected_and_not_shown() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let mut connector = started(&server, CREATE).await;
        for (payload, column) in [
            (r#"{"n":"s3cret"}"#, Some("n")),
            (r#"{"n":-33}"#, Some("n")),
            (r#"{"n":1.33}"#, Some("n")),
            (r#"{"e":"s3cret"}"#, Some("e")),
            (r#"{"d":"s3cret"}"#, Some("d")),
            (r#"{"u":"s3cret"}"#, Some("u")),
            (r#"{"m":1e33}"#, Some("m")),
            (r#"{"f":"s3cret"}"#, Some("f")),
            (r#"{"a":"s3cret"}"#, Some("a")),
            (r#"{"a":[1,33e33]}"#, Some("a at /1")),
            (r#"{"t":"s3cret"}"#, Some("t")),
            (r#"{"n":1,"n":33}"#, None),
            (r#"{"s3cret":33}"#, None),
            ("[33]", None),
            ("7333", None),
            (r#""s3cret""#, None),
            ("no JSON, s3cret", None),
            ("", None),
        ] {
            let text = rejected(connector.process_batch(records([r#"{"n":7}"#, payload])).await);
            let text =
                text.rsplit_once(": the ").or(text.rsplit_once("in the column ")).map_or(&*text, |(_, text)| text);
            assert!(!text.contains("s3cret") && !text.contains("33"), "{payload}: {text}");
            if let Some(column) = column {
                assert!(text.starts_with(&format!("{column}:")), "{payload}: {text}");
            }
            assert_eq!(server.ask("SELECT count() FROM t"), "1", "{payload}");
            server.ask("TRUNCATE TABLE t");
        }
    }
}

#[tokio::test]
async fn one_error_names_all_invalid_records_of_a_batch_and_the_others_are_written() {
    let server = Process::start();
    let mut connector = started(&server, CREATE).await;
    let payload = |number: usize| match number % 2 {
        0 => format!(r#"{{"n":{number}}}"#),
        _ => r#"{"n":"x"}"#.to_owned(),
    };
    let batch = records((0..4_000).map(payload));
    let text = rejected(connector.process_batch(batch).await);
    assert!(text.starts_with("0 records to retry, 2000 rejected"), "{text}");
    assert_eq!(server.ask("SELECT count() FROM t"), "2000");
}

/// A new field in every record means that the table lacks a column, not that each record is invalid.
#[tokio::test]
async fn a_field_that_all_records_have_and_the_table_has_not_is_waited_for() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let mut connector = started(&server, CREATE).await;
        let batch = records((0..100).map(|number| format!(r#"{{"n":{number},"new":1}}"#)));
        let error = connector.process_batch(batch.clone()).await.expect_err("no column");
        let text = error.report();
        assert!(matches!(error, ConnectorError::Retryable { .. }) && text.contains("on_new_field"), "{error:?}");
        // While a batch waits, one record of it is tried.
        let error = connector.process_batch(batch[..1].to_vec()).await.expect_err("no column");
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        let text = rejected(connector.process_batch(records([r#"{"n":1}"#, r#"{"n":1,"new":1}"#])).await);
        assert!(text.contains("0 records to retry, 1 rejected") && text.contains("field 2 of the payload"), "{text}");
        let alone = rejected(connector.process_batch(batch[..1].to_vec()).await);
        assert!(alone.contains("1 rejected"), "it may be wrong: {alone}");
        let two = records([r#"{"n":1,"nwe":1}"#, r#"{"n":1,"enw":1}"#]);
        assert!(rejected(connector.process_batch(two).await).contains("2 rejected"), "each has another field");
        server.ask("ALTER TABLE t ADD COLUMN new UInt8");
        connector.process_batch(batch).await.expect("it has the column now");
        assert_eq!(server.ask("SELECT count(), sum(new) FROM t FORMAT TSV"), "101\t100");
    }
}

#[tokio::test]
async fn invalid_json_deletes_and_tombstones_are_rejected() {
    let payloads = [
        r#"{"id":1,"name":"\ud83d"}"#,
        r#"{"id":2,"name":"x","v":NaN}"#,
        "\u{feff}{\"id\":3}",
        r#"{"id":4,"name":"cut o"#,
        r#"{"id":5,"v":1e400}"#,
        "",
        r#"{"before":{"id":6},"after":null,"kind":"d"}"#,
    ];
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (id String, name String, v Float64, op String) ENGINE = MergeTree ORDER BY id");
        for mapping in [
            "",
            "metadata = ['id']\non_new_field = 'ignore'",
            "columns = { name = '/name', v = '/v', op = 'attribute:op' }\nmetadata = ['id']",
            "columns = { id = '/after/id', name = '/after/name' }",
        ] {
            let mut connector = started(&server, mapping).await;
            let text = rejected(connector.process_batch(records(payloads)).await);
            assert!(text.starts_with("0 records to retry, 7 rejected"), "{mapping}: {text}");
            assert_eq!(server.ask("SELECT count() FROM t"), "0", "{mapping}");
        }
    }
}

/// Without any of the mapped values, the row would have nothing but defaults.
#[tokio::test]
async fn a_payload_without_any_of_the_columns_is_no_row() {
    let server = Process::start();
    let mapping = format!("columns = {{ n = '/n', s = '/deep/s' }}\nmetadata = []\n{CREATE}");
    let mut connector = started(&server, &mapping).await;
    let text = rejected(connector.process_batch(records([r#"{"n":7}"#, r#"{"deep":{"other":1}}"#])).await);
    assert!(text.contains("`/n`, `/deep/s`"), "{text}");
    connector.process_batch(records([r#"{"deep":{"s":"x"}}"#])).await.expect("a row");
    assert_eq!(server.ask("SELECT n, s FROM t ORDER BY n FORMAT TSV"), "0\tx\n7");
}

#[tokio::test]
async fn too_many_parts_are_waited_for() {
    let server = Process::start();
    server.ask(
        "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n \
         SETTINGS parts_to_throw_insert = 2, parts_to_delay_insert = 2, max_delay_to_insert = 0",
    );
    let mut connector = started(&server, "").await;
    server.ask("SYSTEM STOP MERGES");
    let mut written = 0;
    let error = loop {
        match connector.process_batch(records([r#"{"n":7}"#])).await {
            Ok(()) if written < 10 => written += 1,
            other => break other.expect_err("too many parts"),
        }
    };
    assert!(matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("252"), "{error:?}");
}

#[tokio::test]
async fn permanent_errors_are_found_at_start() {
    for engine in Engine::ALL {
        permanent_errors(&Process::start_of(engine)).await;
    }
}

async fn permanent_errors(server: &Process) {
    let url = server.url();
    for (mapping, message) in [
        ("", "code 60"),
        ("create = { columns = { n = 'NoSuchType' }, order_by = 'n' }", "NoSuchType"),
        ("create = { columns = { n = 'Int8' }, order_by = 'n', engine = 'NoSuchEngine' }", "NoSuchEngine"),
    ] {
        let error = initialize(&mut connector(&url, mapping)).await.expect_err("no table");
        assert!(matches!(error, ConnectorError::Initialization { .. }), "{mapping}: {error:?}");
        assert!(error.report().contains(message), "{mapping}: {error:?}");
    }
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    for mapping in ["columns = { n = '/n', x = '/x' }", "metadata = ['offset']"] {
        let error = initialize(&mut connector(&url, mapping)).await.expect_err("no column");
        assert!(matches!(error, ConnectorError::Initialization { .. }), "{mapping}: {error:?}");
        assert!(error.report().contains("NO_SUCH_COLUMN_IN_TABLE"), "{mapping}: {error:?}");
    }
    server.ask("CREATE TABLE m (n UInt64, offset UInt64 MATERIALIZED n) ENGINE = MergeTree ORDER BY n");
    let error =
        initialize(&mut connector(&url, "metadata = ['offset']\ntable = 'm'")).await.expect_err("it is computed");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    server.ask("CREATE TABLE narrow (n UInt64, offset Date, id FixedString(2)) ENGINE = MergeTree ORDER BY n");
    for which in ["offset", "id"] {
        let mapping = format!("metadata = ['{which}']\ntable = 'narrow'");
        let error = initialize(&mut connector(&url, &mapping)).await.expect_err("no record has such a value");
        let text = error.report();
        assert!(
            matches!(error, ConnectorError::Configuration { .. }) && text.contains(&format!("column {which}")),
            "{text}"
        );
    }
    // An existing table is left as it is, also by users who may not create any.
    let mapping = "create = { columns = { n = 'NoSuchType' }, order_by = 'n' }";
    initialize(&mut connector(&url, mapping)).await.expect("the table is there");

    let mut other = connector(&url, "");
    other.database = "nowhere".into();
    let error = initialize(&mut other).await.expect_err("no database");
    assert!(error.report().contains("nowhere"), "{error:?}");

    server.down("KILL");
    let error = initialize(&mut connector(&url, "")).await.expect_err("no server");
    let report = error.report();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "it may come: {report}");
    assert!(report.contains(&url) && report.contains("install-servers") && report.contains("refused"), "{report}");
}

#[tokio::test]
async fn a_user_logs_in_with_the_secret() {
    for engine in Engine::ALL {
        a_user_logs_in(&Process::start_of(engine)).await;
    }
}

async fn a_user_logs_in(server: &Process) {
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let login = |user: &str, password: &str| {
        let mut connector = connector(&server.url(), "");
        connector.api.username = Some(user.to_owned());
        connector.password = Some(danube_sink::Secret::new(password));
        connector
    };
    let mut writer = login("writer", "correct hörse");
    initialize(&mut writer).await.expect("the right password");
    writer.process_batch(records([r#"{"n":7}"#])).await.expect("a row");

    for (user, password, message) in [
        ("writer", "wrong s3cret", "WRONG_PASSWORD"),
        ("unknown", "s3cret", "UNKNOWN_USER"),
        ("reader", "", "READONLY"),
        ("writer", "s3cret\n", "WRONG_PASSWORD"),
    ] {
        let report = initialize(&mut login(user, password)).await.expect_err("no access").report();
        // Current servers do not report which of the two is wrong.
        assert!(report.contains(message) || report.contains("AUTHENTICATION_FAILED"), "{report}");
        assert!(!report.contains("s3cret"), "{report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_reached_over_https() {
    let (server, ca) = (Process::start(), Ca::new("clickhouse-https"));
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let front = TlsProxy::to(server.address(), &ca, false).await;
    let mut connector = connector(&front.url, "");
    let error = initialize(&mut connector).await.expect_err("the CA is not trusted").report();
    assert!(error.contains("certificate"), "{error}");
    connector.api.ca_file = Some(ca.file());
    initialize(&mut connector).await.expect("trusted");
    connector.process_batch(records([r#"{"n":7}"#])).await.expect("a row");
    assert_eq!(server.ask("SELECT n FROM t"), "7");
}
