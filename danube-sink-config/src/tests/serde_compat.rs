//! The guide's way: a struct of the author's own that flattens the core settings.

use std::path::Path;

use serde::Deserialize;

use super::*;
use crate::{ConnectorConfig, SubscriptionType, report::SecretNames, serde_compat, value::Document};

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
    load_as(text)
}

fn load_as<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ConfigError> {
    let document = Document::parse(Path::new("connector.toml"), text.to_owned(), &SecretNames::default())?;
    serde_compat::load(&document, ExternalChecks::SKIP, &variables(&[("HOSTNAME", "host-1")]))
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
    assert_eq!(config.core.mappings, mappings.settings(), "the runtime knows the mappings' batches");
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
fn errors_of_core_and_mappings_are_in_one_report() {
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
   help: write an integer from 1 to 4294967295; the default is `100`

error: connector.toml:10:9: `topic`: invalid topic
  10 | topic = "users"
     |         ^^^^^^^
   help: write a topic, as `/namespace/name`, with letters, digits, `_` and `-`

error: connector.toml:15:1: unknown key `target_tabel` in this mapping
  15 | target_tabel = 3
     | ^^^^^^^^^^^^
   help: did you mean `target_table`?

error: connector.toml:19:16: invalid type: integer
  19 | target_table = 7
     |                ^
   help: write a string

5 errors in connector.toml"#;
    assert_eq!(report(&text), expected);
}

#[derive(Debug, Deserialize)]
struct WithMappings<T> {
    #[serde(rename = "core", flatten)]
    _core: ConnectorConfig,
    my_sink: ListOf<T>,
}

#[derive(Debug, Deserialize)]
struct ListOf<T> {
    #[serde(rename = "target_url")]
    _target_url: String,
    topic_mappings: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct MyMapping {
    topic: String,
    subscription: String,
    subscription_type: SubscriptionType,
    expected_schema_subject: Option<String>,
    batch_size: u32,
    target_table: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictMapping {
    topic: String,
    target_table: String,
}

#[test]
fn mappings_may_be_structs_of_the_authors_own() {
    let config: WithMappings<MyMapping> = load_as(GOOD).unwrap();
    let [users, orders] = config.my_sink.topic_mappings.as_slice() else { panic!("two mappings") };
    assert_eq!((users.topic.as_str(), users.subscription.as_str()), ("/events/users", "sink-group-1"));
    assert_eq!((users.subscription_type, users.batch_size), (SubscriptionType::Shared, 10));
    assert_eq!((orders.subscription.as_str(), orders.batch_size), ("my-sink", 100), "keys that the file leaves out");
    assert_eq!((&orders.expected_schema_subject, orders.target_table.as_str()), (&None, "orders"));
    let config: WithMappings<StrictMapping> = load_as(GOOD).unwrap();
    let names = config.my_sink.topic_mappings.iter().map(|it| (it.topic.as_str(), it.target_table.as_str()));
    assert_eq!(names.collect::<Vec<_>>(), [("/events/users", "users"), ("/events/orders", "orders")]);
}

#[test]
fn a_misspelt_key_of_such_a_mapping_is_one_error() {
    let text = GOOD.replace("batch_size = 10", "target_tabel = 3");
    let expected = r"error: connector.toml:13:1: unknown key `target_tabel` in this mapping
  13 | target_tabel = 3
     | ^^^^^^^^^^^^
   help: did you mean `target_table`?

1 error in connector.toml";
    assert_eq!(load_as::<WithMappings<MyMapping>>(&text).unwrap_err().to_string(), expected);
    assert_eq!(load_as::<WithMappings<StrictMapping>>(&text).unwrap_err().to_string(), expected);
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

#[derive(Debug, Deserialize)]
struct Flattened {
    #[serde(flatten)]
    core: ConnectorConfig,
    #[serde(flatten)]
    more: More,
    my_sink: MySettings,
}

#[derive(Debug, Deserialize)]
struct FlattenedFirst {
    #[serde(flatten)]
    more: More,
    #[serde(flatten)]
    core: ConnectorConfig,
    my_sink: MySettings,
}

#[derive(Debug, Deserialize)]
struct More {
    region: String,
    replicas: Option<u8>,
}

/// Serde hands a flattened struct what the fields before it have left.
#[test]
fn a_second_flattened_struct_stands_before_or_behind_the_core_settings() {
    let good = format!("region = \"eu\"\nreplicas = 3\n{GOOD}");
    let last: Flattened = load_as(&good).unwrap();
    let first: FlattenedFirst = load_as(&good).unwrap();
    assert_eq!((last.more.region.as_str(), last.more.replicas), ("eu", Some(3)));
    assert_eq!((first.more.region.as_str(), first.more.replicas), ("eu", Some(3)));
    assert_eq!((last.core, last.my_sink.target_url), (first.core, first.my_sink.target_url));
    let bad = format!("regoin = 1\nzebra = 1\nbatch_sise = 1\n{good}");
    for report in [load_as::<Flattened>(&bad).unwrap_err(), load_as::<FlattenedFirst>(&bad).unwrap_err()] {
        let report = report.to_string();
        assert!(report.contains("unknown key `batch_sise` in the root of the file"), "{report}");
        assert!(
            report.contains("did you mean `batch_size`?") && report.ends_with("3 errors in connector.toml"),
            "{report}"
        );
    }
}

#[test]
fn a_key_that_no_struct_has_is_reported() {
    let report = report(&GOOD.replace("target_url =", "pool = 3\ntarget_url ="));
    assert!(
        report.starts_with("error: connector.toml:6:1: unknown key `pool` in this table\n   6 | pool = 3\n"),
        "{report}"
    );
}

#[test]
fn an_unknown_key_that_looks_secret_is_not_shown() {
    let report = report(&GOOD.replace("target_url =", "password = \"hunter2\"\ntarget_url ="));
    assert!(report.contains("unknown key `password` in this table\n   6 | password = ***\n"), "{report}");
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Hunting,
    Fishing,
}

#[derive(Debug, Deserialize)]
struct Settings<T> {
    #[serde(rename = "password")]
    _password: T,
}

fn wrong_password<T: serde::de::DeserializeOwned + std::fmt::Debug>(value: &str) -> String {
    load_as::<Settings<T>>(&format!("password = {value}")).unwrap_err().to_string()
}

#[test]
fn an_error_names_the_kind_of_a_value_and_not_the_value() {
    for report in [
        wrong_password::<String>("12345678"),
        wrong_password::<u8>("\"hunter2\""),
        wrong_password::<u8>("12345678"),
        wrong_password::<i128>("true"),
        wrong_password::<std::net::IpAddr>("12345678.5"),
        wrong_password::<char>("\"hunter2\""),
        wrong_password::<Mode>("\"hunter2\""),
        wrong_password::<String>("170141183460469231731687303715884105727"),
    ] {
        let shows_it = ["hunter2", "12345678", "true", "1701411"].iter().any(|value| report.contains(value));
        assert!(!shows_it && report.contains("password = ***"), "{report}");
    }
    let report = wrong_password::<Mode>("\"huntin\"");
    assert!(report.contains(": unknown variant\n") && report.contains("help: did you mean `hunting`?"), "{report}");
    let report = wrong_password::<Mode>("\"x\"");
    assert!(report.contains("help: write one of `hunting`, `fishing`"), "{report}");
    let report = wrong_password::<String>("12345678");
    assert!(report.contains(": invalid type: integer\n") && report.contains("help: write a string"), "{report}");
}
