//! Tables made from the registered schema, and what new fields do to them.

use danube_sink::{ConnectorConfig, ConnectorError, SinkConnector, dev::BrokerOptions, testing::from_toml};
use danube_sink_tests::{Broker, Running, topic, until};

use super::{Clickhouse, Engine, Process};

const FIRST: &str = r#"{"type":"object","required":["id","paid"],"properties":{
    "id":{"type":"integer"}, "paid":{"type":"boolean"}, "total":{"type":"number"},
    "at":{"type":"string","format":"date-time"}, "lines":{"type":"array","items":{"type":"object"}}}}"#;
/// With a field more.
const SECOND: &str = r#"{"type":"object","required":["id","paid"],"properties":{
    "id":{"type":"integer"}, "paid":{"type":"boolean"}, "total":{"type":"number"}, "note":{"type":"string"},
    "at":{"type":"string","format":"date-time"}, "lines":{"type":"array","items":{"type":"object"}}}}"#;

struct Setup {
    server: Process,
    broker: Broker,
    topic: String,
}

impl Setup {
    async fn of(engine: Engine) -> Self {
        let broker = Broker::embedded(BrokerOptions::default()).await;
        Self { server: Process::start_of(engine), broker, topic: topic("schema") }
    }

    fn connector(&self, mapping: &str) -> (Clickhouse, ConnectorConfig) {
        let (connector, mut core) = from_toml::<Clickhouse>(&format!(
            "flush_interval_ms = 20\nretry_backoff_ms = 20\n[clickhouse]\napi.url = '{}'\n[[clickhouse.topic_mappings]]\n\
             topic = '{}'\nsubscription = 's'\ntable = 't'\nexpected_schema_subject = 'orders'\n\
             metadata = {{ offset = '_offset', publish_time = '_at' }}\n{mapping}\n\
             [clickhouse.topic_mappings.create]\norder_by = 'id'\n",
            self.server.url(),
            self.topic
        ))
        .expect("a configuration");
        core.danube_service_url = self.broker.url().to_owned();
        (connector, core)
    }

    async fn rows(&self, expected: &str) {
        let query = "SELECT count() FROM t";
        until(&format!("{expected} rows"), || async { self.server.ask(query) == expected }).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_from_the_registered_schema_and_gets_a_column_for_a_new_field() {
    for engine in Engine::ALL {
        let setup = Setup::of(engine).await;
        let first = setup.broker.producer_of_schema(&setup.topic, "first", "orders", FIRST).await;
        let (connector, core) = setup.connector("on_new_field = 'add'");
        let running = Running::start(connector, core, &setup.broker).await;
        let columns =
            setup.server.ask("SELECT name, type FROM system.columns WHERE table = 't' ORDER BY name FORMAT TSV");
        let expected = match engine {
            Engine::Old => {
                "_at\tDateTime(\\'UTC\\')\n_offset\tUInt64\nat\tNullable(String)\nid\tInt64\nlines\tNullable(String)\npaid\tUInt8\n\
                 total\tNullable(Float64)"
            }
            Engine::Current => {
                "_at\tDateTime64(6, \\'UTC\\')\n_offset\tUInt64\nat\tNullable(DateTime64(6, \\'UTC\\'))\nid\tInt64\n\
                 lines\tNullable(String)\npaid\tBool\ntotal\tNullable(Float64)"
            }
        };
        assert_eq!(columns, expected, "{engine:?}");
        let send = |payload: &'static str| first.send(payload.into(), None);
        send(r#"{"id":1,"paid":true,"total":2.5,"at":"2018-02-07T01:26:13.84Z","lines":[{"sku":"a"}]}"#)
            .await
            .expect("sent");
        send(r#"{"id":2,"paid":false}"#).await.expect("sent");
        setup.rows("2").await;

        let second = setup.broker.producer_of_schema(&setup.topic, "second", "orders", SECOND).await;
        second.send(r#"{"id":3,"paid":true,"note":"new"}"#.into(), None).await.expect("sent");
        setup.rows("3").await;
        running.stop().await;
        let notes = setup.server.ask("SELECT id, note, lines, _offset FROM t ORDER BY id FORMAT TSV");
        assert_eq!(notes, "1\t\\N\t[{\"sku\":\"a\"}]\t0\n2\t\\N\t\\N\t1\n3\tnew\t\\N\t2", "{engine:?}");
        let kind = setup.server.ask("SELECT type FROM system.columns WHERE table = 't' AND name = 'note'");
        assert_eq!(kind, "Nullable(String)");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_is_ignored_or_rejects_its_record() {
    let setup = Setup::of(Engine::Old).await;
    let producer = setup.broker.producer_of_schema(&setup.topic, "first", "orders", FIRST).await;
    let second = setup.broker.producer_of_schema(&setup.topic, "second", "orders", SECOND).await;
    setup
        .server
        .ask("CREATE TABLE t (id Int64, paid UInt8, _offset UInt64, _at DateTime) ENGINE = MergeTree ORDER BY id");
    let (connector, core) = setup.connector("on_new_field = 'ignore'");
    let running = Running::start(connector, core, &setup.broker).await;
    second.send(r#"{"id":1,"paid":true,"note":"new"}"#.into(), None).await.expect("sent");
    setup.rows("1").await;
    running.stop().await;

    let (connector, core) = setup.connector("on_invalid_record = 'skip'\nbatch_size = 2\nflush_interval_ms = 5000");
    let running = Running::start(connector, core, &setup.broker).await;
    second.send(r#"{"id":2,"paid":true,"note":"new"}"#.into(), None).await.expect("sent");
    producer.send(r#"{"id":3,"paid":true}"#.into(), None).await.expect("sent");
    setup.rows("2").await;
    running.stop().await;
    assert_eq!(setup.server.ask("SELECT id FROM t ORDER BY id"), "1\n3");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_named_columns_needs_a_registered_schema() {
    let setup = Setup::of(Engine::Old).await;
    let (mut connector, core) = setup.connector("");
    let error = connector.initialize(core).await.expect_err("no such subject");
    assert!(matches!(error, ConnectorError::Retryable { .. }) && error.report().contains("schema orders"), "{error:?}");
    let (mut connector, mut core) = setup.connector("expected_schema_version = 1");
    core.danube_service_url = "http://127.0.0.1:9".to_owned();
    let error = connector.initialize(core).await.expect_err("no broker");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
}
