//! Roles, privileges and passwords that are missing, revoked, granted again or altered.

use danube_sink::{ConnectorError, SinkConnector};
use tokio_postgres::Client;

use super::{
    Postgres, PostgresServer, Program,
    bouncer::Bouncer,
    copy::{MANY, WATCHED, how},
    records, rejected, report, start_at, written,
};

const ROWS: &str = "CREATE TABLE rows (id int PRIMARY KEY, name text)";
const CDC: &str =
    "table = 'rows'\nmode = 'cdc'\noperation = '/op'\nkey = ['id']\ncolumns = { id = '/id', name = '/name' }";
const UPSERT: &str = "table = 'rows'\nmode = 'upsert'\nkey = ['id']\ncolumns = { id = '/id', name = '/name' }";
const APPEND: &str = "table = 'rows'\ncolumns = { id = '/id', name = '/name' }";

/// A server with a role `writer`, whose password is `s3cret`.
async fn server(statements: &str) -> (PostgresServer, Client) {
    let server = PostgresServer::start(Program::Postgresql);
    let hba = "host all writer 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n";
    server.write("pg_hba.conf", hba);
    let sql = server.client().await;
    sql.batch_execute("SELECT pg_reload_conf(); CREATE ROLE writer LOGIN PASSWORD 's3cret'").await.unwrap();
    sql.batch_execute(statements).await.unwrap();
    (server, sql)
}

fn url(server: &PostgresServer) -> String {
    format!("postgres://writer:s3cret@127.0.0.1:{}/postgres?sslmode=disable", server.port)
}

async fn end_sessions(sql: &Client) {
    let end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'writer'";
    sql.query(end, &[]).await.unwrap();
}

