//! A file is validated twice, while the connector is built and when it starts: with the same errors, in the same words.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::*;
use crate::{
    SubscriptionType,
    compile_time::{self, BuildError, StructKind, file_value},
    schema::ValueType,
};

/// A connector with settings of many types. Only their keys matter.
#[derive(Debug)]
struct Lake {
    topics: TopicMappings<Target>,
}

#[derive(Debug)]
struct Target;

const URL: Key<Url> = key(KeySpec { doc: "Where it is.\nMore.", ..KeySpec::new("url") });
const TIMEOUT: Key<Duration> = key(KeySpec { default: KeyDefault::Literal("'1s'"), ..KeySpec::new("timeout") });
const LIST: Key<Option<Vec<u8>>> = key(KeySpec::new("list"));
const MAP: Key<Option<BTreeMap<String, f64>>> = key(KeySpec::new("map"));
const FOLDER: Key<Option<PathBuf>> = key(KeySpec::new("folder"));
const MODE: Key<Option<SubscriptionType>> = key(KeySpec::new("mode"));
const TRUTH: Key<Option<bool>> = key(KeySpec::new("truth"));
const PASSWORD: Key<Secret> =
    key(KeySpec { source: ValueSource::Secret(Some("LAKE_PASSWORD")), ..KeySpec::new("password") });
const TABLE: Key<String> = key(KeySpec { doc: "The table.", ..KeySpec::new("table") });
const SIZE: Key<Option<usize>> = key(KeySpec::new("size"));
const TAGS: Key<Vec<String>> = key(KeySpec { default: KeyDefault::Literal("[]"), ..KeySpec::new("tags") });

impl TopicMapping for Target {
    const KEYS: &'static [KeySpec] = &[TABLE.spec, SIZE.spec, TAGS.spec];

    fn read(mapping: &mut KeyReader<'_>, _: &MappingSettings) -> Option<Self> {
        let read = [mapping.get(&TABLE).is_some(), mapping.get(&SIZE).is_some(), mapping.get(&TAGS).is_some()];
        (read == [true; 3]).then_some(Self)
    }
}

impl GeneratedConnector for Lake {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "lake",
        section: "lake",
        keys: &[URL.spec, TIMEOUT.spec, LIST.spec, MAP.spec, FOLDER.spec, MODE.spec, TRUTH.spec, PASSWORD.spec],
        mapping_keys: Target::KEYS,
        ..ConnectorInfo::EMPTY
    };

    fn load(section: &mut KeyReader<'_>) -> Option<Self> {
        let read = [
            section.get(&URL).is_some(),
            section.get(&TIMEOUT).is_some(),
            section.get(&LIST).is_some(),
            section.get(&MAP).is_some(),
            section.get(&FOLDER).is_some(),
            section.get(&MODE).is_some(),
            section.get(&TRUTH).is_some(),
            section.get(&PASSWORD).is_some(),
        ];
        let topics = section.topic_mappings(&mapping_keys::<Target>());
        if read == [true; 8] { Some(Self { topics: topics? }) } else { None }
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.topics.settings()
    }
}

/// The errors of the macro and of the compiler, as they would print them.
fn at_build(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let errors = compile_time::validate(Path::new("connector.toml"), &Lake::INFO, text, &mut |kind, table, value| {
        let keys = match kind {
            StructKind::Connector => Lake::INFO.keys,
            StructKind::Mapping => Lake::INFO.mapping_keys,
        };
        let errors = (0..=file_value::MAX_MISSING).filter_map(|number| file_value::error(keys, table, value, number));
        found.extend(errors.map(|error| error.to_string()));
    });
    found.extend(errors.into_iter().map(|BuildError { message, help }| format!("{message}\nhelp: {help}")));
    found
}

fn at_start(text: &str) -> Result<Loaded<Lake>, ConfigError> {
    let set = &[("LAKE_PASSWORD", "s3cret"), ("DANUBE_SERVICE_URL", "http://localhost:6650")];
    load_text_for(ExternalChecks::SKIP, Path::new("connector.toml"), text, &variables(set))
}

