//! The settings that every connector has: the core keys of the file, and the common keys of a topic mapping.

use std::{
    any::Any,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::{
    beyond::Token, decoding::DecodeOptions, extension::Extension, mapping::TopicMappings, read::keys::defaults,
};

/// The core settings of a connector.
///
/// In the file they stand at the root. `[processing]` and `[retry]` are accepted as further homes of the same keys.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConnectorConfig {
    /// `danube_service_url`: the broker to ask first, such as `http://localhost:6650`; with `https` the connection is safe.
    /// Required.
    pub danube_service_url: String,
    /// `connector_name`: names this connector in consumer names, logs and metrics. Default: the name of its package.
    pub connector_name: String,
    /// `batch_size`: records in a batch, where a mapping says nothing else. Default 100.
    pub batch_size: usize,
    /// `batch_bytes`: payload bytes in a batch, where a mapping says nothing else. Default 4 MiB.
    pub batch_bytes: usize,
    /// `flush_interval_ms`: longest time a partly filled batch waits before it is written. Default 1000.
    pub flush_interval: Duration,
    /// `write_timeout_ms`: timeout of one write attempt. Default 20000.
    pub write_timeout: Duration,
    /// `ack_timeout_ms`: how long the broker waits for an acknowledgement before it sends a message again, as the
    /// subscriptions' failure policy says; where a mapping says nothing else. Default 30000, as the broker's.
    ///
    /// A subscription whose target does not take records is let go of before that time is up: a broker counts what it
    /// has to send again, and blocks the subscription for good in the end.
    pub ack_timeout: Duration,
    /// `max_unacked_messages`: the broker's `dispatch.max_unacked_messages`, 1 to 10000, where a mapping says nothing else.
    /// Default: learnt from what arrives.
    ///
    /// So many messages the broker sends before one of them is acknowledged; 10 unless its operator says more.
    pub max_unacked_messages: Option<usize>,
    /// `create_topics`: create missing topics, as reliable ones, instead of waiting for a producer to create them; where a
    /// mapping says nothing else. Default `false`.
    pub create_topics: bool,
    /// `max_retries`: maximum number of retries before `on_retries_exhausted` applies. Default 5.
    pub max_retries: u32,
    /// `retry_backoff_ms`: initial retry delay; doubles with each retry. Default 200.
    pub retry_backoff: Duration,
    /// `max_backoff_ms`: upper bound of any retry delay, including a delay that the target asks for (`Retry-After`).
    /// Default 30000.
    pub max_backoff: Duration,
    /// `on_retries_exhausted`: what to do with a batch when its retries are exhausted. Default `wait`.
    pub on_retries_exhausted: OnRetriesExhausted,
    /// `on_mass_refusal`: what to do when the target refuses 32 records in a row, in at least two writes, without one
    /// success; where a mapping says nothing else. Default `wait`.
    ///
    /// So many refusals do not come from the records: a table is gone, say, or a permission. Records that cannot be decoded
    /// do not count.
    pub on_mass_refusal: OnMassRefusal,
    /// `tasks`: parallel connector instances in this process, which all mappings share. Default 1.
    ///
    /// Each partition (Exclusive, Failover) or key (KeyShared) is written by one of them at a time, so that its order holds.
    /// There is one consumer a partition and process, whatever the number of instances.
    pub tasks: usize,
    /// `max_buffered_bytes`: upper bound of the memory for records: payloads, records that the connector keeps, and what is
    /// remembered of settled messages. Default 128 MiB.
    pub max_buffered_bytes: usize,
    /// `shutdown_timeout_ms`: the limit of a graceful shutdown. Default 25000.
    pub shutdown_timeout: Duration,
    /// `metrics_port`: port of `/live`, `/ready`, `/status` and `/metrics`; 0 takes any free one. Default 9090.
    pub metrics_port: u16,
    /// `metrics_address`: address that `/live`, `/ready`, `/status` and `/metrics` listen on. Default `::`, which is every
    /// address of the host, IPv6 and IPv4 alike.
    pub metrics_address: IpAddr,
    /// `broker_metrics_urls`: Prometheus endpoints of the brokers, such as `http://broker:9040/metrics`. Default: none.
    ///
    /// With them the connector compares what each topic took with what it received, and reports a difference. A broker
    /// inside the process has none.
    pub broker_metrics_urls: Vec<String>,
    /// `danube_admin_url`: admin service of the broker, such as `http://broker:50051`, for the command `subscription reset`.
    /// Default: none.
    pub danube_admin_url: Option<String>,
    /// `tls_ca_file`: the certificates of the CAs that the broker's certificate may be signed by, in PEM. For `https`.
    /// Default: the file that the variable `SSL_CERT_FILE` names, else the CAs that the system trusts.
    ///
    /// A relative path begins at the current folder. The files of certificates and keys are read again whenever a new
    /// connection is made after one was lost.
    pub tls_ca_file: Option<PathBuf>,
    /// `tls_cert_file`: the certificate that the connector shows to a broker or proxy that asks for one, in PEM, with those
    /// between it and its CA. For `https`, with `tls_key_file`.
    pub tls_cert_file: Option<PathBuf>,
    /// `tls_key_file`: the private key of `tls_cert_file`, in PEM, not encrypted.
    pub tls_key_file: Option<PathBuf>,
    /// The token by which the broker knows the connector. For `https`. Not a key: the variable `DANUBE_TOKEN` holds it, or
    /// `DANUBE_TOKEN_FILE` names a file that does, which is read again when it is changed.
    pub token: Option<Token>,
    /// `log_level`: `error`, `warn`, `info`, `debug`, `trace`, or targets as in `info,danube_sink=debug`. Default `info`,
    /// which shows only warnings and errors of libraries.
    pub log_level: String,
    /// `log_format`: format of log lines. Default `text`.
    pub log_format: LogFormat,
    /// What the topic mappings say beyond [`ConsumerConfig`]. Not a key: filled in from the mappings.
    pub mappings: Vec<MappingSettings>,
    /// What the runtime adds for the connector.
    pub(crate) extension: Extension,
}

