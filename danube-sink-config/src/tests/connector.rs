//! A connector whose struct is its configuration.

use std::time::Duration;

use super::*;
use crate::{
    AvroEncoding, DecodeOptions, NumberEncoding, OnInvalidRecord, OnRetriesExhausted, PayloadFormat, SubscriptionType,
};

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
fn a_login_or_a_query_in_the_url_of_a_broker_is_refused_and_not_shown() {
    let line = "danube_service_url = \"http://localhost:6650\"";
    assert!(GOOD.contains(line));
    for (url, reason) in [
        ("http://bu:hunter2@127.0.0.1:1", "has no user and no password"),
        ("https://hunter2@broker", "has no user and no password"),
        ("http://broker:6650?sig=hunter2", "has no `?` and no `#`"),
    ] {
        for text in [
            GOOD.replace(line, &format!("danube_service_url = \"{url}\"")),
            GOOD.replace(line, &format!("{line}\ndanube_admin_url = \"{url}\"")),
        ] {
            let report = report(&text);
            assert!(report.contains(reason) && report.contains("DANUBE_TOKEN"), "{report}");
            assert!(!report.contains("hunter2"), "{report}");
        }
    }
    let set = &[("DANUBE_SERVICE_URL", "http://bu:hunter2@127.0.0.1:1"), ("HTTP_SINK_TOKEN", "s3cret")];
    let variable = load_in(GOOD, set).unwrap_err().to_string();
    assert!(variable.starts_with("error: variable DANUBE_SERVICE_URL: a broker's URL has no user"), "{variable}");
    assert!(!variable.contains("hunter2"), "{variable}");
    let metrics = |url: &str| load(&GOOD.replace(line, &format!("{line}\nbroker_metrics_urls = [\"{url}\"]")));
    let report = metrics("http://bu:hunter2@broker:9040/metrics").unwrap_err().to_string();
    assert!(report.contains("has no user and no password") && !report.contains("hunter2"), "{report}");
    metrics("http://proxy/metrics?broker=1").unwrap();
}

/// As an excerpt of the file would.
#[test]
fn the_effective_configuration_masks_what_reports_mask() {
    use crate::{EffectiveConfig, load::secrets::secret_names, value::Document};

    let text = "headers = { x-api-key = \"hunter2\", accept = \"json\" }\nlogin.password = 12345678\n\
                peers = [{ access_key = \"hunter2\" }]\n[credentials]\nname = \"hunter2\"\nlist = [\"hunter2\"]\n";
    let names = secret_names(&HttpSink::INFO);
    let document = Document::parse(Path::new("connector.toml"), text.to_owned(), &names).unwrap();
    let mut effective = EffectiveConfig::default();
    effective.push(&document, ("[http_sink]", 0), &document.root, &names);
    let values: Vec<(&str, &str)> = effective.keys().iter().map(|key| (key.key.as_str(), key.value.as_str())).collect();
    let expected = [
        ("headers.x-api-key", "***"),
        ("headers.accept", "\"json\""),
        ("login.password", "***"),
        ("peers", "[{ access_key = *** }]"),
        ("credentials.name", "***"),
        ("credentials.list", "***"),
    ];
    assert_eq!(values, expected);
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
