//! Servers that become read-only, and fail over to others.

use std::net::TcpListener;

use danube_sink::{ConnectorError, SinkConnector};
use danube_sink_tests::until;
use tokio_postgres::Client;

use super::{Bench, PostgresServer, Program, records, report, server::connected, start_at, written};

const TABLE: &str = "CREATE TABLE rows (n int)";
const MAPPING: &str = "table = 'rows'\ncolumns = { n = '/n' }";

/// Two servers with one port, on 127.0.0.1 and 127.0.0.2.
async fn pair() -> ((PostgresServer, Client), (PostgresServer, Client)) {
    let (a, mut b) = (PostgresServer::start(Program::Postgresql), PostgresServer::start(Program::Postgresql));
    b.stop("fast");
    let settings = "listen_addresses = '127.0.0.2'\nunix_socket_directories = ''\n";
    b.write("postgresql.auto.conf", &format!("port = {}\n{settings}", a.port));
    b.write("pg_hba.conf", "host all all 127.0.0.0/8 trust\n");
    b.port = a.port;
    b.start_again();
    let (of_a, of_b) = (a.client().await, connected("127.0.0.2", b.port).await);
    of_a.batch_execute(TABLE).await.unwrap();
    of_b.batch_execute(TABLE).await.unwrap();
    ((a, of_a), (b, of_b))
}

async fn count(sql: &Client) -> i64 {
    sql.query_one("SELECT count(*) FROM rows", &[]).await.unwrap().get(0)
}

async fn set_read_only(sql: &Client, is_on: bool) {
    let value = if is_on { "on" } else { "off" };
    sql.batch_execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {value}")).await.unwrap();
    sql.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let holds = async || {
        let row = sql.query_one("SHOW default_transaction_read_only", &[]).await.unwrap();
        row.get::<_, &str>(0) == value
    };
    until("the setting holds", holds).await;
}

#[tokio::test]
async fn a_read_only_server_is_left_for_a_host_that_accepts_writes() {
    let ((a, of_a), (_b, of_b)) = pair().await;
    let url = format!("postgres://postgres@127.0.0.1:{0},127.0.0.2:{0}/postgres?sslmode=disable", a.port);
    let mut sink = start_at(&url, MAPPING).await.unwrap();
    sink.process_batch(records(&[r#"{"n":1}"#])).await.unwrap();
    set_read_only(&of_a, true).await;
    written(&mut sink, r#"{"n":2}"#).await;
    sink.health_check().await.unwrap();
    assert_eq!((count(&of_a).await, count(&of_b).await), (1, 1));
    // And back, when the other one goes.
    set_read_only(&of_a, false).await;
    set_read_only(&of_b, true).await;
    written(&mut sink, r#"{"n":3}"#).await;
    assert_eq!((count(&of_a).await, count(&of_b).await), (2, 1));
}

#[tokio::test]
async fn a_read_only_server_is_waited_for_with_a_new_session() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    bench.write(&[r#"{"n":1}"#]).await.unwrap();
    let session = "SELECT FROM pg_stat_activity WHERE application_name = 'danube-sink-postgres'";
    assert_eq!(bench.sql.query(session, &[]).await.unwrap().len(), 1);
    set_read_only(&bench.sql, true).await;
    let text = report!(bench.write(&[r#"{"n":2}"#]).await, Retryable);
    assert!(text.contains("25006") || text.contains("does not allow writes"), "{text}");
    for _ in 0..2 {
        let text = report!(bench.sink.health_check().await, Retryable);
        assert!(text.contains("does not allow writes"), "{text}");
        let text = report!(bench.write(&[r#"{"n":2}"#]).await, Retryable);
        assert!(text.contains("127.0.0.1") && text.contains("does not allow writes"), "{text}");
    }
    until("the old session is closed", async || bench.sql.query(session, &[]).await.unwrap().is_empty()).await;
    set_read_only(&bench.sql, false).await;
    bench.sink.health_check().await.unwrap();
    bench.write(&[r#"{"n":2}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT n FROM rows ORDER BY n").await, [r#"{"n":1}"#, r#"{"n":2}"#]);
}

#[tokio::test]
async fn a_session_that_an_operator_ends_is_reopened() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    for n in 0..3 {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'";
        bench.sql.query(end, &[]).await.unwrap();
        written(&mut bench.sink, &format!(r#"{{"n":{n}}}"#)).await;
    }
    assert_eq!(bench.rows("SELECT n FROM rows ORDER BY n").await.len(), 3);
}

#[tokio::test]
async fn a_host_that_hangs_does_not_hide_the_next() {
    let bench = Bench::new(TABLE, MAPPING).await;
    // It takes connections and never answers.
    let hung = TcpListener::bind("127.0.0.1:0").unwrap();
    let (hung, port) = (hung.local_addr().unwrap().port(), bench.server.port);
    let url = format!("postgres://postgres@127.0.0.1:{hung},127.0.0.1:{port}/postgres?sslmode=disable");
    let mut sink = start_at(&url, MAPPING).await.unwrap();
    sink.process_batch(records(&[r#"{"n":1}"#])).await.unwrap();
    assert_eq!(count(&bench.sql).await, 1);
}

#[tokio::test]
async fn every_host_that_cannot_be_used_is_named() {
    let server = PostgresServer::start(Program::Postgresql);
    let sql = server.client().await;
    set_read_only(&sql, true).await;
    let port = server.port;
    let url = format!("postgres://postgres@127.0.0.1:{port},127.0.0.3:1/postgres?sslmode=disable");
    // The host that is not running may start, so the connector waits.
    let text = report!(start_at(&url, MAPPING).await.map(drop), Retryable);
    for part in [&format!("127.0.0.1:{port}: "), "does not allow writes", "127.0.0.3:1: ", "refused"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let alone = url.replace(",127.0.0.3:1", "");
    let text = report!(start_at(&alone, MAPPING).await.map(drop), Initialization);
    assert!(text.contains("does not allow writes"), "{text}");
}
