//! The one list of keys that every connector has: what reads, explains and prints them goes by it.

use crate::{
    decoding::{AvroEncoding, NumberEncoding},
    file::environment,
    setting::Setting,
    settings::{LogFormat, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, PayloadFormat, SubscriptionType},
    shape::Shape,
};

/// A key of the core or of a topic mapping.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Other words for it, and where they are understood.
    pub(crate) aliases: &'static [(Home, &'static str)],
    pub(crate) homes: &'static [Home],
    pub(crate) shape: Shape,
    pub(crate) default: Fallback,
    pub(crate) doc: &'static str,
}

/// A table that may hold a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    Root,
    Processing,
    Retry,
    Mapping,
}

/// What holds without the key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fallback {
    Required,
    Number(u64),
    Word(&'static str),
    /// `false`.
    Off,
    /// A list without values.
    Empty,
    /// Something that is found elsewhere, in words.
    From(&'static str),
    Nothing,
}

impl Home {
    /// How messages name the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Root => super::root::TITLE,
            Self::Processing => "`[processing]`",
            Self::Retry => "`[retry]`",
            Self::Mapping => "a topic mapping",
        }
    }
}

impl Key {
    /// The key's names in one table; none if it does not belong there.
    pub(crate) fn names(&self, home: Home) -> impl Iterator<Item = &'static str> {
        let own = self.homes.contains(&home).then_some(self.name);
        own.into_iter().chain(self.aliases.iter().filter(move |(at, _)| *at == home).map(|(_, alias)| *alias))
    }

    /// What holds without the key, as the end of a help line.
    pub(crate) fn fallback(&self) -> String {
        match self.default {
            Fallback::Required | Fallback::Nothing => String::new(),
            Fallback::Off => "; without the key it is `false`".to_owned(),
            Fallback::Empty => "; without the key it is `[]`".to_owned(),
            Fallback::Number(number) => format!("; without the key it is {number}"),
            Fallback::Word(word) => format!("; without the key it is `{word}`"),
            Fallback::From(place) => format!("; without the key it is {place}"),
        }
    }
}

/// The defaults, for [`ConnectorConfig::new`](crate::ConnectorConfig::new) and for the list below.
pub(crate) mod defaults {
    pub(crate) const BATCH_SIZE: u32 = 100;
    pub(crate) const BATCH_BYTES: u32 = 4 * 1024 * 1024;
    pub(crate) const FLUSH_INTERVAL_MS: u64 = 1_000;
    pub(crate) const WRITE_TIMEOUT_MS: u64 = 20_000;
    pub(crate) const ACK_TIMEOUT_MS: u64 = 30_000;
    pub(crate) const MAX_RETRIES: u32 = 5;
    pub(crate) const RETRY_BACKOFF_MS: u64 = 200;
    pub(crate) const MAX_BACKOFF_MS: u64 = 30_000;
    pub(crate) const TASKS: u32 = 1;
    pub(crate) const MAX_BUFFERED_BYTES: u32 = 128 * 1024 * 1024;
    pub(crate) const SHUTDOWN_TIMEOUT_MS: u64 = 25_000;
    pub(crate) const METRICS_PORT: u16 = 9090;
    pub(crate) const METRICS_ADDRESS: &str = "::";
    pub(crate) const LOG_LEVEL: &str = "info";
}

/// A day: a longer wait is a slip of the pen.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const MILLISECONDS: Shape = number(1, DAY_MS);
const COUNT: Shape = number(1, u32::MAX as u64);
/// What a broker takes as its `dispatch.max_unacked_messages`.
const UNACKED: Shape = number(1, 10_000);
const METRICS_URLS: Shape = Shape::list(&Shape::HttpUrl { example: "http://broker:9040/metrics" });
const TEXT: Shape = Shape::Text { min: 1, max: usize::MAX };

const fn number(min: u64, max: u64) -> Shape {
    Shape::Whole { min: min as i128, max: max as i128 }
}

