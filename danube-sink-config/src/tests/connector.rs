//! A connector whose struct is its configuration.

use std::{fs, time::Duration};

use super::*;
use crate::{
    AvroEncoding, ConfigSource, DecodeOptions, NumberEncoding, OnInvalidRecord, OnRetriesExhausted, PayloadFormat,
    SubscriptionType, load_for,
};

const GOOD: &str = r#"
danube_service_url = "http://localhost:6650"
batch_size = 50

[http_sink]
base_url = "https://example.com"

[[http_sink.topic_mappings]]
topic = "/events/users"
subscription = "group-1"
path = "/users"
"#;

#[test]
fn the_guides_words_load() {
    let loaded = load(GOOD).unwrap();
    assert_eq!(loaded.core.connector_name, "http-sink", "the package's name");
    assert_eq!(loaded.core.batch_size, 50);
    assert_eq!(loaded.core.flush_interval, Duration::from_secs(1));
    assert_eq!(loaded.connector.base_url.as_str(), "https://example.com/");
    assert_eq!(loaded.connector.timeout, Duration::from_secs(10), "the default");
    assert_eq!(loaded.connector.token.expose(), "s3cret");
    let [mapping] = loaded.core.mappings.as_slice() else { panic!("one mapping") };
    assert_eq!(mapping.consumer.consumer_name, "http-sink-host-1", "one consumer a host shares the subscription");
    assert_eq!(mapping.consumer.subscription_type, SubscriptionType::Shared);
    assert_eq!(mapping.batch_size, 50, "the root's");
    assert_eq!(loaded.connector.topics.get("/events/users").unwrap().path, "/users");
}

