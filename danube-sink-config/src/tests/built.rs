//! The file is looked at twice, while the connector is built and when it starts: both find the same, in the same words.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use super::*;
use crate::{
    SubscriptionType,
    built::{self, Code, Field, Owner, Told},
    shape::given,
};

/// A connector with settings of every sort. Only their keys matter.
#[derive(Debug)]
struct Lake {
    topics: TopicMappings<Target>,
}

#[derive(Debug)]
struct Target;

const URL: Key<Url> = key(SettingInfo { help: "Where it is.\nMore.", ..SettingInfo::new("url") });
const TIMEOUT: Key<Duration> = key(SettingInfo { default: Some("'1s'"), ..SettingInfo::new("timeout") });
const LIST: Key<Option<Vec<u8>>> = key(SettingInfo::new("list"));
const MAP: Key<Option<BTreeMap<String, f64>>> = key(SettingInfo::new("map"));
const FOLDER: Key<Option<PathBuf>> = key(SettingInfo::new("folder"));
const MODE: Key<Option<SubscriptionType>> = key(SettingInfo::new("mode"));
const TRUTH: Key<Option<bool>> = key(SettingInfo::new("truth"));
const PASSWORD: SecretKey<Secret> =
    secret_key(SettingInfo { secret_env: Some("LAKE_PASSWORD"), ..SettingInfo::new("password") });
const TABLE: Key<String> = key(SettingInfo { help: "The table.", ..SettingInfo::new("table") });
const SIZE: Key<Option<usize>> = key(SettingInfo::new("size"));
const TAGS: Key<Vec<String>> = key(SettingInfo { default: Some("[]"), ..SettingInfo::new("tags") });

impl TopicMapping for Target {
    const SETTINGS: &'static [SettingInfo] = &[TABLE.info, SIZE.info, TAGS.info];

    fn read(mapping: &mut MappingReader<'_>) -> Option<Self> {
        let read =
            [mapping.setting(&TABLE).is_some(), mapping.setting(&SIZE).is_some(), mapping.setting(&TAGS).is_some()];
        (read == [true; 3]).then_some(Self)
    }
}

impl GeneratedConnector for Lake {
    type Mapping = Target;

    const INFO: ConnectorInfo = ConnectorInfo {
        name: "lake",
        section: "lake",
        settings: &[URL.info, TIMEOUT.info, LIST.info, MAP.info, FOLDER.info, MODE.info, TRUTH.info, PASSWORD.info],
        ..HttpSink::INFO
    };

    fn load(section: &mut SectionReader<'_>) -> Option<Self> {
        let read = [
            section.setting(&URL).is_some(),
            section.setting(&TIMEOUT).is_some(),
            section.setting(&LIST).is_some(),
            section.setting(&MAP).is_some(),
            section.setting(&FOLDER).is_some(),
            section.setting(&MODE).is_some(),
            section.setting(&TRUTH).is_some(),
            section.secret(&PASSWORD).is_some(),
        ];
        let topics = section.topic_mappings::<Self>();
        if read == [true; 8] { Some(Self { topics: topics? }) } else { None }
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.topics.settings()
    }
}

/// What the macro and the compiler find, as they would print it.
fn at_build(text: &str) -> Vec<String> {
    let fields: Vec<Field<'_>> = Lake::INFO
        .settings
        .iter()
        .map(|info| info.secret_env.map_or(Field::Key(info.key), |variable| Field::Secret(info.key, variable)))
        .chain([Field::Mappings])
        .collect();
    let code = Code {
        path: Path::new("connector.toml"),
        package: "lake",
        section: "lake",
        mapping_defaults: &[],
        fields: &fields,
    };
    let mut found = Vec::new();
    let told = built::check(&code, text, &mut |owner, settings, value| {
        let keys = match owner {
            Owner::Connector => given::of_connector::<Lake>(),
            Owner::Mapping => given::of_mapping::<Lake>(),
        };
        found.extend(given::mistake(keys, settings, value).map(|mistake| mistake.to_string()));
    });
    found.extend(told.into_iter().map(|Told { message, help }| format!("{message}\nhelp: {help}")));
    found
}

fn at_start(text: &str) -> Result<Loaded<Lake>, ConfigError> {
    let set = &[("LAKE_PASSWORD", "s3cret"), ("DANUBE_SERVICE_URL", "http://localhost:6650")];
    load_text_for(Beyond::UNSEEN, Path::new("connector.toml"), text, &variables(set))
}

/// The lines of all mistakes: at start, they are a report; of a build, errors.
fn lines(report: &str) -> BTreeSet<&str> {
    let bare =
        |line| ["error: ", "connector.toml: "].iter().fold(line, |line: &str, start| line.trim_start_matches(start));
    let lines = report.lines().map(|line| bare(line.trim_start()));
    lines.filter(|line| !line.is_empty() && !line.ends_with(" in connector.toml")).collect()
}

const RIGHT: &str = r#"
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
fn a_right_file_is_right_twice() {
    for text in [
        RIGHT.to_owned(),
        RIGHT.replace("topic_mappings", "routes").replace("topic =", "from ="),
        format!("{RIGHT}[processing]\nbatch_timeout_ms = 5\n[retry]\nmax_retries = 1\n"),
        format!("create_topics = true\nmetrics_address = \"::\"\n{RIGHT}partitions = 3\nsingle_writer = true\n"),
        format!("connector_name = \"sink\"\ndanube_service_url = \"http://localhost:1\"\n{RIGHT}"),
    ] {
        at_start(&text).unwrap();
        assert_eq!(at_build(&text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_build_finds_what_the_start_would_find_in_the_same_words() {
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
        ("[lake]\n", "metrics_address = \"1.2.3\"\nlog_format = \"xml\"\nbroker_metrics_urls = [\"a:1\", 1]\n[lake]\n"),
        ("[lake]\n", "danube_admin_url = \"http://\"\nmax_unacked_messages = 0\non_mass_refusal = 1\n[lake]\n"),
        ("size = 3", "partitions = 1001\nsole_consumer = 1\non_mass_refusal = \"skip\"\nmax_unacked_messages = \"1\""),
    ];
    for (from, to) in changes {
        let text = RIGHT.replace(from, to);
        assert_ne!(text, RIGHT, "{from}");
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
    assert_eq!(build.matches("help: ").count(), start.mistakes(), "{build}");
    assert!(!build.contains("hunter2"), "{build}");
}

#[test]
fn each_mistake_is_an_error_of_its_own() {
    let text = RIGHT.replace("[1, 2]", "[300, 400]").replace("\"5m\"", "5").replace("size = 3", "sise = 3\nsub = 1");
    assert_eq!(at_build(&text).len(), 5);
}

#[test]
fn the_value_of_a_secret_is_in_no_error_of_its_line() {
    let text = "lake = { password = \"hunter2\", url = 5, zebra = 3, token = \"hunter2\", routes = [{ from = 3, \
                table = 2, secret_key = \"hunter2\" }] }";
    let errors = at_build(text);
    assert_eq!(errors.len(), 7, "{errors:#?}");
    assert!(!errors.concat().contains("hunter2"), "{errors:#?}");
}