/// The lines of all errors: a report at start, errors of a build.
fn lines(report: &str) -> BTreeSet<&str> {
    let bare =
        |line| ["error: ", "connector.toml: "].iter().fold(line, |line: &str, start| line.trim_start_matches(start));
    let lines = report.lines().map(|line| bare(line.trim_start()));
    lines.filter(|line| !line.is_empty() && !line.ends_with(" in connector.toml")).collect()
}

const VALID: &str = r#"
[lake]
url = "https://example.com"
timeout = "5m"
list = [1, 2]
map = { a = 1, b = 0.5 }
folder = "/tmp"
mode = "key-shared"
truth = true

[[lake.topic_mappings]]
topic = "/events/users"
subscription = "group"
table = "users"
size = 3
tags = ["a"]
"#;

#[test]
fn a_valid_file_is_valid_twice() {
    for text in [
        VALID.to_owned(),
        VALID.replace("topic_mappings", "routes").replace("topic =", "from ="),
        format!("{VALID}[processing]\nbatch_timeout_ms = 5\n[retry]\nmax_retries = 1\n"),
        format!("create_topics = true\nmetrics_address = \"::\"\n{VALID}partitions = 3\nsingle_writer = true\n"),
        format!("connector_name = \"sink\"\ndanube_service_url = \"http://localhost:1\"\n{VALID}"),
    ] {
        at_start(&text).unwrap();
        assert_eq!(at_build(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_build_reports_what_the_start_would_report() {
    let changes = [
        ("[lake]\n", "batchsize = 3\n[lake]\n"),
        ("[lake]\n", "batch_size = 0\nmetrics_port = 70000\n[lake]\n"),
        ("[lake]\n", "max_retries = 1\n[retry]\nmax_retries = 2\nretry_backoff_ms = 9\nmax_backoff_ms = 3\n[lake]\n"),
        ("[lake]\n", "processing = 3\n[lake]\n"),
        ("[lake]\n", "[laek]\n[lake]\n"),
        ("lake", "lakes"),
        ("[lake]\n", "[lake]\nbatch_size = 3\nschemas = []\nzebra = 1\n"),
        ("[lake]\n", "[lake]\npassword = \"hunter2\"\n"),
        ("[lake]\n", "[lake]\npasswrod = \"hunter2\"\n"),
        ("url =", "ulr ="),
        ("url = \"https://example.com\"\n", ""),
        ("\"https://example.com\"", "\"example.com\""),
        ("\"https://example.com\"", "\"http://\""),
        ("\"https://example.com\"", "[\"https://example.com\"]"),
        ("\"5m\"", "5"),
        ("\"5m\"", "\"5 parsecs\""),
        ("[1, 2]", "[1, 256, \"x\", [1]]"),
        ("[1, 2]", "1"),
        ("{ a = 1, b = 0.5 }", "{ a = \"1\", b = true }"),
        ("{ a = 1, b = 0.5 }", "0.5"),
        ("\"/tmp\"", "\"\""),
        ("\"key-shared\"", "\"shred\""),
        ("= true", "= 1979-05-27"),
        ("\"/events/users\"", "\"users\""),
        ("topic =", "topik ="),
        ("topic = \"/events/users\"\n", ""),
        ("table =", "tabel ="),
        ("table = \"users\"\n", ""),
        ("topic = \"/events/users\"\nsubscription = \"group\"\ntable = \"users\"\n", ""),
        ("table =", "max_retries = 1\nschemas = 1\nzebra = 1\ntable ="),
        ("size = 3", "size = -1"),
        ("size = 3", "size = 99999999999999999999999999999999999999999999"),
        ("[\"a\"]", "[\"a\", 1, 2.5, { x = 1 }]"),
        ("size = 3", "api_token = \"hunter2\""),
        ("size = 3", "dead_letter_topic = \"/events/users\""),
        ("size = 3", "on_invalid_record = \"dead_letter\""),
        ("size = 3", "subscription_type = \"Shred\"\nbatch_size = 0"),
        ("size = 3", "[[lake.topic_mappings]]\ntopic = \"/events/users\"\nsubscription = \"group\"\ntable = \"b\""),
        ("size = 3", "[[lake.routes]]\nfrom = \"/events/b\"\ntable = \"b\""),
        ("size = 3", "[[lake.topic_mappings]]"),
        ("[[lake.topic_mappings]]", "[lake.topic_mappings]"),
        ("[[lake.topic_mappings]]", "[[lake.topic_mapping]]"),
        ("url =", "url = x\nurl ="),
        (
            "[lake]\n",
            "metrics_address = \"1.2.3\"\nlog_format = \"xml\"\nbroker_metrics_urls = [\"https://a\", 1]\n[lake]\n",
        ),
        ("[lake]\n", "danube_admin_url = \"http://\"\nmax_unacked_messages = 0\non_mass_refusal = 1\n[lake]\n"),
        ("size = 3", "partitions = 1001\nsole_consumer = 1\non_mass_refusal = \"skip\"\nmax_unacked_messages = \"1\""),
    ];
    for (from, to) in changes {
        let text = VALID.replace(from, to);
        assert_ne!(text, VALID, "{from}");
        assert_same(&text);
    }
    for text in ["", "[lake]\ntopic_mappings = []\n", "lake = 1", "[lake]\n[[lake.routes]]\n", "[lake]\nroutes = [1]"] {
        assert_same(text);
    }
}

fn assert_same(text: &str) {
    let start = at_start(text).unwrap_err();
    let build = at_build(text).join("\n");
    assert_eq!(lines(&build), lines(&start.to_string()), "\nat build:\n{build}\n\nat start:\n{start}\n");
    assert_eq!(build.matches("help: ").count(), start.count(), "{build}");
    assert!(!build.contains("hunter2"), "{build}");
}

#[test]
fn each_error_is_an_error_of_the_build() {
    let text = VALID.replace("[1, 2]", "[300, 400]").replace("\"5m\"", "5").replace("size = 3", "sise = 3\nsub = 1");
    assert_eq!(at_build(&text).len(), 5);
}

const API_KEYS: &[KeySpec] = &[
    KeySpec { source: ValueSource::Secret(None), value_type: ValueType::Secret, ..KeySpec::new("pin") },
    KeySpec { value_type: ValueType::Integer { min: 0, max: 9 }, ..KeySpec::new("port") },
];

/// Its name says nothing, and the macro does not know the struct.
#[test]
fn a_secret_of_a_nested_table_is_in_no_error_of_the_build() {
    const KEYS: &[KeySpec] = &[KeySpec { value_type: ValueType::Table(API_KEYS), ..KeySpec::new("api") }];
    const LAKE: ConnectorInfo =
        ConnectorInfo { name: "lake", section: "lake", keys: &[KeySpec::new("api")], ..ConnectorInfo::EMPTY };
    let mut found = Vec::new();
    let text = "[lake]\napi = { pin = \"hunter2\", port = \"hunter2\", zone = 3 }";
    compile_time::validate(Path::new("connector.toml"), &LAKE, text, &mut |kind, table, value| {
        let StructKind::Connector = kind else { return };
        found.extend(file_value::error(KEYS, table, value, 0).map(|error| error.to_string()));
    });
    let [secret, beside, unknown] = found.as_slice() else { panic!("{found:#?}") };
    for (error, message) in
        [(secret, "a secret must not be in the file"), (beside, "expected an integer"), (unknown, "unknown key `zone`")]
    {
        assert!(error.contains(message) && error.contains("api = { pin = ***, port = ***, zone = *** }"), "{error}");
    }
}

#[test]
fn the_value_of_a_secret_is_in_no_error_of_its_line() {
    let text = "lake = { password = \"hunter2\", url = 5, zebra = 3, token = \"hunter2\", routes = [{ from = 3, \
                table = 2, secret_key = \"hunter2\" }] }";
    let errors = at_build(text);
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert!(!errors.concat().contains("hunter2"), "{errors:#?}");
}
