//! Payload indexes by the registered schema, and what new fields do.

use danube_sink::{
    ConnectorConfig, ConnectorError, SinkConnector,
    dev::BrokerOptions,
    testing::{HttpReply, HttpServer, from_toml},
};
use danube_sink_tests::{Broker, Running, topic, until};
use serde_json::{Map, Value, json};

use super::{Process, Qdrant};

const CREATE: &str = "\n[qdrant.topic_mappings.create]\nvectors = { size = 2, distance = 'Dot' }";

/// A schema of points whose payload has one more field.
fn schema(more: &str) -> String {
    let payload = format!(
        r#"{{"title":{{"type":"string"}},"year":{{"type":"integer"}},"price":{{"type":"number"}},"sold":{{"type":"boolean"}},
        "at":{{"type":"string","format":"date-time"}},"day":{{"type":"string","format":"date"}},
        "isbn":{{"type":"string","format":"uuid"}},"tags":{{"type":"array","items":{{"type":"string"}}}},
        "a.b":{{"type":"integer"}},"text":{{"type":"string"}},"other":{{"type":"array","items":{{"type":"number"}}}},
        "bytes":{{"type":"array","items":{{"type":"integer"}}}},
        "author":{{"type":"object","properties":{{"name":{{"type":"string"}}}}}}{more}}}"#
    );
    format!(
        r#"{{"type":"object","properties":{{"id":{{"type":"integer"}},"payload":{{"type":"object","properties":{payload}}}}}}}"#
    )
}

const PAGES: &str = r#","pages":{"type":"integer"}"#;

fn point(id: u64, payload: &Value) -> String {
    let mut payload = payload.clone();
    payload["bytes"] = json!([1, 2]);
    json!({ "id": id, "payload": payload }).to_string()
}

struct Setup {
    broker: Broker,
    topic: String,
}

impl Setup {
    async fn new(name: &str) -> Self {
        Self { broker: Broker::embedded(BrokerOptions::default()).await, topic: topic(name) }
    }

    fn connector(&self, url: &str, mapping: &str) -> (Qdrant, ConnectorConfig) {
        let name = if mapping.contains("collection_name") { "" } else { "collection_name = 'c'\n" };
        let (connector, mut core) = from_toml::<Qdrant>(&format!(
            "flush_interval_ms = 20\nretry_backoff_ms = 20\n[qdrant]\napi.url = '{url}'\n[[qdrant.topic_mappings]]\n\
             topic = '{}'\nsubscription = 's'\nexpected_schema_subject = 'books'\npayload_indexes_from_schema = true\n\
             vector = '/payload/bytes'\non_invalid_record = 'skip'\n{name}{mapping}",
            self.topic
        ))
        .expect("a configuration");
        core.danube_service_url = self.broker.url().to_owned();
        (connector, core)
    }

    /// Registers a version of the schema, and writes points of it.
    async fn send(&self, version: &str, definition: &str, points: impl IntoIterator<Item = String>) {
        let producer = self.broker.producer_of_schema(&self.topic, version, "books", definition).await;
        for point in points {
            producer.send(point.into(), None).await.expect("sent");
        }
    }
}

