//! Deletions: by tombstone, and by operation.

use danube_sink::{ConnectorError, SinkConnector, SinkRecord};

use super::{
    TOPIC, records,
    server::{PostgresServer, Program},
    start, texts, with_docs,
};

const IDS: &str = "SELECT id FROM docs ORDER BY id";

fn tombstone(key: &str) -> SinkRecord {
    SinkRecord::builder(TOPIC).key(key).payload("").build()
}

fn keyed(key: &str, payload: &'static str) -> SinkRecord {
    SinkRecord::builder(TOPIC).key(key).payload(payload).build()
}

#[tokio::test]
async fn a_tombstone_deletes_by_the_key() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mut sink = start(&server, "id = 'key'").await.unwrap();
    let embedding = r#"{"embedding":[1,2,3]}"#;
    let batch =
        vec![keyed("a", embedding), keyed("b", embedding), tombstone("a"), keyed("c", embedding), tombstone("none")];
    for _ in 0..2 {
        sink.process_batch(batch.clone()).await.unwrap();
        assert_eq!(texts(&sql, IDS).await, ["b", "c"]);
    }
}

#[tokio::test]
async fn a_tombstone_names_the_id_of_the_payload_as_json() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mut sink = start(&server, "").await.unwrap();
    sink.process_batch(records(&[r#"{"id":1,"embedding":[1,2,3]}"#, r#"{"id":2,"embedding":[1,2,3]}"#])).await.unwrap();
    sink.process_batch(vec![tombstone(r#"{"id":1}"#)]).await.unwrap();
    assert_eq!(texts(&sql, IDS).await, ["2"]);
    let unknown = sink.process_batch(vec![tombstone("2")]).await.unwrap_err();
    assert!(matches!(&unknown, ConnectorError::Partial(_)) && unknown.report().contains("tombstone"), "{unknown:?}");
    let mut sink = start(&server, "tombstones = 'reject'").await.unwrap();
    sink.process_batch(vec![tombstone(r#"{"id":2}"#)]).await.unwrap_err();
    assert_eq!(texts(&sql, IDS).await, ["2"]);
}

#[tokio::test]
async fn an_operation_deletes_and_envelopes_are_read() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mapping = "id = '/after/id'\nembedding = '/after/embedding'\ntext = '/after/text'\noperation = '/op'";
    let mut sink = start(&server, mapping).await.unwrap();
    let batch = [
        r#"{"op":"c","after":{"id":"a","embedding":[1,2,3],"text":"x"}}"#,
        r#"{"op":"r","after":{"id":"b","embedding":[1,2,3],"text":"x"}}"#,
        r#"{"payload":{"op":"u","after":{"id":"b","embedding":"__debezium_unavailable_value","text":"new"}},"schema":{}}"#,
        r#"{"op":"d","before":{"id":"a"},"after":null}"#,
    ];
    for _ in 0..2 {
        sink.process_batch(records(&batch)).await.unwrap();
        assert_eq!(texts(&sql, "SELECT id || embedding::text || text FROM docs").await, ["b[1,2,3]new"]);
    }
    let wrong = sink.process_batch(records(&[r#"{"op":"u","after":{"id":"b","embedding":[1]}}"#])).await.unwrap_err();
    assert!(wrong.report().contains("1 dimensions, not 3"), "{wrong:?}");
}

#[tokio::test]
async fn the_right_to_delete_is_needed_only_where_records_delete() {
    let (server, sql) = with_docs("id text PRIMARY KEY, embedding vector(3)").await;
    let role = "CREATE ROLE writer LOGIN; GRANT SELECT, INSERT, UPDATE ON docs TO writer";
    sql.batch_execute(role).await.unwrap();
    server.write("pg_hba.conf", "host all all 127.0.0.1/32 trust\n");
    sql.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let as_writer = async |mapping: &str| {
        let toml = format!(
            "{}[[pgvector.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 'docs'\ndimensions = 3\ncreate = false\n{mapping}",
            server.toml("pgvector").replace("user = 'postgres'", "user = 'writer'")
        );
        let (mut sink, core) = danube_sink::testing::from_toml::<super::super::Pgvector>(&toml).unwrap();
        sink.initialize(core).await
    };
    let text = as_writer("").await.unwrap_err().report();
    assert!(text.contains("42501") && text.contains("docs"), "{text}");
    as_writer("tombstones = 'reject'").await.unwrap();
}
