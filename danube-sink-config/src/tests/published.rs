//! Files of the published connectors: they load as they are, and the log names the canonical keys.

use super::*;

/// A connector whose mappings have the published connectors' own keys.
#[derive(Debug)]
struct VectorSink {
    topics: TopicMappings<Collection>,
}

#[derive(Debug, PartialEq)]
struct Collection {
    to: String,
    dimension: Option<u32>,
}

const URL: Key<Option<Url>> = key(KeySpec::new("url"));
const BATCH_SIZE: Key<Option<usize>> = key(KeySpec::new("batch_size"));
const BATCH_TIMEOUT: Key<Option<u64>> = key(KeySpec::new("batch_timeout_ms"));
const TO: Key<String> = key(KeySpec::new("to"));
const DIMENSION: Key<Option<u32>> = key(KeySpec::new("vector_dimension"));

impl TopicMapping for Collection {
    const KEYS: &'static [KeySpec] = &[TO.spec, DIMENSION.spec];

    fn read(mapping: &mut KeyReader<'_>, _: &MappingSettings) -> Option<Self> {
        let (to, dimension) = (mapping.get(&TO), mapping.get(&DIMENSION));
        Some(Self { to: to?, dimension: dimension? })
    }
}

impl GeneratedConnector for VectorSink {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "vector-sink",
        section: "vectors",
        keys: &[URL.spec, BATCH_SIZE.spec, BATCH_TIMEOUT.spec],
        mapping_keys: Collection::KEYS,
        ..HttpSink::INFO
    };

    fn load(section: &mut KeyReader<'_>) -> Option<Self> {
        let _own = (section.get(&URL), section.get(&BATCH_SIZE), section.get(&BATCH_TIMEOUT));
        Some(Self { topics: section.topic_mappings(&mapping_keys::<Collection>())? })
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.topics.settings()
    }
}

/// A file, whether its first mapping waits so many milliseconds, and the notes.
type Case = (&'static str, u64, &'static [&'static str]);

const FILES: [Case; 4] = [
    // The guide's words: nothing to tell.
    (
        r#"connector_name = "vectors"
danube_service_url = "http://localhost:6650"
metrics_port = 9090

[vectors]
url = "http://localhost:6334"

[[vectors.topic_mappings]]
topic = "/default/vectors"
subscription = "vectors"
subscription_type = "FailOver"
flush_interval_ms = 200
to = "vectors"
"#,
        200,
        &[],
    ),
    (
        r#"connector_name = "vectors"
danube_service_url = "http://localhost:6650"

[retry]
max_retries = 3
retry_backoff_ms = 1000

[processing]
batch_timeout_ms = 700
poll_interval_ms = 100
log_level = "info"

[vectors]
url = "http://localhost:6334"
batch_size = 50
batch_timeout_ms = 1000

[[vectors.routes]]
from = "/default/vectors"
subscription_type = "Exclusive"
to = "vectors"
vector_dimension = 384
"#,
        700,
        &[
            "connector.toml:5:1: `max_retries` in `[retry]` is read as `max_retries` in the root of the file",
            "connector.toml:6:1: `retry_backoff_ms` in `[retry]` is read as `retry_backoff_ms` in the root of the file",
            "connector.toml:9:1: `batch_timeout_ms` in `[processing]` is read as `flush_interval_ms` in the root of the file",
            "connector.toml:10:1: `poll_interval_ms` in `[processing]` has no effect: the runtime decides by itself",
            "connector.toml:11:1: `log_level` in `[processing]` is read as `log_level` in the root of the file",
            "connector.toml:18:11: `routes` is read as `topic_mappings`",
            "connector.toml:19:1: `from` in a topic mapping is read as `topic`",
        ],
    ),
    (
        r#"danube_service_url = "http://localhost:6650"

[processing]
health_check_interval_ms = 30000
health_check_failure_threshold = 3

[[vectors.topic_mappings]]
topic = "/default/chat"
to = "chat"
vector_dimension = 384
batch_size = 25
batch_timeout_ms = 500
"#,
        500,
        &[
            "connector.toml:4:1: `health_check_interval_ms` in `[processing]` has no effect: the runtime decides by itself",
            "connector.toml:5:1: `health_check_failure_threshold` in `[processing]` has no effect: the runtime decides by \
             itself",
            "connector.toml:12:1: `batch_timeout_ms` in a topic mapping is read as `flush_interval_ms`",
        ],
    ),
    (
        r#"danube_service_url = "http://localhost:6650"
vectors = { routes = [{ from = "/default/a", to = "a" }, { from = "/default/b", to = "b", subscription = "own" }] }
"#,
        1000,
        &[
            "connector.toml:2:13: `routes` is read as `topic_mappings`",
            "connector.toml:2:25: `from` in a topic mapping is read as `topic`",
            "connector.toml:2:60: `from` in a topic mapping is read as `topic`",
        ],
    ),
];

#[test]
fn published_files_load_as_they_are_and_say_what_they_mean_here() {
    for (text, milliseconds, notes) in FILES {
        let loaded: Loaded<VectorSink> =
            load_text_for(ExternalChecks::SKIP, Path::new("connector.toml"), text, &variables(USUAL)).unwrap();
        assert_eq!(loaded.core.mappings[0].flush_interval, Duration::from_millis(milliseconds), "{text}");
        assert!(loaded.connector.topics.iter().all(|mapping| !mapping.own.to.is_empty()));
        assert_eq!(loaded.notes, notes, "{text}");
    }
}
