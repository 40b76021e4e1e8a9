//! Behind PgBouncer, which gives each transaction another session of the server.

use danube_sink::{ConnectorError, SinkConnector};
use tokio_postgres::{Client, SimpleQueryMessage};

use super::{
    Postgres, PostgresServer, Program,
    bouncer::Bouncer,
    copy::{MANY, WATCHED, how},
    records, report,
    server::connected,
    start, written,
};

/// A database and a role with settings that change the reading of values.
const SETTINGS: &str = "
    ALTER DATABASE postgres SET timezone = 'Asia/Tokyo';
    ALTER DATABASE postgres SET standard_conforming_strings = off;
    ALTER DATABASE postgres SET extra_float_digits = -15;
    ALTER ROLE postgres SET datestyle = 'SQL, DMY';
    ALTER ROLE postgres SET intervalstyle = 'sql_standard';
    ALTER ROLE postgres SET array_nulls = off;
    CREATE TYPE mood AS ENUM ('sad', 'happy')";
const TABLE: &str = "CREATE TABLE rows (n int PRIMARY KEY, t timestamp, z timestamptz, d date, i interval, a text[], moods mood[], \
                     \"back\\slash\" text, at timestamp DEFAULT timestamptz '2024-01-01 00:00:00Z')";
const MAPPING: &str = "table = 'rows'\nmode = 'cdc'\noperation = '/op'\nkey = ['n']\n\
                       columns = { n = '/n', t = '/t', z = '/z', d = '/d', i = '/i', a = '/a', moods = '/m', 'back\\slash' = '/s' }";
const RECORD: &str = r#"{"op":"c","n":1,"t":"2024-01-01T00:00:00Z","z":"2024-01-01 00:00:00","d":"2024-02-03",
                         "i":"-1 01:00:00","a":[null,"NULL"],"m":["sad"],"s":"a\\nb"}"#;
const WRITTEN: &str = r#"(1,"2024-01-01 00:00:00","2024-01-01 00:00:00+00",2024-02-03,"-1 days +01:00:00","{NULL,""NULL""}",{sad},"a\\nb","2024-01-01 00:00:00")"#;

async fn server() -> (PostgresServer, Client) {
    let server = PostgresServer::start(Program::Postgresql);
    let sql = server.client().await;
    sql.batch_execute(SETTINGS).await.unwrap();
    sql.batch_execute(TABLE).await.unwrap();
    (server, sql)
}

/// A connector that reaches the server by the pooler.
async fn start_behind(server: &mut PostgresServer, bouncer: &Bouncer, mapping: &str) -> Postgres {
    server.port = bouncer.port;
    start(server, mapping).await.unwrap()
}

