//! A table, and a server, that change while the connector runs.

use danube_sink::{ConnectorError, SinkConnector};
use danube_sink_tests::until;

use super::{Engine, Process, connector, initialize, records, rejected, started};

#[tokio::test]
async fn temporary_failures_are_retried() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
        let mut connector = started(&server, "").await;
        server.ask("RENAME TABLE t TO away");
        let row = || records([r#"{"n":7}"#]);
        for answer in [connector.process_batch(row()).await, connector.health_check().await] {
            let error = answer.expect_err("no table");
            assert!(
                matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("code 60"),
                "{error:?}"
            );
        }
        server.ask("RENAME TABLE away TO t");
        connector.health_check().await.expect("the table is back");

        server.down("TERM");
        for answer in [connector.process_batch(row()).await, connector.health_check().await] {
            let error = answer.expect_err("no server");
            assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        }
        server.up();
        connector.process_batch(row()).await.expect("a row");
        assert_eq!(server.ask("SELECT n FROM t"), "7");
    }
}

#[tokio::test]
async fn a_column_that_becomes_narrower_changes_no_value() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (k UInt8, n UInt64) ENGINE = MergeTree ORDER BY k");
        let mut connector = started(&server, "").await;
        let row = || records([r#"{"k":1,"n":300}"#]);
        connector.process_batch(row()).await.expect("a row");
        server.ask("TRUNCATE TABLE t");
        server.ask("ALTER TABLE t MODIFY COLUMN n UInt8");
        assert!(rejected(connector.process_batch(row()).await).contains("in the column n"));
        server.ask("ALTER TABLE t MODIFY COLUMN n UInt16");
        connector.process_batch(row()).await.expect("a row");
        assert_eq!(server.ask("SELECT n FROM t"), "300");
    }
}

