//! The guide's way: a struct of the author's own that flattens the core settings.

use std::path::Path;

use serde::Deserialize;

use super::*;
use crate::{ConnectorConfig, file::document::Document, handwritten};

#[derive(Debug, Deserialize)]
struct MySinkConfig {
    #[serde(flatten)]
    core: ConnectorConfig,
    my_sink: MySettings,
}

#[derive(Debug, Deserialize)]
struct MySettings {
    target_url: String,
    topic_mappings: TopicMappings<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    target_table: String,
}

const GOOD: &str = r#"danube_service_url = "http://danube-broker:6650"
connector_name = "my-sink"
max_retries = 3

[my_sink]
target_url = "http://database.example.com"

[[my_sink.topic_mappings]]
topic = "/events/users"
subscription = "sink-group-1"
subscription_type = "Shared"
target_table = "users"
batch_size = 10

[[my_sink.topic_mappings]]
topic = "/events/orders"
target_table = "orders"
"#;

fn load(text: &str) -> Result<MySinkConfig, ConfigError> {
    let document = Document::parse(Path::new("connector.toml"), text.to_owned(), &[])?;
    handwritten::read(&document, Beyond::UNSEEN, &variables(&[("HOSTNAME", "host-1")]))
}

fn report(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

#[test]
fn the_guides_struct_loads() {
    let config = load(GOOD).unwrap();
    assert_eq!(config.core.max_retries, 3);
    assert_eq!(config.my_sink.target_url, "http://database.example.com");
    let mappings = &config.my_sink.topic_mappings;
    assert_eq!(mappings.get("/events/orders").unwrap().target_table, "orders");
    assert_eq!(mappings.consumer_configs()[1].subscription, "my-sink");
    assert_eq!(mappings.consumer_configs()[1].consumer_name, "my-sink-host-1");
    assert_eq!(config.core.mappings, mappings.settings(), "the runtime is told of the mappings' batches");
    assert_eq!(config.core.mappings[0].batch_size, 10);
    assert_eq!(config.core.clone().with_mappings(mappings), config.core);
}

#[test]
fn plain_serde_loads_it_too() {
    let text = GOOD.replace("topic = \"/events/orders\"", "topic = \"/events/orders\"\nsubscription = \"b\"");
    let config: MySinkConfig = toml::from_str(&text).unwrap();
    assert_eq!(config.core.max_retries, 3);
    assert_eq!(config.my_sink.topic_mappings.len(), 2);
    let error = toml::from_str::<MySinkConfig>(&text.replace("max_retries", "max_retrys")).unwrap_err();
    assert!(error.message().contains("unknown key `max_retrys`"), "{error}");
    let error = toml::from_str::<MySinkConfig>(GOOD).unwrap_err();
    assert!(error.message().contains("missing key `subscription`"), "{error}");
}

#[test]
fn mistakes_of_core_and_mappings_are_told_at_once() {
    let text = GOOD
        .replace("max_retries = 3", "max_retrys = 3\nbatch_size = 0")
        .replace("\"/events/users\"", "\"users\"")
        .replace("\"orders\"", "7")
        .replace("batch_size = 10", "batch_size = 10\ntarget_tabel = 3");
    let expected = r#"error: connector.toml:3:1: unknown key `max_retrys` in the root of the file
   3 | max_retrys = 3
     | ^^^^^^^^^^
   help: did you mean `max_retries`?

error: connector.toml:4:14: `batch_size`: the number is out of range
   4 | batch_size = 0
     |              ^
   help: write a whole number from 1 to 4294967295; without the key it is 100

error: connector.toml:9:1: unknown key `target_tabel` in this mapping
   9 | [[my_sink.topic_mappings]]
     | ^^^^^^^^^^^^^^^^^^^^^^^^^^
   help: remove it, or add a field of this name to the mapping's struct

error: connector.toml:10:9: `topic`: not the name of a topic
  10 | topic = "users"
     |         ^^^^^^^
   help: write `/namespace/name`; each of the two consists of letters, digits, `_` and `-`

error: connector.toml:17:1: invalid type: integer `7`
  17 | [[my_sink.topic_mappings]]
     | ^^^^^^^^^^^^^^^^^^^^^^^^^^
   help: write a string

5 mistakes in connector.toml"#;
    assert_eq!(report(&text), expected);
}

#[derive(Debug, Deserialize)]
struct PlainConfig {
    my_sink: PlainSettings,
}

#[derive(Debug, Deserialize)]
struct PlainSettings {
    topic_mappings: TopicMappings,
}

#[test]
fn a_mapping_may_have_the_common_keys_only() {
    let text = "[my_sink]\n[[my_sink.topic_mappings]]\ntopic = \"/a/b\"\nsubscription = \"s\"\n";
    let config: PlainConfig = toml::from_str(text).unwrap();
    assert_eq!(config.my_sink.topic_mappings.consumer_configs()[0].topic, "/a/b");
    let error = toml::from_str::<PlainConfig>(&format!("{text}tabel = 3\n")).unwrap_err();
    assert!(error.message().contains("unknown key `tabel` in this mapping"), "{error}");
}

#[test]
fn a_key_that_no_struct_has_is_told() {
    let report = report(&GOOD.replace("target_url =", "pool = 3\ntarget_url ="));
    assert!(report.starts_with("error: connector.toml:6:1: unknown key `my_sink.pool`\n   6 | pool = 3\n"), "{report}");
}

#[test]
fn an_unknown_key_that_looks_secret_is_not_shown() {
    let report = report(&GOOD.replace("target_url =", "password = \"hunter2\"\ntarget_url ="));
    assert!(report.contains("unknown key `my_sink.password`\n   6 | password***\n"), "{report}");
}
