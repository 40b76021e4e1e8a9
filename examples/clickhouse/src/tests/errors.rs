//! What the server refuses, what it takes later, and what ends the connector.

use danube_sink::{ConnectorError, SinkConnector};
use danube_sink_tests::{Ca, SafeFront};

use super::{Clickhouse, Process, connector, initialize, records, started};

const CREATE: &str = "create = { columns = { n = 'UInt64', e = \"Enum8('a' = 1)\", d = 'Date', u = 'UUID', m = 'Decimal(9, 2)', \
                      f = 'FixedString(3)', s = 'String', a = 'Array(Int32)', t = 'DateTime' }, order_by = 'n' }";

async fn answer(connector: &mut Clickhouse, payloads: &[&str]) -> ConnectorError {
    connector.process_batch(records(payloads)).await.expect_err("an error")
}

/// Each is refused in a batch with a good one, which is not written, and what is told of it has nothing of the payload.
#[tokio::test]
async fn values_that_a_column_cannot_take_are_refused_and_not_told() {
    let server = Process::start();
    let mut connector = started(&server, CREATE).await;
    for (payload, column) in [
        (r#"{"n":"s3cret"}"#, Some("n")),
        (r#"{"n":-33}"#, Some("n")),
        (r#"{"n":1.33}"#, None),
        (r#"{"e":"s3cret"}"#, Some("e")),
        (r#"{"d":"s3cret"}"#, Some("d")),
        (r#"{"u":"s3cret"}"#, Some("u")),
        (r#"{"m":1e33}"#, Some("m")),
        (r#"{"f":"s3cret"}"#, Some("f")),
        (r#"{"a":"s3cret"}"#, Some("a")),
        (r#"{"t":"s3cret"}"#, Some("t")),
        (r#"{"n":1,"n":33}"#, None),
        (r#"{"s3cret":33}"#, None),
    ] {
        let error = answer(&mut connector, &[r#"{"n":7}"#, payload]).await;
        let text = error.report();
        assert!(matches!(error, ConnectorError::Refused { .. }), "{payload}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("33"), "{payload}: {text}");
        let told = text.split_once("in the column ").map(|(_, column)| column);
        assert_eq!(told, column, "{payload}: {text}");
        assert_eq!(server.ask("SELECT count() FROM t"), "0", "{payload}");
    }
    for payload in ["[1]", "7", r#""text""#, "no JSON", ""] {
        let error = answer(&mut connector, &[r#"{"n":7}"#, payload]).await;
        assert!(matches!(error, ConnectorError::InvalidRecord { .. }), "{payload}: {error:?}");
    }
}

/// Without any value that a column asks for, a row of nothing but defaults would be written.
#[tokio::test]
async fn a_payload_without_any_of_the_columns_is_no_row() {
    let server = Process::start();
    let mapping = format!("columns = {{ n = '/n', s = '/deep/s' }}\nmetadata = []\n{CREATE}");
    let mut connector = started(&server, &mapping).await;
    let error = answer(&mut connector, &[r#"{"n":7}"#, r#"{"deep":{"other":1}}"#]).await;
    assert!(matches!(error, ConnectorError::InvalidRecord { .. }), "{error:?}");
    connector.process_batch(records([r#"{"deep":{"s":"x"}}"#])).await.expect("a row");
    assert_eq!(server.ask("SELECT n, s FROM t FORMAT TSV"), "0\tx");
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let server = Process::start();
    let mut connector = started(&server, CREATE).await;
    server.ask("RENAME TABLE t TO away");
    for error in [answer(&mut connector, &[r#"{"n":7}"#]).await, connector.health_check().await.expect_err("no table")]
    {
        assert!(matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("code 60"), "{error:?}");
    }
    server.ask("RENAME TABLE away TO t");
    connector.health_check().await.expect("the table is back");

    server.down("TERM");
    for error in [answer(&mut connector, &[r#"{"n":7}"#]).await, connector.health_check().await.expect_err("no server")]
    {
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    }
    server.up();
    connector.process_batch(records([r#"{"n":7}"#])).await.expect("a row");
    assert_eq!(server.ask("SELECT n FROM t"), "7");
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
async fn a_column_that_is_gone_ends_the_connector() {
    let server = Process::start();
    let mut connector = started(&server, &format!("columns = {{ n = '/n', s = '/s' }}\n{CREATE}")).await;
    server.ask("ALTER TABLE t DROP COLUMN s");
    let error = answer(&mut connector, &[r#"{"n":7}"#]).await;
    assert!(matches!(error, ConnectorError::Fatal { .. }), "{error:?}");
}

/// All of it is told before any record is taken.
#[tokio::test]
async fn what_cannot_work_is_told_at_start() {
    let server = Process::start();
    let url = server.url();
    for (mapping, told) in [
        ("", "code 60"),
        ("create = { columns = { n = 'NoSuchType' }, order_by = 'n' }", "NoSuchType"),
        ("create = { columns = { n = 'Int8' }, order_by = 'n', engine = 'NoSuchEngine' }", "NoSuchEngine"),
    ] {
        let error = initialize(&mut connector(&url, mapping)).await.expect_err("no table");
        assert!(matches!(error, ConnectorError::Initialization { .. }), "{mapping}: {error:?}");
        assert!(error.report().contains(told), "{mapping}: {error:?}");
    }
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    for mapping in ["columns = { n = '/n', x = '/x' }", "metadata = ['offset']"] {
        let error = initialize(&mut connector(&url, mapping)).await.expect_err("no column");
        assert!(error.report().contains("NO_SUCH_COLUMN_IN_TABLE"), "{mapping}: {error:?}");
    }

    let mut other = connector(&url, "");
    other.database = "nowhere".into();
    let error = initialize(&mut other).await.expect_err("no database");
    assert!(error.report().contains("nowhere"), "{error:?}");

    server.down("KILL");
    let report = initialize(&mut connector(&url, "")).await.expect_err("no server").report();
    assert!(report.contains(&url) && report.contains("install-servers") && report.contains("refused"), "{report}");
}

#[tokio::test]
async fn a_user_is_known_by_the_secret() {
    let server = Process::start();
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

    for (user, password, told) in [
        ("writer", "wrong s3cret", "WRONG_PASSWORD"),
        ("nobody", "s3cret", "UNKNOWN_USER"),
        ("reader", "", "READONLY"),
        ("writer", "s3cret\n", "WRONG_PASSWORD"),
    ] {
        let report = initialize(&mut login(user, password)).await.expect_err("no access").report();
        // Servers of today do not tell which of the two is wrong.
        assert!(report.contains(told) || report.contains("AUTHENTICATION_FAILED"), "{report}");
        assert!(!report.contains("s3cret"), "{report}");
    }
}

/// Most servers of today are reached that way.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_reached_over_https() {
    let (server, ca) = (Process::start(), Ca::new("clickhouse-https"));
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let front = SafeFront::to(server.address(), &ca, false).await;
    let mut connector = connector(&front.url, "");
    let error = initialize(&mut connector).await.expect_err("nobody trusts it").report();
    assert!(error.contains("certificate"), "{error}");
    connector.api.ca_file = Some(ca.file());
    initialize(&mut connector).await.expect("trusted");
    connector.process_batch(records([r#"{"n":7}"#])).await.expect("a row");
    assert_eq!(server.ask("SELECT n FROM t"), "7");
}
