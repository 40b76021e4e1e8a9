//! Records that are appended, and redelivered after a restart.

use danube_sink::{
    ConnectorConfig, ConnectorError, SinkConnector, SubscriptionType,
    dev::{Acks, BrokerOptions},
};
use danube_sink_tests::{Broker, Running, topic, until};

use super::{Bench, PostgresServer, Program, configured, records, report, start};

#[tokio::test(flavor = "multi_thread")]
async fn append_with_a_unique_index_survives_lost_acknowledgements_and_a_restart() {
    let server = PostgresServer::start(Program::Postgresql);
    let sql = server.client().await;
    sql.batch_execute("CREATE TABLE rows (id int UNIQUE)").await.unwrap();
    let broker = Broker::embedded(BrokerOptions::default()).await;
    let embedded = broker.embedded.as_ref().unwrap();
    let topic = topic("postgres");
    let producer = broker.producer(&topic, "creator", None).await;
    let run = async || {
        let mapping = "subscription = 's'\ntable = 'rows'\ncolumns = { id = '/id' }";
        let (sink, mut core): (_, ConnectorConfig) = configured(&server, &topic, mapping).unwrap();
        for mapping in &mut core.mappings {
            mapping.consumer.subscription_type = SubscriptionType::Exclusive;
        }
        Running::start(sink, core, &broker).await
    };
    embedded.faults().set_acks(Acks::Ignored);
    let running = run().await;
    for id in 0..3 {
        producer.send(format!(r#"{{"id":{id}}}"#).into_bytes(), None).await.unwrap();
    }
    let rows = async || sql.query("SELECT FROM rows", &[]).await.unwrap().len();
    until("three rows", async || rows().await == 3).await;
    running.abort();
    embedded.faults().set_acks(Acks::Taken);
    let running = run().await;
    until("acknowledged", async || embedded.subscription(&topic, "s").is_some_and(|s| s.backlog + s.in_flight == 0))
        .await;
    assert_eq!(rows().await, 3);
    running.stop().await;
}

#[tokio::test]
async fn an_existing_row_counts_as_written_if_it_is_equal_in_every_column() {
    let table = "CREATE TABLE rows (number serial, id int, part char(3), price numeric(12, 2), at timestamp(0), doc json, place point, \
                 words varchar(9), bits varbit, names varchar(5)[], UNIQUE (part, id))";
    let names = ["id", "part", "price", "at", "doc", "place", "words", "bits", "names"]
        .map(|name| format!("{name} = '/{name}'"));
    let mut bench = Bench::new(table, &format!("table = 'rows'\ncolumns = {{ {} }}", names.join(", "))).await;
    let record = r#"{"id":1,"part":"a","price":19.999,"at":"2024-01-01T00:00:00.7Z","doc":{"a":[1.10]},"place":"(1,2)","words":"some",
                     "bits":"101","names":["x",null]}"#;
    bench.write(&[record, r#"{"id":2,"part":"a"}"#]).await.unwrap();
    let all = bench.rows("SELECT * FROM rows ORDER BY number").await;
    // Alone, twice in a batch, and between new ones.
    bench.write(&[record]).await.unwrap();
    bench.write(&[record, r#"{"id":2,"part":"a"}"#, record]).await.unwrap();
    assert_eq!(bench.rows("SELECT * FROM rows ORDER BY number").await, all);
    bench.write(&[r#"{"id":3,"part":"a"}"#, record, r#"{"id":4,"part":"a"}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows ORDER BY id").await.len(), 4);
}

/// The server prints these without parentheses.
#[tokio::test]
async fn a_time_that_is_a_default_is_not_compared() {
    let table = "CREATE TABLE rows (id int UNIQUE, at timestamptz DEFAULT CURRENT_TIMESTAMP, day date DEFAULT CURRENT_DATE, \
                 clock time DEFAULT LOCALTIME)";
    let mut bench = Bench::new(table, "table = 'rows'").await;
    bench.write(&[r#"{"id":1}"#]).await.unwrap();
    bench.sql.batch_execute("UPDATE rows SET day = day - 1").await.unwrap();
    bench.write(&[r#"{"id":1}"#, r#"{"id":2}"#]).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows ORDER BY id").await.len(), 2);
}

#[tokio::test]
async fn a_column_of_the_index_may_have_its_default() {
    let table = "CREATE TABLE rows (tenant text DEFAULT 'main', id int, note text, UNIQUE (tenant, id))";
    let mut bench =
        Bench::new(table, "table = 'rows'\ncolumns = { tenant = '/tenant', id = '/id', note = '/note' }").await;
    for _ in 0..2 {
        bench.write(&[r#"{"id":1}"#, r#"{"id":2,"tenant":"other"}"#]).await.unwrap();
    }
    assert_eq!(bench.rows("SELECT tenant, id FROM rows").await.len(), 2);
    report!(bench.write(&[r#"{"id":1,"note":"another record's"}"#]).await, Refused);
}

#[tokio::test]
async fn nulls_are_equal_where_the_index_says_so() {
    let table = "CREATE TABLE rows (a int, b int, note text, UNIQUE NULLS NOT DISTINCT (a, b));
                 CREATE TABLE others (a int UNIQUE, b int UNIQUE)";
    let mut bench = Bench::new(table, "table = 'rows'\ncolumns = { a = '/a', b = '/b', note = '/note' }").await;
    for record in [r#"{"a":1,"b":null}"#, r#"{"b":2}"#, r#"{"a":3,"b":3}"#] {
        bench.write(&[record]).await.unwrap();
        bench.write(&[record]).await.unwrap();
        report!(bench.write(&[&record.replace('}', ",\"note\":\"another record's\"}")]).await, Refused);
    }
    assert_eq!(bench.rows("SELECT a FROM rows").await.len(), 3);
    // In another index, a row without a value is no copy of one that exists.
    let mut sink = start(&bench.server, "table = 'others'\ncolumns = { a = '/a', b = '/b' }").await.unwrap();
    sink.process_batch(records(&[r#"{"a":1,"b":null}"#, r#"{"a":null,"b":null}"#])).await.unwrap();
    sink.process_batch(records(&[r#"{"a":1,"b":null}"#, r#"{"a":null,"b":null}"#])).await.unwrap();
    assert_eq!(bench.rows("SELECT a FROM others").await.len(), 3);
}

#[tokio::test]
async fn another_row_of_the_same_key_refuses_the_record() {
    let mut bench = Bench::new(
        "CREATE TABLE rows (id int UNIQUE, name varchar(3))",
        "table = 'rows'\ncolumns = { id = '/id', name = '/name' }",
    )
    .await;
    bench.write(&[r#"{"id":1,"name":"abc"}"#]).await.unwrap();
    for other in [r#"{"id":1}"#, r#"{"id":1,"name":"ab"}"#, r#"{"id":1,"name":null}"#] {
        report!(bench.write(&[r#"{"id":2}"#, other]).await, Refused);
        report!(bench.write(&[other]).await, Refused);
    }
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":1}"#]);
}

#[tokio::test]
async fn a_partial_index_or_one_on_an_expression_refuses_the_record() {
    let table = "CREATE TABLE rows (id int, name text); CREATE UNIQUE INDEX ON rows (lower(name)); \
                 CREATE UNIQUE INDEX ON rows (id) WHERE id > 10";
    let mut bench = Bench::new(table, "table = 'rows'\ncolumns = { id = '/id', name = '/name' }").await;
    bench.write(&[r#"{"id":1,"name":"a"}"#, r#"{"id":11,"name":"b"}"#]).await.unwrap();
    for there in [r#"{"id":1,"name":"a"}"#, r#"{"id":2,"name":"A"}"#, r#"{"id":11,"name":"c"}"#] {
        let text = report!(bench.write(&[there]).await, Refused);
        assert!(text.contains("23505"), "{text}");
    }
    assert_eq!(bench.rows("SELECT id FROM rows").await.len(), 2);
}
