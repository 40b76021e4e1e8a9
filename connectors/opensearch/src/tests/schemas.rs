//! Index templates made from the registered schema, and what new fields do.

use danube_sink::{ConnectorConfig, ConnectorError, SinkConnector, dev::BrokerOptions, testing::from_toml};
use danube_sink_tests::{Broker, Running, topic, until};
use serde_json::{Value, json};

use super::{super::time_format::format, Opensearch, Process};

const FIRST: &str = r#"{"type":"object","required":["id"],"properties":{
    "id":{"type":"integer"}, "paid":{"type":"boolean"}, "total":{"type":"number"}, "name":{"type":"string"},
    "at":{"type":"string","format":"date-time"}, "lines":{"type":"array","items":{"type":"object","properties":{
    "sku":{"type":"string"},"count":{"type":"integer"}}}}}}"#;
/// With a field more.
const SECOND: &str = r#"{"type":"object","required":["id"],"properties":{
    "id":{"type":"integer"}, "paid":{"type":"boolean"}, "total":{"type":"number"}, "name":{"type":"string"},
    "due":{"type":"string","format":"date"}}}"#;

/// The type of a field for times, which takes no numbers.
fn date() -> Value {
    json!({"type": "date", "format": format(None)})
}

struct Setup {
    server: &'static Process,
    broker: Broker,
    topic: String,
    name: &'static str,
}

impl Setup {
    async fn new(name: &'static str) -> Self {
        let broker = Broker::embedded(BrokerOptions::default()).await;
        Self { server: Process::shared(), broker, topic: topic(name), name }
    }

    /// A connector whose mapping has these keys for its index template.
    fn connector(&self, keys: &str) -> (Opensearch, ConnectorConfig) {
        let Self { server, topic, name, .. } = self;
        let (connector, mut core) = from_toml::<Opensearch>(&format!(
            "flush_interval_ms = 20\nretry_backoff_ms = 20\nwrite_timeout_ms = 120000\n[opensearch]\n\
             api = {{ url = '{}', timeout = '100s' }}\n[[opensearch.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\n\
             index = '{name}-{{/id}}'\nid = '{{id}}'\nexpected_schema_subject = 'orders'\n\
             metadata = {{ offset = '_offset', publish_time = 'published' }}\non_invalid_record = 'skip'\n\
             [opensearch.topic_mappings.index_template]\nname = '{name}'\nfields_from_schema = true\n{keys}",
            server.url(),
        ))
        .expect("a configuration");
        core.danube_service_url = self.broker.url().to_owned();
        (connector, core)
    }

    fn types(&self, index: &str) -> Value {
        self.server.ask("GET", &format!("/{index}"), "")[index]["mappings"]["properties"].clone()
    }

    fn template(&self) -> Value {
        let answer = self.server.ask("GET", &format!("/_index_template/{}", self.name), "");
        answer["index_templates"][0]["index_template"]["template"].clone()
    }

    /// Makes an index template with one field, as if the connector had started with an older schema.
    fn has_template(&self) {
        let mappings = json!({"properties": {"id": {"type": "long"}}});
        let patterns = [format!("{}-*", self.name)];
        let template = json!({"index_patterns": patterns, "priority": 200, "template": {"mappings": mappings}});
        self.server.ask("PUT", &format!("/_index_template/{}", self.name), &template.to_string());
    }

    async fn holds(&self, count: usize) {
        let indexes = format!("{}-*", self.name);
        until("the documents", async || self.server.documents(&indexes).len() == count).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_have_the_types_of_the_registered_schema_and_new_ones_are_added() {
    let setup = Setup::new("added").await;
    let first = setup.broker.producer_of_schema(&setup.topic, "first", "orders", FIRST).await;
    let (connector, core) = setup.connector("on_new_field = 'add'\nfields = { name = 'keyword' }");
    let running = Running::start(connector, core, &setup.broker).await;
    let order =
        r#"{"id":1,"paid":true,"total":2.5,"name":"a","at":"2018-02-07T01:26:13.84Z","lines":[{"sku":"x","count":1}]}"#;
    first.send(order.into(), None).await.expect("sent");
    setup.holds(1).await;
    let text = json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}});
    let mut expected = json!({
        "id": {"type": "long"}, "paid": {"type": "boolean"}, "total": {"type": "double"}, "name": {"type": "keyword"},
        "at": date(), "lines": {"properties": {"sku": text, "count": {"type": "long"}}},
        "_offset": {"type": "long"}, "published": date()
    });
    assert_eq!(setup.types("added-1"), expected);

    let second = setup.broker.producer_of_schema(&setup.topic, "second", "orders", SECOND).await;
    for payload in [r#"{"id":1,"due":"2026-11-28"}"#, r#"{"id":2,"due":"2026-11-29"}"#] {
        second.send(payload.into(), None).await.expect("sent");
    }
    setup.holds(3).await;
    running.stop().await;
    expected["due"] = date();
    for (index, what) in [("added-1", "an existing index"), ("added-2", "a new one")] {
        assert_eq!(setup.types(index), expected, "{what}");
    }

    // The template is there with both versions' fields; one that is changed by hand keeps its settings.
    let mut changed = setup.template();
    changed["mappings"]["properties"].as_object_mut().expect("fields").remove("paid");
    changed["settings"] = json!({"index": {"number_of_replicas": "0"}});
    let body = json!({"index_patterns": ["added-*"], "priority": 200, "template": changed}).to_string();
    setup.server.ask("PUT", "/_index_template/added", &body);
    let (connector, core) = setup.connector("on_new_field = 'add'");
    let running = Running::start(connector, core, &setup.broker).await;
    second.send(r#"{"id":3,"paid":true}"#.into(), None).await.expect("sent");
    setup.holds(4).await;
    running.stop().await;
    let template = setup.template();
    assert_eq!(template["settings"]["index"]["number_of_replicas"], "0");
    assert_eq!(template["mappings"]["properties"], expected);
}

