//! `write_timeout_ms` limits all statements of a batch together.

use std::{process::Command, time::Duration};

use danube_sink::{ConnectorError, ConnectorResult, SinkConnector, testing::attempt};
use danube_sink_tests::{until, within};
use tokio::time::timeout;

use super::{Bench, records, report, written};

const TABLE: &str = "CREATE TABLE rows (id int PRIMARY KEY, name text)";
const CDC: &str =
    "table = 'rows'\nmode = 'cdc'\noperation = '/op'\nkey = ['id']\ncolumns = { id = '/id', name = '/name' }";

/// The `write_timeout_ms` of an attempt.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Writes a batch as the runtime does.
async fn write(bench: &mut Bench, payloads: &[&str]) -> ConnectorResult<()> {
    attempt(TIMEOUT, bench.sink.process_batch(records(payloads))).await
}

/// The report that a batch takes too long. Its last statement may leave the server too little time to say so: the failure is then
/// retryable, and the batch is written again.
async fn taking_too_long(bench: &mut Bench, payloads: &[&str]) -> String {
    let tries = async {
        loop {
            match write(bench, payloads).await {
                Err(ConnectorError::Retryable { .. }) => {}
                result => return report!(result, TooLarge),
            }
        }
    };
    within("the report of the server", tries).await
}

/// A table in which each insert or delete takes this long.
fn slow(seconds: f64) -> String {
    format!(
        "{TABLE}; INSERT INTO rows VALUES (1);
         CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_sleep({seconds}); RETURN coalesce(NEW, OLD); END $$;
         CREATE TRIGGER wait BEFORE INSERT OR DELETE ON rows FOR EACH ROW EXECUTE FUNCTION wait()"
    )
}

#[tokio::test]
async fn two_statements_share_the_time_of_one() {
    let mut bench = Bench::new(&slow(1.6), CDC).await;
    let text = taking_too_long(&mut bench, &[r#"{"op":"d","id":1}"#, r#"{"op":"c","id":2}"#]).await;
    assert!(text.contains("57014"), "{text}");
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":1}"#]);
    // Each alone has the time.
    write(&mut bench, &[r#"{"op":"d","id":1}"#]).await.unwrap();
    write(&mut bench, &[r#"{"op":"c","id":2}"#]).await.unwrap();
}

#[tokio::test]
async fn a_batch_that_takes_too_long_is_halved_and_a_lock_is_waited_for() {
    let mut bench = Bench::new(&slow(0.5), CDC).await;
    let batch = [2, 3, 4, 5, 6, 7, 8].map(|id| format!(r#"{{"op":"c","id":{id}}}"#));
    let batch = batch.each_ref().map(String::as_str);
    taking_too_long(&mut bench, &batch).await;
    write(&mut bench, &batch[..2]).await.unwrap();
    bench.sql.batch_execute("BEGIN; LOCK TABLE rows").await.unwrap();
    let text = report!(write(&mut bench, &batch[2..3]).await, Retryable);
    assert!(text.contains("55P03"), "{text}");
    bench.sql.batch_execute("COMMIT").await.unwrap();
    write(&mut bench, &batch[2..3]).await.unwrap();
}

#[tokio::test]
async fn a_write_that_is_given_up_is_never_written_later() {
    let mut bench = Bench::new(&slow(0.5), CDC).await;
    let writing = bench.sink.process_batch(records(&[r#"{"op":"c","id":2}"#]));
    timeout(Duration::from_millis(250), writing).await.unwrap_err();
    let busy = "SELECT FROM pg_stat_activity WHERE state <> 'idle' AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    until("the server is done", async || bench.sql.query(busy, &[]).await.unwrap().is_empty()).await;
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":1}"#]);
    write(&mut bench, &[r#"{"op":"c","id":2}"#]).await.unwrap();
}

#[tokio::test]
async fn a_server_that_stops_answering_is_given_up_in_time() {
    let mut bench = Bench::new(TABLE, CDC).await;
    let pid = "SELECT pid FROM pg_stat_activity WHERE application_name = 'danube-sink-postgres'";
    let pid = bench.sql.query_one(pid, &[]).await.unwrap().get::<_, i32>(0).to_string();
    let signal = |name: &str| assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    signal("-STOP");
    let text = report!(write(&mut bench, &[r#"{"op":"c","id":2}"#]).await, Retryable);
    // A new session takes what the hung one does not.
    written(&mut bench.sink, r#"{"op":"c","id":3}"#).await;
    signal("-CONT");
    // What the connector says, and not the runtime at the end of the attempt.
    assert!(text.contains("no answer"), "{text}");
    until("the hung session is closed", async || {
        bench.sql.query(&format!("SELECT FROM pg_stat_activity WHERE pid = {pid}"), &[]).await.unwrap().is_empty()
    })
    .await;
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":3}"#]);
}
