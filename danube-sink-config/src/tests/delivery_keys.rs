//! The keys of delivery: topics to create, the broker's window, mass refusals, writers, and the endpoints beside the broker.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::{BrokerTarget, LogFormat, OnMassRefusal};

const MAPPING: &str = r#"
[http_sink]
base_url = "https://example.com"

[[http_sink.topic_mappings]]
topic = "/events/users"
path = "/users"
"#;

/// A configuration with these lines at the root, and these in its only mapping.
fn file(root: &str, mapping: &str) -> String {
    format!("danube_service_url = \"http://localhost:6650\"\n{root}\n{MAPPING}{mapping}\n")
}

#[test]
fn without_the_keys_the_defaults_hold() {
    let core = load(&file("", "")).unwrap().core;
    assert_eq!(core.metrics_address, Ipv6Addr::UNSPECIFIED);
    assert_eq!((core.log_format, core.on_mass_refusal), (LogFormat::Text, OnMassRefusal::Wait));
    assert_eq!((core.create_topics, core.max_unacked_messages), (false, None));
    assert_eq!((core.broker_metrics_urls.len(), core.danube_admin_url), (0, None));
    let mapping = &core.mappings[0];
    assert_eq!((mapping.create_topics, mapping.partitions, mapping.max_unacked_messages), (false, None, None));
    assert_eq!((mapping.sole_consumer, mapping.single_writer), (false, false));
    assert_eq!(mapping.on_mass_refusal, OnMassRefusal::Wait);
}

#[test]
fn every_key_is_read() {
    let root = r#"
        log_format = "JSON"
        create_topics = true
        on_mass_refusal = "go-on"
        max_unacked_messages = 10000
        broker_metrics_urls = ["http://a:9040/metrics", "HTTP://b/metrics?broker=1"]
        danube_admin_url = "http://broker:50051"
        [processing]
        metrics_address = "127.0.0.1"
    "#;
    let mapping = r#"
        create_topics = false
        partitions = 1000
        sole_consumer = true
        single_writer = true
        on_mass_refusal = "stop"
        max_unacked_messages = 1
    "#;
    let core = load(&file(root, mapping)).unwrap().core;
    assert_eq!(core.metrics_address, Ipv4Addr::LOCALHOST);
    assert_eq!((core.log_format, core.on_mass_refusal), (LogFormat::Json, OnMassRefusal::GoOn));
    assert_eq!((core.create_topics, core.max_unacked_messages), (true, Some(10_000)));
    assert_eq!(core.broker_metrics_urls, ["http://a:9040/metrics", "HTTP://b/metrics?broker=1"]);
    assert_eq!(core.danube_admin_url.as_deref(), Some("http://broker:50051"));
    let mapping = &core.mappings[0];
    assert_eq!((mapping.create_topics, mapping.partitions, mapping.max_unacked_messages), (false, Some(1000), Some(1)));
    assert_eq!((mapping.sole_consumer, mapping.single_writer), (true, true));
    assert_eq!(mapping.on_mass_refusal, OnMassRefusal::Stop);
}

#[test]
fn a_mapping_inherits_from_the_root() {
    let root = "create_topics = true\non_mass_refusal = \"stop\"\nmax_unacked_messages = 500";
    let core = load(&file(root, "subscription_type = \"Exclusive\"\nsole_consumer = true")).unwrap().core;
    let mapping = &core.mappings[0];
    assert_eq!((mapping.create_topics, mapping.max_unacked_messages), (true, Some(500)));
    assert_eq!(mapping.on_mass_refusal, OnMassRefusal::Stop);
    let by_hand = MappingSettings::new(mapping.consumer.clone(), &core);
    assert_eq!(MappingSettings { sole_consumer: true, ..by_hand }, *mapping);
}