/// The types of the payload indexes.
fn indexes(server: &Process, collection: &str) -> Value {
    let info = server.info(collection).expect("a collection");
    let schema = info["payload_schema"].as_object().cloned().unwrap_or_default();
    schema.into_iter().map(|(field, index)| (field, index["data_type"].clone())).collect::<Map<_, _>>().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_the_registered_schema_have_payload_indexes_and_new_ones_get_them() {
    let (setup, server) = (Setup::new("indexed").await, Process::start());
    setup.send("first", &schema(""), []).await;
    let mapping = format!("payload_indexes = {{ year = 'float', text = false, published = 'datetime' }}{CREATE}");
    let (connector, core) = setup.connector(&server.url(), &mapping);
    let running = Running::start(connector, core, &setup.broker).await;
    let mut expected = json!({
        "title": "keyword", "year": "float", "price": "float", "sold": "bool", "at": "datetime", "day": "datetime",
        "isbn": "uuid", "tags": "keyword", "\"a.b\"": "integer", "published": "datetime"
    });
    assert_eq!(indexes(&server, "c"), expected);
    setup.send("second", &schema(PAGES), [point(1, &json!({ "pages": 7 })), point(2, &json!({ "tags": ["x"] }))]).await;
    until("the points", async || server.points("c").len() == 2).await;
    expected["pages"] = json!("integer");
    assert_eq!(indexes(&server, "c"), expected);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_collection_that_records_choose_has_the_indexes() {
    let (setup, server) = (Setup::new("chosen").await, Process::start());
    let points = [(1, "a"), (2, "b")].map(|(id, title)| point(id, &json!({ "title": title, "pages": 7 })));
    setup.send("first", &schema(""), []).await;
    let (connector, core) =
        setup.connector(&server.url(), &format!("collection_name = 'of_{{/payload/title}}'{CREATE}"));
    let running = Running::start(connector, core, &setup.broker).await;
    setup.send("second", &schema(PAGES), points).await;
    for collection in ["of_a", "of_b"] {
        until("the point", async || server.info(collection).is_some() && server.points(collection).len() == 1).await;
        let indexes = indexes(&server, collection);
        assert_eq!([&indexes["title"], &indexes["pages"]], ["keyword", "integer"], "{indexes}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_is_stored_without_an_index_or_rejects_its_record() {
    for (policy, expected) in [("ignore", 2), ("reject", 1)] {
        let (setup, server) = (Setup::new(policy).await, Process::start());
        setup.send("first", &schema(""), []).await;
        let mapping = format!("payload_indexes = {{ published = 'datetime' }}\non_new_field = '{policy}'{CREATE}");
        let (connector, core) = setup.connector(&server.url(), &mapping);
        let running = Running::start(connector, core, &setup.broker).await;
        let new = json!({ "title": "a", "pages": 7 });
        let known = json!({ "author": { "name": "b", "mail": "c" }, "published": "2018-02-07" });
        setup.send("second", &schema(PAGES), [point(1, &new), point(2, &known)]).await;
        until("both settled", async || running.handle.settled() == 2).await;
        running.stop().await;
        assert_eq!((server.points("c").len(), &indexes(&server, "c")["pages"]), (expected, &Value::Null), "{policy}");
    }
}

/// The producer chooses the schema, and the connector goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_whose_index_the_server_refuses_has_none() {
    let setup = Setup::new("refused").await;
    let info =
        json!({ "status": "ok", "result": { "config": { "params": { "vectors": { "size": 2, "distance": "Dot" } } },
        "payload_schema": {} } })
        .to_string();
    let refused =
        json!({ "status": { "error": "Bad request: Collection already has the maximum number of payload indices" } });
    let server = HttpServer::start(move |request| match request.method.as_str() {
        "GET" => HttpReply::status(200, info.clone()),
        _ if request.uri.contains("/index") => HttpReply::status(400, refused.to_string()),
        _ => HttpReply::status(200, r#"{"result":{"operation_id":1,"status":"completed"},"status":"ok"}"#),
    })
    .expect("a free port");
    setup.send("first", &schema(""), []).await;
    let (connector, core) = setup.connector(&server.url(), "");
    let running = Running::start(connector, core, &setup.broker).await;
    setup.send("second", &schema(PAGES), [point(1, &json!({ "pages": 7 }))]).await;
    let is_written = || server.requests().iter().any(|request| request.uri.starts_with("/collections/c/points?"));
    until("the point", async || is_written()).await;
    running.stop().await;
    let tried = || server.requests().iter().filter(|request| request.text().contains("\"title\"")).count();
    let (mut connector, core) = setup.connector(&server.url(), "");
    connector.initialize(core).await.expect("the script");
    let before = tried();
    connector.health_check().await.expect("the script");
    assert_eq!(tried(), before, "it is not asked again");
    let (mut connector, core) = setup.connector(&server.url(), "payload_indexes = { year = 'integer' }");
    let error = connector.initialize(core).await.expect_err("an index of the mapping");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_without_fields_where_the_mapping_has_the_payload_is_an_error_of_the_configuration() {
    let (setup, server) = (Setup::new("elsewhere").await, Process::start());
    setup.send("first", &schema(""), []).await;
    let (mut connector, core) = setup.connector(&server.url(), &format!("payload = '/id'{CREATE}"));
    let error = connector.initialize(core).await.expect_err("no object");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
    assert!(error.report().contains("no object with known fields at `/id`"), "{error:?}");
}
