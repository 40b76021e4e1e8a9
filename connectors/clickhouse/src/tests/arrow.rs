//! Rows as an Arrow stream.

use danube_sink::{ConnectorError, SinkConnector};

use super::{
    Engine, Process, connector, initialize, records, rejected,
    scripted::{assert_inserted, with_columns},
    started,
};

const ARROW: &str = "format = 'arrow_stream'";

#[tokio::test]
async fn rows_are_sent_as_arrow_and_what_arrow_cannot_carry_as_json() {
    let columns = [("n", "UInt64", ""), ("t", "DateTime('Europe/Berlin')", ""), ("s", "String", "DEFAULT")];
    let server = with_columns("format ArrowStream\n", &columns);
    let mut connector = connector(&server.url(), ARROW);
    initialize(&mut connector).await.expect("the script");
    for (batch, insert) in [
        // A column that no record fills is left out.
        (vec![r#"{"n":1,"t":"2018-02-07T01:26:13Z"}"#, r#"{"n":2}"#], "(`n`, `t`) FORMAT ArrowStream"),
        (vec!["{}"], "FORMAT JSONEachRow"),
        // A time in the column's zone, and a default for some of the rows.
        (vec![r#"{"n":1,"t":"2018-02-07 01:26:13"}"#], "FORMAT JSONEachRow"),
        (vec![r#"{"n":1,"s":""}"#, r#"{"n":2}"#], "FORMAT JSONEachRow"),
    ] {
        connector.process_batch(records(&batch)).await.expect("the script");
        assert_inserted(&server, insert);
    }
}

#[tokio::test]
async fn a_column_that_is_gone_is_waited_for() {
    let server = Process::start_of(Engine::Current);
    server.ask("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
    let mut connector = started(&server, &format!("{ARROW}\ncolumns = {{ n = '/n', s = '/s' }}")).await;
    server.ask("ALTER TABLE t DROP COLUMN s");
    let row = || records([r#"{"n":7,"s":"x"}"#]);
    let error = connector.process_batch(row()).await.expect_err("no column");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    server.ask("ALTER TABLE t ADD COLUMN s String");
    connector.process_batch(row()).await.expect("a row");
    assert_eq!(server.ask("SELECT n, s FROM t FORMAT TSV"), "7\tx");
}

#[tokio::test]
async fn named_columns_and_metadata_are_carried() {
    let server = Process::start_of(Engine::Current);
    // Only columns that the mapping fills need a type in Arrow.
    server.ask(
        "CREATE TABLE t (n UInt64, other Int256, _id String, _at DateTime64(6), _offset UInt64, _partition Nullable(UInt32)) \
         ENGINE = ReplacingMergeTree ORDER BY _id",
    );
    let mapping = format!(
        "{ARROW}\ncolumns = {{ n = '/a/n' }}\n\
         metadata = {{ id = '_id', publish_time = '_at', offset = '_offset', partition = '_partition' }}"
    );
    let mut connector = started(&server, &mapping).await;
    let text = rejected(connector.process_batch(records([r#"{"a":{"n":7}}"#, r#"{"a":{"n":-7}}"#])).await);
    assert!(text.contains("1 rejected") && text.contains("in the column n"), "{text}");
    assert_eq!(
        server.ask("SELECT n, other, _at, _offset, _partition FROM t FORMAT TSV"),
        "7\t0\t2018-02-07 01:26:13.840000\t0\t\\N"
    );
    // A table that gets a column that Arrow cannot carry is written as JSON.
    server.ask("ALTER TABLE t DROP COLUMN other");
    let mut connector = started(&server, ARROW).await;
    server.ask("ALTER TABLE t ADD COLUMN j JSON");
    connector.process_batch(records([r#"{"n":8,"_id":"x","j":{"a":1}}"#])).await.expect("a row");
    assert_eq!(server.ask("SELECT j.a FROM t WHERE n = 8"), "1");
}

#[tokio::test]
async fn a_server_without_the_format_and_a_type_without_one_are_errors_of_the_configuration() {
    let server = Process::start();
    server.ask("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let error = initialize(&mut connector(&server.url(), ARROW)).await.expect_err("18.16 has no ArrowStream");
    let text = error.report();
    assert!(matches!(error, ConnectorError::Configuration { .. }) && text.contains("too old for `format"), "{text}");
    let error = initialize(&mut connector(&server.url(), "async_insert = true")).await.expect_err("18.16 has none");
    let text = error.report();
    assert!(
        matches!(error, ConnectorError::Configuration { .. }) && text.contains("too old for `async_insert`"),
        "{text}"
    );
}