impl ConnectorConfig {
    /// The configuration of a program that reads no file: everything else is as it is without a key.
    pub fn new(danube_service_url: impl Into<String>, connector_name: impl Into<String>) -> Self {
        Self {
            danube_service_url: danube_service_url.into(),
            connector_name: connector_name.into(),
            batch_size: defaults::BATCH_SIZE as usize,
            batch_bytes: defaults::BATCH_BYTES as usize,
            flush_interval: Duration::from_millis(defaults::FLUSH_INTERVAL_MS),
            write_timeout: Duration::from_millis(defaults::WRITE_TIMEOUT_MS),
            ack_timeout: Duration::from_millis(defaults::ACK_TIMEOUT_MS),
            max_unacked_messages: None,
            create_topics: false,
            max_retries: defaults::MAX_RETRIES,
            retry_backoff: Duration::from_millis(defaults::RETRY_BACKOFF_MS),
            max_backoff: Duration::from_millis(defaults::MAX_BACKOFF_MS),
            on_retries_exhausted: OnRetriesExhausted::default(),
            on_mass_refusal: OnMassRefusal::default(),
            tasks: defaults::TASKS as usize,
            max_buffered_bytes: defaults::MAX_BUFFERED_BYTES as usize,
            shutdown_timeout: Duration::from_millis(defaults::SHUTDOWN_TIMEOUT_MS),
            metrics_port: defaults::METRICS_PORT,
            metrics_address: Ipv6Addr::UNSPECIFIED.into(),
            broker_metrics_urls: Vec::new(),
            danube_admin_url: None,
            tls_ca_file: None,
            tls_cert_file: None,
            tls_key_file: None,
            token: None,
            log_level: defaults::LOG_LEVEL.to_owned(),
            log_format: LogFormat::default(),
            mappings: Vec::new(),
            extension: Extension::default(),
        }
    }

    /// The same, carrying a value of the runtime's for the connector.
    #[doc(hidden)]
    #[must_use]
    pub fn with_extension<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.extension = Extension::new(value);
        self
    }

    /// The value that the runtime added, if it added one of that type.
    #[doc(hidden)]
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.extension.get()
    }

    /// The same, with what the mappings say about batches and invalid records.
    #[must_use]
    pub fn with_mappings<T>(mut self, mappings: &TopicMappings<T>) -> Self {
        self.mappings = mappings.settings();
        self
    }
}

/// One topic and the subscription through which the connector reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerConfig {
    /// The topic, as `/namespace/name`. Partitions are found by the runtime.
    pub topic: String,
    /// The name under which this process attaches; a second one with the same name takes over from the first.
    pub consumer_name: String,
    /// The durable subscription.
    pub subscription: String,
    /// How the subscription's messages are shared among its consumers.
    pub subscription_type: SubscriptionType,
    /// The schema subject that every message must carry, if any is expected.
    pub expected_schema_subject: Option<String>,
}