/// An index cannot have both `total` and `total.net`.
#[tokio::test(flavor = "multi_thread")]
async fn fields_that_no_index_can_have_are_left_to_the_cluster_at_start_and_in_a_new_version() {
    let clash = |definition: &str| definition.replace("\"paid\"", "\"total.net\"");
    for (name, first, second) in
        [("clashing", FIRST.to_owned(), clash(SECOND)), ("clashed", clash(FIRST), SECOND.to_owned())]
    {
        let setup = Setup::new(name).await;
        let producer = setup.broker.producer_of_schema(&setup.topic, "first", "orders", &first).await;
        let (connector, core) = setup.connector("on_new_field = 'add'");
        let running = Running::start(connector, core, &setup.broker).await;
        producer.send(r#"{"id":1,"total":2.5}"#.into(), None).await.expect("sent");
        setup.holds(1).await;
        let producer = setup.broker.producer_of_schema(&setup.topic, "second", "orders", &second).await;
        producer.send(r#"{"id":1,"total":2.5,"due":"2026-11-28"}"#.into(), None).await.expect("sent");
        setup.holds(2).await;
        running.stop().await;
        let properties = &setup.template()["mappings"]["properties"];
        assert_eq!((&properties["due"], &properties["total.net"]), (&date(), &Value::Null), "{name}");
    }
}

/// An index has guessed the type of the field before the schema had it.
#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_an_existing_index_has_in_another_type_is_typed_in_new_indexes() {
    let setup = Setup::new("guessed").await;
    let first = setup.broker.producer_of_schema(&setup.topic, "first", "orders", FIRST).await;
    let (connector, core) = setup.connector("on_new_field = 'add'");
    let running = Running::start(connector, core, &setup.broker).await;
    first.send(r#"{"id":1,"weight":7}"#.into(), None).await.expect("sent");
    setup.holds(1).await;
    let weighed = SECOND.replace("\"due\"", "\"weight\":{\"type\":\"number\"},\"due\"");
    let second = setup.broker.producer_of_schema(&setup.topic, "second", "orders", &weighed).await;
    for payload in [r#"{"id":1,"weight":2}"#, r#"{"id":2,"weight":2}"#] {
        second.send(payload.into(), None).await.expect("sent");
    }
    setup.holds(3).await;
    running.stop().await;
    let types = ["guessed-1", "guessed-2"].map(|index| setup.types(index));
    assert_eq!([&types[0]["weight"], &types[1]["weight"]], [&json!({"type": "long"}), &json!({"type": "double"})]);
    assert!(types.iter().all(|types| types["due"] == date()), "{types:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_within_an_object_is_added() {
    let schema = |balance: &str| {
        format!(
            r#"{{"type":"object","required":["id"],"properties":{{"id":{{"type":"integer"}},
            "address":{{"type":"object","properties":{{"city":{{"type":"string","format":"date"}}{balance}}}}},
            "lines":{{"type":"array","items":{{"type":"object","properties":{{"sku":{{"type":"integer"}}{balance}}}}}}}}}}}"#
        )
    };
    let setup = Setup::new("within").await;
    let first = setup.broker.producer_of_schema(&setup.topic, "first", "orders", &schema("")).await;
    let (connector, core) = setup.connector("on_new_field = 'add'");
    let running = Running::start(connector, core, &setup.broker).await;
    first.send(r#"{"id":1}"#.into(), None).await.expect("sent");
    setup.holds(1).await;
    let second = schema(r#","balance":{"type":"number"}"#);
    let second = setup.broker.producer_of_schema(&setup.topic, "second", "orders", &second).await;
    for id in [1, 2] {
        let payload = format!(r#"{{"id":{id},"address":{{"balance":2}},"lines":[{{"balance":2}}]}}"#);
        second.send(payload.into(), None).await.expect("sent");
    }
    setup.holds(3).await;
    running.stop().await;
    let double = json!({"type": "double"});
    for index in ["within-1", "within-2"] {
        let types = setup.types(index);
        let expected = json!({"properties": {"city": date(), "balance": double}});
        assert_eq!(types["address"], expected, "{index}");
        let expected = json!({"properties": {"sku": {"type": "long"}, "balance": double}});
        assert_eq!(types["lines"], expected, "{index}");
    }
}

/// By the template that is made, and by what is added to an existing one and its indexes.
#[tokio::test(flavor = "multi_thread")]
async fn types_of_the_mapping_override_those_of_the_schema() {
    for (name, is_existing) in [("overridden", true), ("overriding", false)] {
        let setup = Setup::new(name).await;
        if is_existing {
            setup.has_template();
            setup.server.ask("PUT", &format!("/{name}-1"), "");
        }
        let producer = setup.broker.producer_of_schema(&setup.topic, "first", "orders", FIRST).await;
        let (connector, core) =
            setup.connector("fields = { name = 'keyword', 'lines.sku' = 'keyword', other = 'date' }");
        let running = Running::start(connector, core, &setup.broker).await;
        producer.send(r#"{"id":1}"#.into(), None).await.expect("sent");
        setup.holds(1).await;
        running.stop().await;
        let keyword = json!({"type": "keyword"});
        let lines = json!({"properties": {"sku": keyword, "count": {"type": "long"}}});
        for types in [setup.types(&format!("{name}-1")), setup.template()["mappings"]["properties"].clone()] {
            assert_eq!((&types["name"], &types["lines"]), (&keyword, &lines), "{name}");
            assert_eq!(types["other"].is_null(), is_existing, "only the schema's fields are added: {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_within_an_object_that_an_index_has_in_another_type_is_left_out_by_itself() {
    const SCHEMA: &str = r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},
        "address":{"type":"object","properties":{"city":{"type":"string","format":"date"},"balance":{"type":"number"}}}}}"#;
    let setup = Setup::new("partly").await;
    setup.has_template();
    let mappings = json!({"properties": {"address": {"properties": {"city": {"type": "text"}}}}});
    setup.server.ask("PUT", "/partly-1", &json!({"mappings": mappings}).to_string());
    let producer = setup.broker.producer_of_schema(&setup.topic, "first", "orders", SCHEMA).await;
    let (connector, core) = setup.connector("");
    let running = Running::start(connector, core, &setup.broker).await;
    producer.send(r#"{"id":1,"address":{"city":"2026-11-28","balance":2}}"#.into(), None).await.expect("sent");
    setup.holds(1).await;
    running.stop().await;
    let address = |city: Value| json!({"properties": {"city": city, "balance": {"type": "double"}}});
    assert_eq!(setup.types("partly-1")["address"], address(json!({"type": "text"})));
    assert_eq!(setup.template()["mappings"]["properties"]["address"], address(date()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_field_is_ignored_or_rejects_its_record() {
    for (name, count, dynamic) in [("ignored", 2, json!("false")), ("strictly", 1, json!("strict"))] {
        let setup = Setup::new(name).await;
        let first = setup.broker.producer_of_schema(&setup.topic, "first", "orders", FIRST).await;
        let policy = if count == 2 { "ignore" } else { "reject" };
        let (connector, core) = setup.connector(&format!("on_new_field = '{policy}'"));
        let running = Running::start(connector, core, &setup.broker).await;
        let second = setup.broker.producer_of_schema(&setup.topic, "second", "orders", SECOND).await;
        second.send(r#"{"id":1,"due":"2026-11-28"}"#.into(), None).await.expect("sent");
        first.send(r#"{"id":1}"#.into(), None).await.expect("sent");
        setup.holds(count).await;
        until("both settled", async || running.handle.settled() == 2).await;
        running.stop().await;
        let mapping = &setup.server.ask("GET", &format!("/{name}-1"), "")[&format!("{name}-1")]["mappings"];
        assert_eq!((&mapping["dynamic"], &mapping["properties"]["due"]), (&dynamic, &Value::Null), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_with_the_name_of_metadata_and_a_missing_subject_are_errors_of_the_configuration() {
    let setup = Setup::new("repeated").await;
    let clash = FIRST.replace("\"paid\"", "\"published\"");
    drop(setup.broker.producer_of_schema(&setup.topic, "first", "orders", &clash).await);
    let (mut connector, core) = setup.connector("");
    let error = connector.initialize(core).await.expect_err("two fields of a name");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
    assert!(error.report().contains("`published` would be written twice"), "{error:?}");
}
