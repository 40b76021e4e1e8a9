//! One report has every error of a file, each at its place.

use super::*;

#[test]
fn a_file_for_another_connector_is_reported_once() {
    let file = |section: &str| {
        format!(
            "danube_service_url = \"http://localhost:6650\"\n[{section}]\nhost = 3\n[[{section}.topic_mappings]]\n\
             topic = \"/events/users\"\n"
        )
    };
    let expected = "error: connector.toml:2:2: the file is for another connector: it has `[clickhouse]`, and this one reads \
                    `[http_sink]`\n   2 | [clickhouse]\n     |  ^^^^^^^^^^\n   \
                    help: use the program of that connector, or a file with `[http_sink]`\n\n1 error in connector.toml";
    assert_eq!(report(&file("clickhouse")), expected);
    // A misspelt name is the connector's own.
    assert!(report(&file("http_sing")).contains("did you mean `http_sink`?"));
    let both = format!("{}[http_sink]\nbase_url = \"http://h\"\n", file("clickhouse"));
    assert!(report(&both).contains("unknown key `clickhouse` in the root of the file"));
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
   help: write the URL of a broker, such as `http://localhost:6650`

error: connector.toml:2:1: unknown key `batchsize` in the root of the file
   2 | batchsize = 10
     | ^^^^^^^^^
   help: did you mean `batch_size`?

error: connector.toml:3:15: `max_retries`: expected an integer, found a string
   3 | max_retries = "five"
     |               ^^^^^^
   help: write an integer from 0 to 4294967295, without quotes; the default is `5`

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
   help: write a topic, as `/namespace/name`, with letters, digits, `_` and `-`

error: connector.toml:15:21: `subscription_type`: unknown subscription type
  15 | subscription_type = "Shred"
     |                     ^^^^^^^
   help: did you mean `Shared`? It is one of `Shared`, `Exclusive`, `Failover` or `KeyShared`; the default is `"Shared"`

error: connector.toml:16:21: `on_invalid_record = "dead_letter"` needs a `dead_letter_topic` in the topic mapping
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
   help: add `danube_service_url = "http://localhost:6650"`, or set the variable DANUBE_SERVICE_URL: URL of the broker to connect to first, such as `http://localhost:6650`; `https` connects by TLS

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