async fn row(sql: &Client) -> String {
    let read = "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET array_nulls = on; \
                SELECT rows::text FROM rows WHERE n = 1";
    let answer = sql.simple_query(read).await.unwrap();
    answer
        .iter()
        .find_map(|line| if let SimpleQueryMessage::Row(row) = line { row.get(0) } else { None })
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn values_mean_the_same_whatever_the_database_and_the_role_set() {
    let (server, sql) = server().await;
    let mut sink = start(&server, MAPPING).await.unwrap();
    sink.process_batch(records(&[RECORD])).await.unwrap();
    assert_eq!(row(&sql).await, WRITTEN);
}

#[tokio::test]
async fn a_pooler_in_either_mode_takes_the_connection_and_values_keep_their_meaning() {
    for mode in ["transaction", "session"] {
        let (mut server, sql) = server().await;
        let bouncer = Bouncer::start(&server, mode, "").await;
        let mut sink = start_behind(&mut server, &bouncer, MAPPING).await;
        sink.process_batch(records(&[RECORD])).await.unwrap();
        assert_eq!(row(&sql).await, WRITTEN, "{mode}");
        // A delete and an insert in one transaction.
        sink.process_batch(records(&[r#"{"op":"d","n":1}"#, RECORD])).await.unwrap();
        sink.health_check().await.unwrap();
        assert_eq!(row(&sql).await, WRITTEN, "{mode}");
    }
}

#[tokio::test]
async fn another_client_of_the_pooler_may_take_the_session_between_transactions() {
    let (mut server, sql) = server().await;
    let bouncer = Bouncer::start(&server, "transaction", "").await;
    let mut sink = start_behind(&mut server, &bouncer, MAPPING).await;
    let mut others = Vec::new();
    for n in 2..5 {
        // Each holds one session of the server more.
        let other = connected("127.0.0.1", bouncer.port).await;
        other.batch_execute("BEGIN").await.unwrap();
        others.push(other);
        sink.process_batch(records(&[&format!(r#"{{"op":"c","n":{n},"m":["happy"]}}"#)])).await.unwrap();
        sink.process_batch(records(&[r#"{"op":"d","n":0}"#])).await.unwrap();
        sink.health_check().await.unwrap();
    }
    let row = sql.query_one("SELECT count(*) FROM rows", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 3);
}

#[tokio::test]
async fn a_poolers_sessions_keep_no_settings_of_the_connector() {
    let (mut server, _sql) = server().await;
    let bouncer = Bouncer::start(&server, "transaction", "").await;
    let mut sink = start_behind(&mut server, &bouncer, MAPPING).await;
    sink.process_batch(records(&[RECORD])).await.unwrap();
    sink.process_batch(records(&[r#"{"op":"c","n":"no number"}"#])).await.unwrap_err();
    sink.process_batch(records(&[r#"{"op":"c","n":2,"i":"no interval"}"#])).await.unwrap_err();
    let other = connected("127.0.0.1", bouncer.port).await;
    let look = "SELECT current_setting('timezone') || current_setting('statement_timeout') || current_setting('lock_timeout') \
                || (SELECT count(*) FROM pg_prepared_statements) \
                || (SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%')";
    let answer = other.simple_query(look).await.unwrap();
    let found = answer.iter().find_map(|line| if let SimpleQueryMessage::Row(row) = line { row.get(0) } else { None });
    assert_eq!(found, Some("Asia/Tokyo0000"));
}

#[tokio::test]
async fn the_search_path_of_another_client_leads_to_no_other_table() {
    let (mut server, sql) = server().await;
    sql.batch_execute("CREATE SCHEMA b; CREATE TABLE b.rows (LIKE rows INCLUDING ALL)").await.unwrap();
    let bouncer = Bouncer::start(&server, "transaction", "default_pool_size = 1").await;
    let mut sink = start_behind(&mut server, &bouncer, MAPPING).await;
    let other = connected("127.0.0.1", bouncer.port).await;
    other.batch_execute("SET search_path = b").await.unwrap();
    sink.process_batch(records(&[RECORD])).await.unwrap();
    sink.health_check().await.unwrap();
    assert_eq!(row(&sql).await, WRITTEN);
    let made = "table = 'made_{/n}'\ncreate = 'n int'\ncolumns = { n = '/n' }";
    let mut sink = start_behind(&mut server, &bouncer, made).await;
    sink.process_batch(records(&[RECORD])).await.unwrap();
    let places = "SELECT (SELECT count(*) FROM b.rows), (SELECT n FROM public.made_1)";
    let row = sql.query_one(places, &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1)), (0, 1));
}

#[tokio::test]
async fn a_pooler_that_restarts_and_a_server_that_restarts_behind_it_are_waited_for() {
    let (mut server, sql) = server().await;
    let mut bouncer = Bouncer::start(&server, "transaction", "server_login_retry = 1").await;
    let mut sink = start_behind(&mut server, &bouncer, MAPPING).await;
    server.stop("fast");
    report!(sink.process_batch(records(&[RECORD])).await, Retryable);
    server.start_again();
    drop(sql);
    written(&mut sink, RECORD).await;
    bouncer.restart().await;
    written(&mut sink, RECORD).await;
}

#[tokio::test]
async fn copy_leaves_no_statement_in_a_poolers_session() {
    const ROWS: i64 = MANY as i64;
    let (mut server, sql) = server().await;
    let bouncer = Bouncer::start(&server, "transaction", "default_pool_size = 1").await;
    let columns = "n int CHECK (n < 100000), t timestamp, z timestamptz, d date, m mood, s text, \
                   at timestamp DEFAULT timestamptz '2024-01-01 00:00:00Z'";
    sql.batch_execute(&format!("DROP TABLE rows; CREATE TABLE rows ({columns}); {WATCHED}")).await.unwrap();
    let mapping = "table = 'rows'\ncolumns = { n = '/n', t = '/t', z = '/z', d = '/d', m = '/m', s = '/s' }";
    let mut sinks = Vec::new();
    for _ in 0..2 {
        sinks.push(start_behind(&mut server, &bouncer, mapping).await);
    }
    let record = RECORD.replace("[\"sad\"]", "\"sad\"");
    let batch = |from: i64| -> Vec<_> {
        (from..from + ROWS).map(|n| record.replace("\"n\":1,", &format!("\"n\":{n},"))).collect()
    };
    for from in [1, 1 + ROWS, 99_990, 1 + 2 * ROWS] {
        let batch = batch(from);
        let batch: Vec<_> = batch.iter().map(String::as_str).collect();
        for sink in &mut sinks {
            let written = sink.process_batch(records(&batch)).await;
            assert_eq!(written.is_err(), from == 99_990, "{from}: {written:?}");
        }
    }
    assert_eq!(how(&sql).await, ["COPY \""; 6]);
    let other = connected("127.0.0.1", bouncer.port).await;
    let look = "SELECT count(*) || ' ' || (SELECT count(*) FROM rows) FROM pg_prepared_statements";
    let answer = other.simple_query(look).await.unwrap();
    let found = answer.iter().find_map(|line| if let SimpleQueryMessage::Row(row) = line { row.get(0) } else { None });
    assert_eq!(found, Some(&*format!("0 {}", 6 * ROWS)));
    let written = r#"(1,"2024-01-01 00:00:00","2024-01-01 00:00:00+00",2024-02-03,sad,"a\\nb","2024-01-01 00:00:00")"#;
    assert_eq!(row(&sql).await, written);
}