macro_rules! keys {
    ($list:ident: $($key:ident = $name:literal $(($($at:ident $alias:literal),+))?
        in [$($home:ident),+], $shape:expr, $default:expr, $doc:literal;)+) => {
        $(pub(crate) static $key: Key = Key {
            name: $name,
            aliases: &[$($((Home::$at, $alias)),+)?],
            homes: &[$(Home::$home),+],
            shape: $shape,
            default: $default,
            doc: $doc,
        };)+
        /// In the order in which they are explained.
        pub(crate) static $list: &[&Key] = &[$(&$key),+];
    };
}

keys! { CORE:
    SERVICE_URL = "danube_service_url" in [Root], Shape::ServiceUrl, Fallback::Required,
        "the broker to ask first, such as `http://localhost:6650`";
    CONNECTOR_NAME = "connector_name" in [Root], TEXT, Fallback::From("the name of the connector's package"),
        "the name of this connector in consumer names, logs and metrics";
    BATCH_SIZE = "batch_size" in [Root, Processing], COUNT, Fallback::Number(defaults::BATCH_SIZE as u64),
        "records in a batch, where a mapping says nothing else";
    BATCH_BYTES = "batch_bytes" in [Root, Processing], COUNT, Fallback::Number(defaults::BATCH_BYTES as u64),
        "payload bytes in a batch, where a mapping says nothing else";
    FLUSH_INTERVAL = "flush_interval_ms" (Processing "batch_timeout_ms") in [Root, Processing], MILLISECONDS,
        Fallback::Number(defaults::FLUSH_INTERVAL_MS), "longest time a partly filled batch waits before it is written";
    WRITE_TIMEOUT = "write_timeout_ms" in [Root], MILLISECONDS, Fallback::Number(defaults::WRITE_TIMEOUT_MS),
        "timeout of one write attempt";
    ACK_TIMEOUT = "ack_timeout_ms" in [Root], MILLISECONDS, Fallback::Number(defaults::ACK_TIMEOUT_MS),
        "how long the broker waits for an acknowledgement, where a mapping says nothing else; as its failure policy says";
    MAX_UNACKED = "max_unacked_messages" in [Root], UNACKED, Fallback::From("learnt from what arrives"),
        "the broker's `dispatch.max_unacked_messages` where it is known, where a mapping says nothing else";
    CREATE_TOPICS = "create_topics" in [Root], Shape::Truth, Fallback::Off,
        "create missing topics (reliable) instead of waiting for a producer to create them, where a mapping says nothing else";
    MAX_RETRIES = "max_retries" in [Root, Retry], number(0, u32::MAX as u64),
        Fallback::Number(defaults::MAX_RETRIES as u64), "maximum number of retries before `on_retries_exhausted` applies";
    RETRY_BACKOFF = "retry_backoff_ms" in [Root, Retry], MILLISECONDS, Fallback::Number(defaults::RETRY_BACKOFF_MS),
        "initial retry delay; doubles with each retry";
    MAX_BACKOFF = "max_backoff_ms" in [Root, Retry], MILLISECONDS, Fallback::Number(defaults::MAX_BACKOFF_MS),
        "upper bound of any retry delay, including a delay that the target asks for (Retry-After)";
    ON_RETRIES_EXHAUSTED = "on_retries_exhausted" in [Root], OnRetriesExhausted::SHAPE,
        Fallback::Word("wait"), "what to do with a batch when its retries are exhausted";
    ON_MASS_REFUSAL = "on_mass_refusal" in [Root], OnMassRefusal::SHAPE, Fallback::Word("wait"),
        "what to do when the target refuses 32 records in a row, in at least two writes, without one success: the \
         records are then not the cause; where a mapping says nothing else";
    TASKS = "tasks" in [Root], number(1, 256), Fallback::Number(defaults::TASKS as u64),
        "parallel connector instances in this process: N instances that all mappings share; each partition (Exclusive, \
         Failover) or key (KeyShared) is written by one of them at a time, so that its order holds; there is one consumer a \
         partition and process";
    MAX_BUFFERED_BYTES = "max_buffered_bytes" in [Root], COUNT, Fallback::Number(defaults::MAX_BUFFERED_BYTES as u64),
        "upper bound of the memory for records: payloads, records that the connector keeps, and what is remembered of \
         settled messages";
    SHUTDOWN_TIMEOUT = "shutdown_timeout_ms" in [Root], MILLISECONDS, Fallback::Number(defaults::SHUTDOWN_TIMEOUT_MS),
        "the limit of a graceful shutdown";
    METRICS_PORT = "metrics_port" in [Root, Processing], number(0, u16::MAX as u64),
        Fallback::Number(defaults::METRICS_PORT as u64), "the port of `/live`, `/ready`, `/status` and `/metrics`; 0 takes a free one";
    METRICS_ADDRESS = "metrics_address" in [Root, Processing], Shape::IpAddress, Fallback::Word(defaults::METRICS_ADDRESS),
        "the address that `/live`, `/ready`, `/status` and `/metrics` listen on; `::` is every address, IPv6 and IPv4 alike";
    BROKER_METRICS_URLS = "broker_metrics_urls" in [Root], METRICS_URLS, Fallback::Empty,
        "Prometheus endpoints of the brokers, such as `http://broker:9040/metrics`: with them the connector compares what \
         each topic took with what it received, and reports a difference";
    ADMIN_URL = "danube_admin_url" in [Root], Shape::HttpUrl { example: "http://broker:50051" }, Fallback::Nothing,
        "the broker's admin service, such as `http://broker:50051`; for the command `subscription reset`";
    TLS_CA_FILE = "tls_ca_file" in [Root], Shape::Path, Fallback::From("what the system trusts"),
        "the file with the certificates of the CAs that the broker's may be signed by, in PEM; for `https`";
    TLS_CERT_FILE = "tls_cert_file" in [Root], Shape::Path, Fallback::Nothing,
        "the file with the certificate that the connector shows, in PEM; with `tls_key_file`";
    TLS_KEY_FILE = "tls_key_file" in [Root], Shape::Path, Fallback::Nothing,
        "the file with the private key of `tls_cert_file`, in PEM";
    LOG_LEVEL = "log_level" in [Root, Processing], Shape::LogLevel, Fallback::Word(defaults::LOG_LEVEL),
        "`error`, `warn`, `info`, `debug`, `trace`, or targets as in `info,danube_sink=debug`";
    LOG_FORMAT = "log_format" in [Root, Processing], LogFormat::SHAPE, Fallback::Word("text"), "the format of log lines";
}