/// Its rows are made by the columns that the table had before.
#[tokio::test]
async fn a_column_that_becomes_narrower_changes_no_value_of_a_large_batch() {
    for (engine, gzip_level) in [(Engine::Old, 0), (Engine::Old, 1), (Engine::Current, 0), (Engine::Current, 1)] {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (k UInt16, n UInt64) ENGINE = MergeTree ORDER BY k");
        let mut connector = started(&server, "").await;
        connector.gzip_level = gzip_level;
        initialize(&mut connector).await.expect("a server");
        let rows = || records((0..1_000).map(|number| format!(r#"{{"k":{number},"n":300}}"#)));
        connector.process_batch(rows()).await.expect("rows");
        server.ask("TRUNCATE TABLE t");
        server.ask("ALTER TABLE t MODIFY COLUMN n UInt8");
        assert!(rejected(connector.process_batch(rows()).await).contains("1000 rejected"));
        assert_eq!(server.ask("SELECT count() FROM t"), "0");
        server.ask("ALTER TABLE t MODIFY COLUMN n UInt16");
        connector.process_batch(rows()).await.expect("rows");
        assert_eq!(server.ask("SELECT count(), sum(n) FROM t FORMAT TSV"), "1000\t300000");
    }
}

#[tokio::test]
async fn a_recreated_table_is_used() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
        let mut connector = started(&server, "columns = { n = '/n' }").await;
        server.ask("DROP TABLE t");
        server.ask("CREATE TABLE t (n Int8, s String) ENGINE = MergeTree ORDER BY s");
        assert!(rejected(connector.process_batch(records([r#"{"n":128}"#])).await).contains("in the column n"));
        connector.process_batch(records([r#"{"n":-7.0}"#])).await.expect("a row");
        assert_eq!(server.ask("SELECT n FROM t"), "-7");
    }
}

#[tokio::test]
async fn a_column_that_is_gone_is_waited_for() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
        let mut connector = started(&server, "columns = { n = '/n', s = '/s' }").await;
        server.ask("ALTER TABLE t DROP COLUMN s");
        let row = || records([r#"{"n":7,"s":"s3cret"}"#]);
        let error = connector.process_batch(row()).await.expect_err("no column");
        let text = error.report();
        assert!(
            matches!(error, ConnectorError::Retryable { .. }) && text.contains("the table has no column s "),
            "{text}"
        );
        assert!(!text.contains("s3cret"), "{text}");
        server.ask("ALTER TABLE t ADD COLUMN s String");
        connector.process_batch(row()).await.expect("a row");
        assert_eq!(server.ask("SELECT s FROM t"), "s3cret");
    }
}

/// With unknown fields the server would ignore it without a word.
#[tokio::test]
async fn a_metadata_column_that_is_gone_is_waited_for() {
    for (engine, mapping) in Engine::ALL.into_iter().flat_map(|engine| [(engine, "ignore"), (engine, "reject")]) {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE t (n UInt64, id String) ENGINE = MergeTree ORDER BY n");
        let mut connector = started(&server, &format!("on_new_field = '{mapping}'\nmetadata = ['id']")).await;
        server.ask("ALTER TABLE t DROP COLUMN id");
        let row = || records([r#"{"n":7}"#]);
        let error = connector.process_batch(row()).await.expect_err("no column");
        assert!(
            matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("no column id "),
            "{error:?}"
        );
        server.ask("ALTER TABLE t ADD COLUMN id String");
        connector.process_batch(row()).await.expect("a row");
        assert_eq!(server.ask("SELECT count() FROM t WHERE id != ''"), "1");
    }
}

/// The server reads its users again while it runs.
#[tokio::test]
async fn a_revoked_right_is_waited_for_and_a_changed_password_ends_the_connector() {
    let server = Process::start();
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let mut connector = connector(&server.url(), "");
    connector.api.username = Some("writer".to_owned());
    connector.password = Some(danube_sink::Secret::new("correct hörse"));
    initialize(&mut connector).await.expect("the right password");
    let connector = tokio::sync::Mutex::new(connector);
    let answer = async || connector.lock().await.process_batch(records([r#"{"n":7}"#])).await;

    server.change_users(
        "correct h&#246;rse</password><profile>default",
        "correct h&#246;rse</password><profile>readonly",
    );
    until("the right is gone", || async { answer().await.is_err() }).await;
    let error = answer().await.expect_err("no right");
    assert!(matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("READONLY"), "{error:?}");
    server.change_users(
        "correct h&#246;rse</password><profile>readonly",
        "correct h&#246;rse</password><profile>default",
    );
    until("the right is back", || async { answer().await.is_ok() }).await;

    server.change_users("correct h&#246;rse", "another");
    until("the password is another", || async { answer().await.is_err() }).await;
    let error = answer().await.expect_err("no access");
    let text = error.report();
    assert!(matches!(error, ConnectorError::Fatal { .. }) && text.contains("WRONG_PASSWORD"), "{text}");
    assert!(!text.contains("hörse"), "{text}");
}

/// The table has the rows then, and takes them for repeated.
#[tokio::test]
async fn a_view_that_failed_gets_its_rows_once_by_the_next_attempt() {
    let server = Process::start_of(Engine::Current);
    for table in ["t", "seen", "most"] {
        server.ask(&format!(
            "CREATE TABLE {table} (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS non_replicated_deduplication_window = 9"
        ));
    }
    let rows = "SELECT n + throwIf(n > (SELECT max(n) FROM most)) AS n FROM t";
    server.ask(&format!("CREATE MATERIALIZED VIEW v TO seen AS {rows}"));
    server.ask("INSERT INTO most VALUES (1)");
    let mut connector = started(&server, "").await;
    let batch = records([r#"{"n":7}"#]);
    connector.process_batch(batch.clone()).await.expect_err("the view fails");
    server.ask("INSERT INTO most VALUES (9)");
    for _ in 0..2 {
        connector.process_batch(batch.clone()).await.expect("the view takes it");
        assert_eq!(server.ask("SELECT (SELECT count() FROM t), (SELECT count() FROM seen) FORMAT TSV"), "1\t1");
    }
}
