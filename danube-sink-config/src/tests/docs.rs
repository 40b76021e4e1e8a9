//! Template, JSON Schema and help agree with the loader.

use jsonschema::Validator;

use super::*;
use crate::{json_schema, schema::ValueType, template};

fn validator() -> Validator {
    jsonschema::draft7::new(&json_schema::<HttpSink>()).unwrap()
}

fn as_json(text: &str) -> serde_json::Value {
    serde_json::to_value(toml::from_str::<toml::Value>(text).unwrap()).unwrap()
}

#[test]
fn the_template_loads_and_says_what_holds_without_its_keys() {
    let loaded = load(&template::<HttpSink>()).unwrap();
    let least = load(
        "danube_service_url = \"http://localhost:6650\"\n[http_sink]\nbase_url = \"https://example.com\"\n\
         [[http_sink.topic_mappings]]\ntopic = \"/default/topic\"\npath = \"text\"",
    )
    .unwrap();
    assert_eq!(loaded.core, least.core);
    assert_eq!(loaded.connector.timeout, least.connector.timeout);
}

#[test]
fn a_template_whose_keys_are_all_set_loads_too() {
    let all: Vec<String> = template::<HttpSink>()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with([' ', '#']) && key.contains(" = ") => key.to_owned(),
            _ => line.to_owned(),
        })
        .collect();
    let all = all.join("\n");
    let loaded = load(&all).unwrap();
    // Where the template has no default of its own to show, it has an example.
    assert_eq!(loaded.core.connector_name, "text");
    assert!(validator().is_valid(&as_json(&all)), "{all}");
}

#[test]
fn every_variable_that_is_read_is_explained() {
    let read = std::cell::RefCell::new(Vec::new());
    let record = |name: &str| {
        read.borrow_mut().push(name.to_owned());
        None::<OsString>
    };
    let source = crate::ConfigSource::default();
    assert!(crate::load_for::<HttpSink>(ExternalChecks::SKIP, &source, &record).is_err(), "no file is named");
    let text = template::<HttpSink>();
    assert!(load_text_for::<HttpSink>(ExternalChecks::SKIP, Path::new("t.toml"), &text, &record).is_err(), "no secret");
    let explained = crate::environment::<HttpSink>();
    let explained: Vec<&str> = explained.iter().map(|(name, _)| name.as_str()).collect();
    for name in read.into_inner() {
        // What the system sets, for the names of consumers.
        assert!(name == "HOSTNAME" || explained.contains(&name.as_str()), "{name} is not explained");
    }
    assert_eq!(explained.len(), 8, "{explained:?}");
}

/// Also those of nested tables, of which there may be many, and of mappings; one that two tables share once.
#[test]
fn every_variable_of_a_secret_is_explained() {
    const PIN: KeySpec = KeySpec { source: ValueSource::Secret(None), doc: "The PIN.\nMore.", ..KeySpec::new("pin") };
    const SHARED: KeySpec = KeySpec { source: ValueSource::Secret(Some("SHARED")), ..KeySpec::new("shared") };
    const LOGIN: ValueType = ValueType::Table(&[PIN, SHARED]);
    const INFO: ConnectorInfo = ConnectorInfo {
        keys: &[
            KeySpec { value_type: LOGIN, ..KeySpec::new("login") },
            KeySpec { value_type: ValueType::array(&LOGIN), ..KeySpec::new("back-up") },
        ],
        mapping_keys: &[PIN, KeySpec { value_type: ValueType::map(&LOGIN), ..KeySpec::new("by_name") }],
        ..HttpSink::INFO
    };
    let explained = crate::environment_of(&INFO);
    let file = |name: &str| (format!("{name}_FILE"), "Path of a file with it".to_owned());
    let expected = [
        ("HTTP_SINK_LOGIN_PIN", "The PIN."),
        ("SHARED", ""),
        ("HTTP_SINK_BACK_UP_PIN", "The PIN."),
        ("HTTP_SINK_PIN", "The PIN."),
        ("HTTP_SINK_BY_NAME_PIN", "The PIN."),
    ]
    .into_iter()
    .flat_map(|(name, help)| [(name.to_owned(), help.to_owned()), file(name)]);
    assert_eq!(explained[6..], expected.collect::<Vec<_>>());
}