#[test]
fn the_published_connectors_words_load() {
    let loaded = load(
        r#"
        connector_name = "sink"
        danube_service_url = "http://localhost:6650"
        on_retries_exhausted = "dead_letter"
        [processing]
        batch_size = 7
        batch_timeout_ms = 300
        metrics_port = 0
        log_level = "debug"
        health_check_interval_ms = 1000
        health_check_failure_threshold = 3
        [retry]
        max_retries = 1
        retry_backoff_ms = 10
        max_backoff_ms = 20
        [http_sink]
        base_url = "https://example.com"
        [[http_sink.routes]]
        from = "/events/users"
        subscription_type = "Key_Shared"
        payload_format = "json"
        expected_schema_version = 3
        min_schema_version = 2
        avro_encoding = "datum"
        avro_reader_schema = '"long"'
        protobuf_message = "Order"
        number_encoding = "int_le"
        show_payload_in_errors = true
        on_invalid_record = "dead_letter"
        dead_letter_topic = "/events/dead"
        flush_interval_ms = 5
        path = "/users"
        "#,
    )
    .unwrap();
    let core = &loaded.core;
    assert_eq!((core.batch_size, core.metrics_port, core.max_retries), (7, 0, 1));
    assert_eq!(core.flush_interval, Duration::from_millis(300));
    assert_eq!(core.on_retries_exhausted, OnRetriesExhausted::DeadLetter);
    let mapping = &core.mappings[0];
    assert_eq!(mapping.consumer.subscription, "sink", "the connector's name");
    assert_eq!(mapping.consumer.subscription_type, SubscriptionType::KeyShared);
    assert_eq!(mapping.payload_format, PayloadFormat::Json);
    assert_eq!((mapping.expected_schema_version, mapping.min_schema_version), (Some(3), Some(2)));
    assert!(mapping.show_payload_in_errors);
    let decoding = DecodeOptions {
        avro_encoding: AvroEncoding::Datum,
        avro_reader_schema: Some(r#""long""#.into()),
        protobuf_message: Some("Order".into()),
        number_encoding: NumberEncoding::IntLe,
        validate_json_schema: false,
    };
    assert_eq!(mapping.decoding, decoding);
    assert_eq!(mapping.on_invalid_record, OnInvalidRecord::DeadLetter);
    assert_eq!(mapping.flush_interval, Duration::from_millis(5));
}

#[test]
fn variables_override_the_address_and_the_name() {
    let set = &[("DANUBE_SERVICE_URL", "http://other:1"), ("CONNECTOR_NAME", "blue"), ("HTTP_SINK_TOKEN", "s3cret")];
    let core = load_in(GOOD, set).unwrap().core;
    assert_eq!((core.danube_service_url.as_str(), core.connector_name.as_str()), ("http://other:1", "blue"));

    let set = &[("DANUBE_SERVICE_URL", "other:1"), ("HTTP_SINK_TOKEN", "s3cret")];
    let report = load_in(GOOD, set).unwrap_err().to_string();
    assert!(
        report.starts_with("error: variable DANUBE_SERVICE_URL: the URL of a broker begins with `http`"),
        "{report}"
    );
}

#[test]
fn an_exclusive_consumer_keeps_its_name_on_any_host() {
    let text = GOOD.replace("path =", "subscription_type = \"exclusive\"\npath =");
    assert_eq!(load(&text).unwrap().core.mappings[0].consumer.consumer_name, "http-sink");
}

#[test]
fn every_error_of_a_file_is_in_one_report() {
    let report = report(
        r#"danube_service_url = "localhost:6650"
batchsize = 10
max_retries = "five"

[retry]
max_retries = 3
max_backoff_ms = 0

[http_sink]
base_url = "example"
tmieout = "3s"

[[http_sink.topic_mappings]]
topic = "users"
subscription_type = "Shred"
on_invalid_record = "dead_letter"
path = 3

[[http_sink.topic_mappings]]
topic = "/events/orders"
path = "/orders"

[[http_sink.topic_mappings]]
topic = "/events/orders"
dead_letter_topic = "/events/orders"
path = "/again"
"#,
    );
    let expected = r#"error: connector.toml:1:22: `danube_service_url`: the URL of a broker begins with `http` or `https`
   1 | danube_service_url = "localhost:6650"
     |                      ^^^^^^^^^^^^^^^^
   help: write a URL such as `http://localhost:6650`

error: connector.toml:2:1: unknown key `batchsize` in the root of the file
   2 | batchsize = 10
     | ^^^^^^^^^
   help: did you mean `batch_size`?

error: connector.toml:3:15: `max_retries`: expected an integer, found a string
   3 | max_retries = "five"
     |               ^^^^^^
   help: write it without quotes; the default is `5`

error: connector.toml:6:1: `max_retries` is set twice
   6 | max_retries = 3
     | ^^^^^^^^^^^
   help: keep this one or `max_retries` in the root of the file

error: connector.toml:7:18: `max_backoff_ms`: the number is out of range
   7 | max_backoff_ms = 0
     |                  ^
   help: write an integer from 1 to 86400000; the default is `30000`

error: connector.toml:10:12: `base_url`: not a URL: it does not begin with a scheme
  10 | base_url = "example"
     |            ^^^^^^^^^
   help: write a complete URL, such as `https://example.com/path`

error: connector.toml:11:1: unknown key `tmieout` in `[http_sink]`
  11 | tmieout = "3s"
     | ^^^^^^^
   help: did you mean `timeout`?

error: connector.toml:14:9: `topic`: invalid topic
  14 | topic = "users"
     |         ^^^^^^^
   help: write `/namespace/name`, with letters, digits, `_` and `-`

error: connector.toml:15:21: `subscription_type`: unknown subscription type
  15 | subscription_type = "Shred"
     |                     ^^^^^^^
   help: did you mean `Shared`? It is one of `Shared`, `Exclusive`, `Failover` or `KeyShared`; the default is `"Shared"`

error: connector.toml:16:21: `on_invalid_record = "dead_letter"` needs a `dead_letter_topic` in `[[http_sink.topic_mappings]]`
  16 | on_invalid_record = "dead_letter"
     |                     ^^^^^^^^^^^^^
   help: add `dead_letter_topic = "/namespace/name"`

error: connector.toml:17:8: `path`: expected a string, found an integer
  17 | path = 3
     |        ^
   help: write it in double quotes

error: connector.toml:24:9: `/events/orders` has two mappings with the subscription `http-sink`
  24 | topic = "/events/orders"
     |         ^^^^^^^^^^^^^^^^
   help: remove one of the mappings, or give this one a `subscription` of its own

error: connector.toml:25:21: `dead_letter_topic` is a topic that this connector reads
  25 | dead_letter_topic = "/events/orders"
     |                     ^^^^^^^^^^^^^^^^
   help: name another topic: the connector would receive its dead letters again and again

13 errors in connector.toml"#;
    assert_eq!(report, expected);
}

#[test]
fn a_misspelt_key_is_not_reported_as_missing_too() {
    let error = load(&GOOD.replace("topic =", "topik =").replace("base_url", "base_ur")).unwrap_err();
    assert_eq!(error.count(), 2, "{error}");
    let error = load(&GOOD.replace("http_sink", "http_snk")).unwrap_err();
    assert_eq!(error.count(), 1, "{error}");
    assert!(error.to_string().contains("did you mean `http_sink`?"), "{error}");
}

#[test]
fn what_is_missing_is_named_with_its_place() {
    let report = report("[http_sink]\n[processing]\nwrite_timeout_ms = 3\n");
    let expected = r#"error: connector.toml:1:1: missing key `base_url` in `[http_sink]`
   1 | [http_sink]
     | ^^^^^^^^^^^
   help: add `base_url = …`

error: connector.toml:1:1: missing key `topic_mappings` in `[http_sink]`
   1 | [http_sink]
     | ^^^^^^^^^^^
   help: add a mapping: a line `[[http_sink.topic_mappings]]`, and below it `topic = "/namespace/name"`

error: connector.toml:3:1: unknown key `write_timeout_ms` in `[processing]`
   3 | write_timeout_ms = 3
     | ^^^^^^^^^^^^^^^^
   help: move it: `write_timeout_ms` is a key of the root of the file

error: missing key `danube_service_url` in the root of the file
   help: add `danube_service_url = "http://localhost:6650"`, or set the variable DANUBE_SERVICE_URL

4 errors in connector.toml"#;
    assert_eq!(report, expected);
}

#[test]
fn a_mapping_needs_a_dead_letter_topic_for_retries_too() {
    let text = format!("on_retries_exhausted = \"dead_letter\"{GOOD}");
    let report = report(&text);
    assert!(
        report.contains("connector.toml:8:1: `on_retries_exhausted = \"dead_letter\"` needs a `dead_letter_topic`"),
        "{report}"
    );
}

#[test]
fn keys_that_contradict_each_other_are_errors() {
    let text =
        format!("max_backoff_ms = 10\nmax_buffered_bytes = 10\n{GOOD}").replace("path =", "batch_bytes = 11\npath =");
    let report = report(&text);
    assert!(report.contains("1:18: `max_backoff_ms` is less than `retry_backoff_ms`"), "{report}");
    assert!(report.contains("2:22: `max_buffered_bytes` is less than `batch_bytes`"), "{report}");
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_shown() {
    for line in [
        "token = \"hunter2\"",
        "token = \"\"\"\nhunter2\n\"\"\"",
        "tokn = \"hunter2\"",
        "api_token = \"hunter2\"",
        "token = \"hunter2",
        "token = hunter2",
        "token = 'hunter2' 3",
        "\"token\" = \"hunter2\" nonsense",
        "token = [\n \"hunter2\", }\n]",
        "proxi = \"http://me:hunter2@proxy:3128\"",
        "proxi = \"http://me:pa/ss?#hunter2@proxy:3128\"",
    ] {
        let text = GOOD.replace("base_url =", &format!("{line}\nbase_url ="));
        let error = load(&text).unwrap_err();
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    let report = report(&GOOD.replace("base_url =", "token = \"hunter2\" # oops\nbase_url ="));
    let expected = "error: connector.toml:6:1: `token` is a secret and must not be in the file
   6 | token = *** # oops
     | ^^^^^
   help: remove it, and set the variable HTTP_SINK_TOKEN, or HTTP_SINK_TOKEN_FILE to the path of a file with it

1 error in connector.toml";
    assert_eq!(report, expected);
}

#[test]
fn a_secret_comes_from_one_variable_or_one_file() {
    let path = std::env::temp_dir().join(format!("danube-sink-secret-{}", std::process::id()));
    fs::write(&path, "from file\n").unwrap();
    let file: &'static str = Box::leak(path.display().to_string().into_boxed_str());
    let by_file: &'static [_] = Box::leak(Box::new([("HTTP_SINK_TOKEN_FILE", file)]));
    assert_eq!(load_in(GOOD, by_file).unwrap().connector.token.expose(), "from file");
    let both: &'static [_] = Box::leak(Box::new([("HTTP_SINK_TOKEN_FILE", file), ("HTTP_SINK_TOKEN", "s3cret")]));
    let report = load_in(GOOD, both).unwrap_err().to_string();
    assert!(report.contains("both HTTP_SINK_TOKEN and HTTP_SINK_TOKEN_FILE are set"), "{report}");
    assert!(!report.contains("s3cret"));
    fs::remove_file(path).unwrap();

    let report = load_in(GOOD, &[("HTTP_SINK_TOKEN", "")]).unwrap_err().to_string();
    assert!(report.contains("missing secret `token`\n   help: set the variable HTTP_SINK_TOKEN, or"), "{report}");
}

#[test]
fn a_secret_does_not_print() {
    let loaded = load(GOOD).unwrap();
    assert!(!format!("{loaded:?}").contains("s3cret"));
}

#[test]
fn a_file_that_cannot_be_read_is_reported_with_the_ways_to_name_one() {
    let load = |path: Option<&str>, set: &'static [(&'static str, &'static str)]| {
        let source = ConfigSource { path: path.map(Into::into) };
        load_for::<HttpSink>(ExternalChecks::SKIP, &source, &variables(set)).map(|_| ()).unwrap_err().to_string()
    };
    let help = "help: name the file with `--config FILE` or the variable CONNECTOR_CONFIG_PATH";
    for error in [load(Some("nowhere.toml"), USUAL), load(None, &[("CONNECTOR_CONFIG_PATH", "nowhere.toml")])] {
        let message = "error: cannot read the configuration file `nowhere.toml`: No such file or directory";
        assert!(error.starts_with(message) && error.contains(help), "{error}");
    }
    assert!(load(Some("/"), USUAL).contains("`/`: Is a directory"), "a folder");
    assert!(load(None, &[]).contains(help));
}

/// A shell's `<(…)` and `/dev/stdin` are no regular files.
#[test]
fn a_pipe_is_a_file() {
    let folder = std::env::temp_dir().join(format!("danube-sink-pipe-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let pipe = folder.join("connector.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, GOOD)
    });
    let source = ConfigSource { path: Some(pipe) };
    let loaded = load_for::<HttpSink>(ExternalChecks::SKIP, &source, &variables(USUAL)).unwrap();
    writer.join().unwrap().unwrap();
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(loaded.core.batch_size, 50);
}

#[test]
fn a_record_finds_its_mapping() {
    let text =
        format!("{GOOD}\n[[http_sink.topic_mappings]]\ntopic = \"/events/users\"\nsubscription = \"b\"\npath = \"/b\"");
    let loaded = load(&text).unwrap();
    let topics = &loaded.connector.topics;
    assert_eq!((topics.len(), topics.iter().count()), (2, 2));
    assert!(topics.for_record(&Record { topic: "/events/other", subscription: "b" }).is_err());
    let users = Record { topic: "/events/users", subscription: "b" };
    assert_eq!(topics.for_record(&users).unwrap().path, "/b");
    assert_eq!(topics.mapping_for(&users).unwrap().settings.consumer.subscription, "b");
    let one = load(GOOD).unwrap().connector.topics;
    assert_eq!(one.for_record(&Record { topic: "/events/users", subscription: "" }).unwrap().path, "/users");
}

struct Record {
    topic: &'static str,
    subscription: &'static str,
}

impl Mapped for Record {
    fn topic(&self) -> &str {
        self.topic
    }

    fn subscription(&self) -> &str {
        self.subscription
    }
}

#[test]
fn an_empty_secret_file_is_an_error() {
    let folder = std::env::temp_dir().join(format!("danube-sink-empty-secret-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("token");
    let environment = |name: &str| match name {
        "HTTP_SINK_TOKEN_FILE" => Some(file.clone().into_os_string()),
        _ => None,
    };
    let load = || load_text_for::<HttpSink>(ExternalChecks::SKIP, Path::new("connector.toml"), GOOD, &environment);
    for text in ["", "\n", "\r\n"] {
        fs::write(&file, text).unwrap();
        let report = load().unwrap_err().to_string();
        assert!(report.contains("which the variable HTTP_SINK_TOKEN_FILE names, is empty\n"), "{report}");
        assert!(report.contains("help: write the secret into it"), "{report}");
    }
    fs::write(&file, "s3cret\r\n").unwrap();
    assert_eq!(load().unwrap().connector.token.expose(), "s3cret");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn each_value_has_its_origin() {
    let text = GOOD.replace("path =", "batch_size = 5\npath =").replace("example.com", "me:hunter2@example.com");
    let set = &[("DANUBE_SERVICE_URL", "http://other:1"), ("HTTP_SINK_TOKEN", "s3cret"), ("HOSTNAME", "host-1")];
    let effective = load_in(&text, set).unwrap().effective;
    let printed = effective.to_string();
    for line in [
        "danube_service_url = \"http://other:1\"  # variable DANUBE_SERVICE_URL",
        "connector_name = \"http-sink\"  # from the connector's package",
        "batch_size = 50  # connector.toml:3",
        "tasks = 1  # default",
        "[http_sink]",
        "base_url = \"https://***@example.com\"  # connector.toml:6",
        "token = ***  # variable HTTP_SINK_TOKEN",
        "timeout = \"10s\"  # default",
        "[[http_sink.topic_mappings]]",
        "batch_size = 5  # connector.toml:11",
        "flush_interval_ms = 1000  # from the root",
        "consumer_name = \"http-sink-host-1\"  # from connector_name",
        "path = \"/users\"  # connector.toml:12",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
    assert!(!printed.contains("hunter2") && !printed.contains("s3cret"), "{printed}");
}