#[tokio::test]
async fn privileges_are_checked_at_start_without_writing() {
    let triggers = "
        CREATE TABLE fired (what text);
        CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN INSERT INTO fired VALUES (TG_OP); RETURN NULL; END $$;
        CREATE TRIGGER fire AFTER INSERT OR UPDATE OR DELETE ON rows FOR EACH STATEMENT EXECUTE FUNCTION fire()";
    let (server, sql) = server(&format!("{ROWS}; {triggers}")).await;
    for (mapping, rights) in
        [(APPEND, "INSERT, SELECT"), (UPSERT, "INSERT, SELECT, UPDATE"), (CDC, "INSERT, SELECT, UPDATE, DELETE")]
    {
        let rights: Vec<_> = rights.split(", ").collect();
        for missing in 0..rights.len() {
            sql.batch_execute("REVOKE ALL ON rows FROM writer").await.unwrap();
            for (_, right) in rights.iter().enumerate().filter(|(number, _)| *number != missing) {
                sql.batch_execute(&format!("GRANT {right} ON rows TO writer")).await.unwrap();
            }
            let text = report!(start_at(&url(&server), mapping).await.map(drop), Initialization);
            assert!(
                text.contains("42501") && text.contains("rows") && text.contains("grant"),
                "{}: {text}",
                rights[missing]
            );
        }
        sql.batch_execute(&format!("GRANT {} ON rows TO writer", rights[rights.len() - 1])).await.unwrap();
        for right in rights {
            sql.batch_execute(&format!("GRANT {right} ON rows TO writer")).await.unwrap();
        }
        start_at(&url(&server), mapping).await.unwrap().health_check().await.unwrap();
    }
    assert!(sql.query("SELECT FROM fired", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_privilege_on_a_sequence_is_checked_at_start() {
    // No record violates an index of a column that the server fills, so none looks for its row.
    let table = "CREATE TABLE rows (number serial PRIMARY KEY, id int, name text); GRANT INSERT ON rows TO writer";
    let (server, sql) = server(table).await;
    let text = report!(start_at(&url(&server), APPEND).await.map(drop), Initialization);
    assert!(text.contains("rows_number_seq") && text.contains("USAGE") && text.contains("number"), "{text}");
    sql.batch_execute("GRANT USAGE ON SEQUENCE rows_number_seq TO writer").await.unwrap();
    let mut sink = start_at(&url(&server), APPEND).await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
}

#[tokio::test]
async fn a_revoked_privilege_is_waited_for() {
    let (server, sql) = server(&format!("{ROWS}; GRANT ALL ON rows TO writer")).await;
    let mut sink = start_at(&url(&server), CDC).await.unwrap();
    for (right, payload) in [
        ("INSERT", r#"{"op":"c","id":1}"#),
        ("UPDATE", r#"{"op":"c","id":1,"name":"a"}"#),
        ("DELETE", r#"{"op":"d","id":1}"#),
    ] {
        sql.batch_execute(&format!("REVOKE {right} ON rows FROM writer")).await.unwrap();
        let text = report!(sink.process_batch(records(&[payload])).await, Retryable);
        assert!(text.contains("42501") && text.contains("rows") && text.contains("grant"), "{right}: {text}");
        report!(sink.health_check().await, Retryable);
        sql.batch_execute(&format!("GRANT {right} ON rows TO writer")).await.unwrap();
        sink.health_check().await.unwrap();
        sink.process_batch(records(&[payload])).await.unwrap();
    }
}

#[tokio::test]
async fn a_privilege_that_copy_needs_is_waited_for() {
    let rights = "GRANT INSERT, SELECT ON rows TO writer; GRANT INSERT ON how TO writer";
    let (server, sql) = server(&format!("{ROWS}; {WATCHED}; {rights}")).await;
    for mapping in [APPEND, "table = 'rows'"] {
        let mut sink = start_at(&url(&server), mapping).await.unwrap();
        let payloads: Vec<_> = (0..MANY).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        let batch = || records(&payloads.iter().map(String::as_str).collect::<Vec<_>>());
        sql.batch_execute("DELETE FROM rows; REVOKE INSERT ON rows FROM writer").await.unwrap();
        let text = report!(sink.process_batch(batch()).await, Retryable);
        assert!(text.contains("42501") && text.contains("rows") && text.contains("grant"), "{text}");
        sql.batch_execute("GRANT INSERT ON rows TO writer").await.unwrap();
        sink.process_batch(batch()).await.unwrap();
        assert_eq!(how(&sql).await, ["COPY \""], "{mapping}");
    }
}

/// A record that is not its own is refused, and holds up no other.
#[tokio::test]
async fn append_with_a_unique_index_needs_the_right_to_read_it() {
    let (server, sql) = server(&format!("{ROWS}; GRANT INSERT ON rows TO writer")).await;
    let text = report!(start_at(&url(&server), APPEND).await.map(drop), Initialization);
    assert!(text.contains("42501") && text.contains("rows") && text.contains("grant"), "{text}");
    sql.batch_execute("GRANT SELECT ON rows TO writer").await.unwrap();
    let mut sink = start_at(&url(&server), APPEND).await.unwrap();
    sink.process_batch(records(&[r#"{"id":1,"name":"a"}"#])).await.unwrap();
    report!(sink.process_batch(records(&[r#"{"id":1,"name":"b"}"#])).await, Refused);
}

#[tokio::test]
async fn a_policy_refuses_a_row_and_not_the_batch() {
    let table = format!(
        "{ROWS}; GRANT ALL ON rows TO writer; ALTER TABLE rows ENABLE ROW LEVEL SECURITY; \
                         CREATE POLICY small ON rows USING (true) WITH CHECK (id < 10)"
    );
    let (server, _sql) = server(&table).await;
    let mut sink = start_at(&url(&server), APPEND).await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
    let text = report!(sink.process_batch(records(&[r#"{"id":10}"#])).await, Refused);
    assert!(text.contains("42501") && text.contains("policy"), "{text}");
}

#[tokio::test]
async fn an_altered_password_ends_the_connector_when_it_reconnects() {
    let (server, sql) = server(&format!("{ROWS}; GRANT ALL ON rows TO writer")).await;
    let mut sink = start_at(&url(&server), APPEND).await.unwrap();
    sql.batch_execute("ALTER ROLE writer PASSWORD 'other'").await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
    end_sessions(&sql).await;
    let text = ended(&mut sink).await;
    assert!(text.contains("28P01") && text.contains("restart") && !text.contains("s3cret"), "{text}");
    sql.batch_execute("DROP OWNED BY writer; DROP ROLE writer").await.unwrap();
    let text = ended(&mut sink).await;
    assert!(text.contains("SQLSTATE 28"), "{text}");
    let text = report!(start_at(&url(&server), APPEND).await.map(drop), Initialization);
    assert!(text.contains("SQLSTATE 28"), "{text}");
}

/// The text of the fatal error that a write ends with, once the session is known to be lost.
async fn ended(sink: &mut Postgres) -> String {
    loop {
        match sink.process_batch(records(&[r#"{"id":2}"#])).await {
            Err(ConnectorError::Retryable { .. }) => {}
            Err(error @ ConnectorError::Fatal { .. }) => return error.report(),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn no_password_and_one_that_a_pooler_refuses_are_refused_credentials() {
    let (mut server, _sql) = server(&format!("{ROWS}; GRANT ALL ON rows TO writer")).await;
    let without = url(&server).replace(":s3cret", "");
    let text = report!(start_at(&without, APPEND).await.map(drop), Initialization);
    assert!(text.contains("password"), "{text}");
    let bouncer = Bouncer::start(&server, "transaction", "auth_type = scram-sha-256").await;
    server.port = bouncer.port;
    let mut sink = start_at(&url(&server), APPEND).await.unwrap();
    written(&mut sink, r#"{"id":1}"#).await;
    let wrong = url(&server).replace("s3cret", "wr0ng");
    let error = start_at(&wrong, APPEND).await.map(drop).unwrap_err();
    let text = error.report();
    assert!(matches!(error, ConnectorError::Initialization { .. }) && !text.contains("wr0ng"), "{text}");
}

#[tokio::test]
async fn a_right_to_one_table_that_is_missing_rejects_its_records_alone_where_records_choose_tables() {
    let tables =
        "CREATE TABLE events_a (id int); CREATE TABLE events_s3cret (id int); GRANT INSERT ON events_a TO writer";
    let (server, sql) = server(tables).await;
    let mapping = "table = 'events_{/tenant}'\ncolumns = { id = '/id' }";
    let mut sink = start_at(&url(&server), mapping).await.unwrap();
    let batch = || records(&[r#"{"id":0,"tenant":"s3cret"}"#, r#"{"id":1,"tenant":"a"}"#]);
    for round in 1..3 {
        let rejected = rejected(sink.process_batch(batch()).await);
        let [(0, why)] = &rejected[..] else { panic!("{rejected:?}") };
        assert!(why.contains("42501") && why.contains("grant") && !why.contains("s3cret"), "{why}");
        assert_eq!(sql.query("SELECT FROM events_a", &[]).await.unwrap().len(), round);
    }
    sql.batch_execute("GRANT INSERT ON events_s3cret TO writer").await.unwrap();
    sink.process_batch(batch()).await.unwrap();
}