#[test]
fn a_secret_is_as_optional_as_its_type() {
    assert!(template::<HttpSink>().contains("HTTP_SINK_TOKEN_FILE to the path of a file with it. Required."));
    assert!(matches!(key::<Secret>(KeySpec::new("token")).spec.default, KeyDefault::Required));
    assert!(matches!(key::<Option<Secret>>(KeySpec::new("token")).spec.default, KeyDefault::None));
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let validator = validator();
    let good = [
        template::<HttpSink>(),
        "[processing]\nbatch_size = 5\nbatch_timeout_ms = 100\nhealth_check_interval_ms = 5\n[retry]\nmax_retries = 0\n\
         [http_sink]\nbase_url = \"https://example.com\"\n[[http_sink.routes]]\nfrom = \"/default/a\"\npath = \"/\"\n\
         subscription_type = \"key_shared\""
            .to_owned(),
        "create_topics = true\nmetrics_address = \"127.0.0.1\"\nbroker_metrics_urls = [\"http://a:9040/metrics\"]\n\
         danube_admin_url = \"https://a\"\nmax_unacked_messages = 1\n[processing]\nmetrics_port = 1\nlog_format = \"json\"\n\
         [http_sink]\nbase_url = \"https://example.com\"\n[[http_sink.topic_mappings]]\ntopic = \"/default/a\"\n\
         path = \"/\"\npartitions = 9\non_mass_refusal = \"Go_On\"\nsole_consumer = true"
            .to_owned(),
    ];
    for text in &good {
        let errors: Vec<String> = validator.iter_errors(&as_json(text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}\n{text}");
    }
}

#[test]
fn the_schema_refuses_what_the_reader_refuses() {
    let validator = validator();
    let good = "danube_service_url = \"http://localhost:6650\"\n[http_sink]\nbase_url = \"https://example.com\"\n\
                [[http_sink.topic_mappings]]\ntopic = \"/default/a\"\npath = \"/\"\n";
    assert!(load(good).is_ok() && validator.is_valid(&as_json(good)));
    let broken = [
        ("http://localhost:6650", "localhost:6650"),
        ("danube_service_url", "danube_url"),
        ("[http_sink]", "batch_size = 0\n[http_sink]"),
        ("[http_sink]", "max_retries = \"five\"\n[http_sink]"),
        ("[http_sink]", "on_retries_exhausted = \"panic\"\n[http_sink]"),
        ("[http_sink]", "log_level = \"loud\"\n[http_sink]"),
        ("[http_sink]", "tasks = 257\n[http_sink]"),
        ("[http_sink]", "log_format = \"xml\"\n[http_sink]"),
        ("[http_sink]", "metrics_address = \"localhost\"\n[http_sink]"),
        ("[http_sink]", "metrics_address = \"1.2.3.256\"\n[http_sink]"),
        ("[http_sink]", "broker_metrics_urls = \"http://a\"\n[http_sink]"),
        ("[http_sink]", "broker_metrics_urls = [\"a:9040\"]\n[http_sink]"),
        ("[http_sink]", "broker_metrics_urls = [\"https://a\"]\n[http_sink]"),
        ("[http_sink]", "broker_metrics_urls = [\"http:a\"]\n[http_sink]"),
        ("[http_sink]", "danube_admin_url = \"a:50051\"\n[http_sink]"),
        ("[http_sink]", "max_unacked_messages = 10001\n[http_sink]"),
        ("[http_sink]", "partitions = 3\n[http_sink]"),
        ("path = ", "partitions = 0\npath = "),
        ("path = ", "on_mass_refusal = \"skip\"\npath = "),
        ("path = ", "single_writer = 1\npath = "),
        ("[http_sink]\n", "[http_sinks]\n"),
        ("base_url = \"https://example.com\"", ""),
        ("\"https://example.com\"", "\"example\""),
        ("base_url", "timeout = 10\nbase_url"),
        ("base_url", "timeout = \"10 parsecs\"\nbase_url"),
        ("base_url", "token = \"s3cret\"\nbase_url"),
        ("base_url", "batch_size = 5\nbase_url"),
        ("/default/a", "default/a"),
        ("topic = \"/default/a\"", ""),
        ("topic =", "from = \"/default/b\"\ntopic ="),
        ("path = \"/\"", ""),
        ("path = \"/\"", "path = 7"),
        ("path = ", "subscription_type = \"Shred\"\npath = "),
        ("path = ", "on_invalid_record = \"dead_letter\"\npath = "),
        ("path = ", "max_retries = 3\npath = "),
        ("[[http_sink.topic_mappings]]", "[http_sink.topic_mappings]"),
    ];
    for (what, instead) in broken {
        let text = good.replacen(what, instead, 1);
        assert!(load(&text).is_err(), "the reader takes\n{text}");
        assert!(!validator.is_valid(&as_json(&text)), "the schema takes\n{text}");
    }
}

#[test]
fn the_schema_requires_no_dead_letter_topic_that_the_code_gives() {
    let with = |mapping_defaults| {
        let info = ConnectorInfo { mapping_keys: &[], mapping_defaults, ..HttpSink::INFO };
        crate::json_schema_of(&info)["properties"]["http_sink"]["properties"]["topic_mappings"]["items"].clone()
    };
    assert!(with(&[]).get("then").is_some());
    assert!(with(&[("dead_letter_topic", "\"/default/dead\"")]).get("then").is_none());
}

#[test]
fn the_schema_takes_the_other_names_of_a_key() {
    let info = ConnectorInfo { mapping_keys: &[], ..HttpSink::INFO };
    let section = &crate::json_schema_of(&info)["properties"]["http_sink"]["properties"];
    let validator = jsonschema::draft7::new(&section["topic_mappings"]["items"]).unwrap();
    for (keys, is_valid) in [
        ("topic = '/default/a'", true),
        ("from = '/default/a'", true),
        ("", false),
        ("from = '/default/a'\ntopic = '/default/a'", false),
    ] {
        assert_eq!(validator.is_valid(&as_json(keys)), is_valid, "{keys}");
    }
}