/// What one topic mapping says in the keys that every connector has.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MappingSettings {
    /// `topic`, `subscription`, `subscription_type`, `consumer_name`, `expected_schema_subject`.
    pub consumer: ConsumerConfig,
    /// `batch_size`: records in a batch.
    pub batch_size: usize,
    /// `batch_bytes`: payload bytes in a batch.
    pub batch_bytes: usize,
    /// `flush_interval_ms`: longest time a partly filled batch waits before it is written.
    ///
    /// At most a quarter of `ack_timeout_ms` counts, so that no acknowledgement comes too late for it.
    pub flush_interval: Duration,
    /// `ack_timeout_ms`: how long the broker waits for an acknowledgement on this subscription.
    pub ack_timeout: Duration,
    /// `max_unacked_messages`: the `dispatch.max_unacked_messages` that the broker has for this topic, 1 to 10000. Default:
    /// that of the root.
    pub max_unacked_messages: Option<usize>,
    /// `create_topics`: create the topic, as a reliable one, if it is missing. Default: that of the root.
    pub create_topics: bool,
    /// `partitions`: how many partitions a missing topic is created with, 1 to 1000; with `create_topics`. Default: a topic
    /// without partitions.
    ///
    /// The partitions of a topic that exists stay as they are.
    pub partitions: Option<u32>,
    /// `sole_consumer`: this process is the only consumer of a Shared subscription, so that gaps in offsets are losses.
    /// Default `false`. It has no effect on subscriptions of other types.
    pub sole_consumer: bool,
    /// `single_writer`: one connector instance at a time writes this mapping, whatever `tasks` says: for tables that allow
    /// one writer. Default `false`.
    pub single_writer: bool,
    /// `payload_format`: how messages without a schema are read. Default `auto`.
    pub payload_format: PayloadFormat,
    /// How payloads are read where their schema leaves it open.
    pub decoding: DecodeOptions,
    /// `expected_schema_version`: the version of the schema that every message must carry.
    pub expected_schema_version: Option<u32>,
    /// `min_schema_version`: the lowest version of the schema that a message may carry.
    pub min_schema_version: Option<u32>,
    /// `show_payload_in_errors`: whether the beginning of an invalid payload is shown in logs and dead letters. Default
    /// `false`: it may be private.
    pub show_payload_in_errors: bool,
    /// `on_invalid_record`: what becomes of a record that cannot be decoded or is rejected. Default `stop`.
    pub on_invalid_record: OnInvalidRecord,
    /// `dead_letter_topic`: where rejected records go with `dead_letter`.
    pub dead_letter_topic: Option<String>,
    /// `on_mass_refusal`: what to do when the target refuses 32 records in a row, in at least two writes, without one
    /// success. Default: that of the root.
    pub on_mass_refusal: OnMassRefusal,
}

impl MappingSettings {
    /// A mapping that says nothing of its own about batches and invalid records.
    pub fn new(consumer: ConsumerConfig, core: &ConnectorConfig) -> Self {
        Self {
            consumer,
            batch_size: core.batch_size,
            batch_bytes: core.batch_bytes,
            flush_interval: core.flush_interval,
            ack_timeout: core.ack_timeout,
            max_unacked_messages: core.max_unacked_messages,
            create_topics: core.create_topics,
            partitions: None,
            sole_consumer: false,
            single_writer: false,
            payload_format: PayloadFormat::default(),
            decoding: DecodeOptions::default(),
            expected_schema_version: None,
            min_schema_version: None,
            show_payload_in_errors: false,
            on_invalid_record: OnInvalidRecord::default(),
            dead_letter_topic: None,
            on_mass_refusal: core.on_mass_refusal,
        }
    }
}

/// How the messages of a subscription are shared among its consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SubscriptionType {
    /// One consumer, in order.
    Exclusive,
    /// Messages are spread over all consumers, without an order.
    Shared,
    /// One consumer at a time; others stand by.
    Failover,
    /// Messages of one routing key go to the same consumer, in order.
    KeyShared,
}

/// How the payload of a message without a schema is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PayloadFormat {
    /// JSON where it parses, else text where it is UTF-8, else bytes. No payload is invalid.
    #[default]
    Auto,
    /// JSON; anything else is an invalid record.
    Json,
    /// UTF-8 text; anything else is an invalid record.
    Text,
    /// Bytes, which `payload()` shows in base64.
    Bytes,
}

/// What becomes of a record that cannot be decoded, has the wrong schema, or is rejected by the connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnInvalidRecord {
    /// The connector stops and acknowledges nothing of it.
    #[default]
    Stop,
    /// A copy goes to the mapping's `dead_letter_topic`; the record is acknowledged when the broker has the copy.
    DeadLetter,
    /// It is acknowledged, counted, and named in the log.
    Skip,
}

/// What to do with a batch when its retries are exhausted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnRetriesExhausted {
    /// It is tried on, at `max_backoff_ms`, until the target takes it.
    #[default]
    Wait,
    /// Its records go to the mapping's `dead_letter_topic`.
    DeadLetter,
    /// The connector stops.
    Stop,
}

/// What to do when the target refuses many records in a row, without one success: the records are then not the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnMassRefusal {
    /// The records are retried, at `max_backoff_ms`, until the target takes one; `/ready` reports it.
    #[default]
    Wait,
    /// The connector stops and acknowledges none of them.
    Stop,
    /// Each record is handled as `on_invalid_record` says.
    GoOn,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