#[test]
fn an_invalid_value_is_reported_with_help() {
    let root = r#"metrics_address = "localhost"
metrics_port = 0
log_format = "xml"
on_mass_refusal = "skip"
max_unacked_messages = 10001
broker_metrics_urls = ["broker:9040", "https://broker", 9040, "http://broker:9040/metrics"]
danube_admin_url = "broker:50051"
partitions = 3"#;
    let report = report(&file(root, "partitions = 0\nsingle_writer = \"yes\"\nlog_format = \"json\""));
    let expected = r#"error: connector.toml:2:19: `metrics_address`: not an IP address
   2 | metrics_address = "localhost"
     |                   ^^^^^^^^^^^
   help: write an IP address without a port, such as `127.0.0.1`, `0.0.0.0` or `::`; the default is `"::"`

error: connector.toml:4:14: `log_format`: unknown log format
   4 | log_format = "xml"
     |              ^^^^^
   help: write one of `text` or `json`; the default is `"text"`

error: connector.toml:5:19: `on_mass_refusal`: unknown `on_mass_refusal` policy
   5 | on_mass_refusal = "skip"
     |                   ^^^^^^
   help: write one of `wait`, `stop` or `go_on`; the default is `"wait"`

error: connector.toml:6:24: `max_unacked_messages`: the number is out of range
   6 | max_unacked_messages = 10001
     |                        ^^^^^
   help: write an integer from 1 to 10000; the default is learnt from the messages that arrive

error: connector.toml:7:24: `broker_metrics_urls`: not an `http` URL: a broker serves metrics without TLS
   7 | broker_metrics_urls = ["broker:9040", "https://broker", 9040, "http://broker:9040/metrics"]
     |                        ^^^^^^^^^^^^^
   help: write an `http` URL such as `http://broker:9040/metrics`; the default is `[]`

error: connector.toml:7:39: `broker_metrics_urls`: not an `http` URL: a broker serves metrics without TLS
   7 | broker_metrics_urls = ["broker:9040", "https://broker", 9040, "http://broker:9040/metrics"]
     |                                       ^^^^^^^^^^^^^^^^
   help: write an `http` URL such as `http://broker:9040/metrics`; the default is `[]`

error: connector.toml:7:57: `broker_metrics_urls`: expected a string, found an integer
   7 | broker_metrics_urls = ["broker:9040", "https://broker", 9040, "http://broker:9040/metrics"]
     |                                                         ^^^^
   help: write it in double quotes; the default is `[]`

error: connector.toml:8:20: `danube_admin_url`: not an `http` or `https` URL
   8 | danube_admin_url = "broker:50051"
     |                    ^^^^^^^^^^^^^^
   help: write an `http` or `https` URL such as `http://broker:50051`

error: connector.toml:9:1: unknown key `partitions` in the root of the file
   9 | partitions = 3
     | ^^^^^^^^^^
   help: move it: `partitions` is a key of a topic mapping

error: connector.toml:17:14: `partitions`: the number is out of range
  17 | partitions = 0
     |              ^
   help: write an integer from 1 to 1000; the default is a topic without partitions

error: connector.toml:18:17: `single_writer`: expected a boolean, found a string
  18 | single_writer = "yes"
     |                 ^^^^^
   help: write `true` or `false`, without quotes; the default is `false`

error: connector.toml:19:1: unknown key `log_format` in `[[http_sink.topic_mappings]]`
  19 | log_format = "json"
     | ^^^^^^^^^^
   help: move it: `log_format` is a key of the root of the file or `[processing]`

12 errors in connector.toml"#;
    assert_eq!(report, expected);
}

#[test]
fn an_address_is_one_that_a_server_can_listen_on() {
    for address in ["0.0.0.0", "::1", "::ffff:10.0.0.1", "fd00::1"] {
        let core = load(&file(&format!("metrics_address = \"{address}\""), "")).unwrap().core;
        assert_eq!(core.metrics_address.to_string(), address);
    }
    for address in ["", "1.2.3", "1.2.3.256", "127.0.0.1:9090", "[::1]", "::g", "1:2", "fe80::1%eth0"] {
        let report = report(&file(&format!("metrics_address = \"{address}\""), ""));
        assert!(report.contains("`metrics_address`: not an IP address\n"), "{address}: {report}");
    }
}

#[test]
fn a_broker_inside_the_process_has_no_endpoints_elsewhere() {
    let text = file("broker_metrics_urls = [\"http://a\"]\ndanube_admin_url = \"http://a\"\ncreate_topics = true", "");
    let embedded = ExternalChecks { broker: BrokerTarget::Embedded, ..ExternalChecks::SKIP };
    let loaded: Loaded<HttpSink> =
        load_text_for(embedded, Path::new("connector.toml"), &text, &variables(USUAL)).unwrap();
    assert_eq!((loaded.core.broker_metrics_urls.len(), loaded.core.danube_admin_url), (0, None));
    assert!(loaded.core.create_topics);
}

#[test]
fn a_batch_of_a_mapping_fits_the_memory_too() {
    let report = report(&file("max_buffered_bytes = 5000000", "batch_bytes = 5000001"));
    assert!(report.contains("`batch_bytes` is more than `max_buffered_bytes`"), "{report}");
    assert!(report.contains("help: lower it to at most 5000000, or raise `max_buffered_bytes`"), "{report}");
    load(&file("max_buffered_bytes = 5000000", "batch_bytes = 5000000")).unwrap();
}