/// Keys of the root that a variable overrides.
pub(crate) static VARIABLES: [(&str, &str); 2] =
    [(SERVICE_URL.name, environment::SERVICE_URL), (CONNECTOR_NAME.name, environment::NAME)];

/// Keys of the published connectors that mean nothing here: the runtime itself decides when to probe the target, and gets
/// its messages without asking for them.
pub(crate) static UNUSED_PROCESSING: &[&str] =
    &["health_check_interval_ms", "health_check_failure_threshold", "poll_interval_ms"];

keys! { MAPPING:
    TOPIC = "topic" (Mapping "from") in [Mapping], Shape::Topic, Fallback::Required,
        "the topic to read, as `/namespace/name`";
    SUBSCRIPTION = "subscription" in [Mapping], TEXT, Fallback::From("`connector_name`"),
        "the durable subscription";
    SUBSCRIPTION_TYPE = "subscription_type" in [Mapping],
        SubscriptionType::SHAPE, Fallback::Word("Shared"),
        "how messages are shared among the consumers of the subscription";
    CONSUMER_NAME = "consumer_name" in [Mapping], TEXT, Fallback::From("made from `connector_name`"),
        "the name under which this process attaches; the same over restarts";
    SCHEMA_SUBJECT = "expected_schema_subject" in [Mapping], TEXT, Fallback::Nothing,
        "the schema subject that every message must carry";
    SCHEMA_VERSION = "expected_schema_version" in [Mapping], COUNT, Fallback::Nothing,
        "the schema version that every message must carry";
    MIN_SCHEMA_VERSION = "min_schema_version" in [Mapping], COUNT, Fallback::Nothing,
        "the lowest schema version that a message may carry";
    MAPPING_BATCH_SIZE = "batch_size" in [Mapping], COUNT, Fallback::From("that of the root"), "records in a batch";
    MAPPING_BATCH_BYTES = "batch_bytes" in [Mapping], COUNT, Fallback::From("that of the root"),
        "payload bytes in a batch";
    MAPPING_FLUSH_INTERVAL = "flush_interval_ms" (Mapping "batch_timeout_ms") in [Mapping], MILLISECONDS, Fallback::From("that of the root"),
        "longest time a partly filled batch waits before it is written";
    MAPPING_ACK_TIMEOUT = "ack_timeout_ms" in [Mapping], MILLISECONDS, Fallback::From("that of the root"),
        "how long the broker waits for an acknowledgement on this subscription";
    MAPPING_MAX_UNACKED = "max_unacked_messages" in [Mapping], UNACKED, Fallback::From("that of the root"),
        "the broker's `dispatch.max_unacked_messages` for this topic, where it is known";
    MAPPING_CREATE_TOPICS = "create_topics" in [Mapping], Shape::Truth, Fallback::From("that of the root"),
        "create the topic (reliable) if it is missing, instead of waiting for a producer to create it";
    PARTITIONS = "partitions" in [Mapping], number(1, 1_000), Fallback::Nothing,
        "partitions of a missing topic that `create_topics` creates; without the key, a topic without partitions";
    SOLE_CONSUMER = "sole_consumer" in [Mapping], Shape::Truth, Fallback::Off,
        "whether this process is the only consumer of a Shared subscription, so that gaps in offsets are losses";
    SINGLE_WRITER = "single_writer" in [Mapping], Shape::Truth, Fallback::Off,
        "whether one connector instance at a time writes this mapping, whatever `tasks` says: for tables that allow one writer";
    PAYLOAD_FORMAT = "payload_format" in [Mapping], PayloadFormat::SHAPE,
        Fallback::Word("auto"), "how messages without a schema are read";
    AVRO_ENCODING = "avro_encoding" in [Mapping], AvroEncoding::SHAPE,
        Fallback::Word("auto"), "how payloads with an Avro schema are encoded";
    AVRO_READER_SCHEMA = "avro_reader_schema" in [Mapping], TEXT, Fallback::Nothing,
        "the Avro schema that values are handed over in, as JSON text";
    PROTOBUF_MESSAGE = "protobuf_message" in [Mapping], TEXT, Fallback::From("the only message of the schema"),
        "the message of a Protobuf schema that payloads are";
    NUMBER_ENCODING = "number_encoding" in [Mapping], NumberEncoding::SHAPE,
        Fallback::Word("auto"), "how payloads of the schema type Number are encoded";
    VALIDATE_JSON_SCHEMA = "validate_json_schema" in [Mapping], Shape::Truth,
        Fallback::Off, "whether payloads are checked against their JSON Schema";
    SHOW_PAYLOAD = "show_payload_in_errors" in [Mapping], Shape::Truth,
        Fallback::Off, "whether the beginning of an invalid payload is shown in logs and dead letters";
    ON_INVALID_RECORD = "on_invalid_record" in [Mapping], OnInvalidRecord::SHAPE,
        Fallback::Word("stop"), "what becomes of a record that cannot be decoded or is rejected";
    DEAD_LETTER_TOPIC = "dead_letter_topic" in [Mapping], Shape::Topic, Fallback::Nothing,
        "where rejected records go with `dead_letter`";
    MAPPING_ON_MASS_REFUSAL = "on_mass_refusal" in [Mapping], OnMassRefusal::SHAPE, Fallback::From("that of the root"),
        "what to do when the target refuses 32 records in a row, in at least two writes, without one success: the \
         records are then not the cause";
}

/// The list of mappings, in the guide's word and in that of the published connectors.
pub(crate) static MAPPING_LISTS: [&str; 2] = ["topic_mappings", "routes"];

/// The tables beside the connector's own section.
pub(crate) static CORE_TABLES: [&str; 2] = ["processing", "retry"];
