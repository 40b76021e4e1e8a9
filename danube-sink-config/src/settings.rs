//! The settings that every connector has: the core keys of the file, and the common keys of a topic mapping.

use std::{path::PathBuf, time::Duration};

use super::{beyond::Token, decoding::DecodeOptions, mapping::TopicMappings, read::keys::defaults};

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
    /// `flush_interval_ms`: how long the first record of a batch waits for company. Default 1000.
    pub flush_interval: Duration,
    /// `write_timeout_ms`: the limit of one try to write a batch. Default 20000.
    pub write_timeout: Duration,
    /// `ack_timeout_ms`: how long the broker waits for an acknowledgement before it sends a message again, as the
    /// subscriptions' failure policy says; where a mapping says nothing else. Default 30000, as the broker's.
    ///
    /// A subscription whose target does not take records is let go of before that time is up: a broker counts what it
    /// has to send again, and blocks the subscription for good in the end.
    pub ack_timeout: Duration,
    /// `max_retries`: tries after the first until `on_retries_exhausted` applies. Default 5.
    pub max_retries: u32,
    /// `retry_backoff_ms`: upper bound of the wait before the first retry; it doubles with each. Default 200.
    pub retry_backoff: Duration,
    /// `max_backoff_ms`: upper bound of any wait between tries. Default 30000.
    pub max_backoff: Duration,
    /// `on_retries_exhausted`: what becomes of a batch when `max_retries` are used up. Default `wait`.
    pub on_retries_exhausted: OnRetriesExhausted,
    /// `tasks`: instances of the connector in this process, each with its own consumers. Default 1.
    ///
    /// Of an Exclusive or Failover subscription every partition is read by one of them.
    pub tasks: usize,
    /// `max_buffered_bytes`: payload bytes that the process holds at most. Default 128 MiB.
    pub max_buffered_bytes: usize,
    /// `shutdown_timeout_ms`: the limit of a graceful shutdown. Default 25000.
    pub shutdown_timeout: Duration,
    /// `metrics_port`: port of `/live`, `/ready` and `/metrics`; 0 takes any free one. Default 9090.
    pub metrics_port: u16,
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
    /// What the topic mappings say beyond [`ConsumerConfig`]. Not a key: filled in from the mappings.
    pub mappings: Vec<MappingSettings>,
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
            max_retries: defaults::MAX_RETRIES,
            retry_backoff: Duration::from_millis(defaults::RETRY_BACKOFF_MS),
            max_backoff: Duration::from_millis(defaults::MAX_BACKOFF_MS),
            on_retries_exhausted: OnRetriesExhausted::default(),
            tasks: defaults::TASKS as usize,
            max_buffered_bytes: defaults::MAX_BUFFERED_BYTES as usize,
            shutdown_timeout: Duration::from_millis(defaults::SHUTDOWN_TIMEOUT_MS),
            metrics_port: defaults::METRICS_PORT,
            tls_ca_file: None,
            tls_cert_file: None,
            tls_key_file: None,
            token: None,
            log_level: defaults::LOG_LEVEL.to_owned(),
            mappings: Vec::new(),
        }
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
    /// `flush_interval_ms`: how long the first record of a batch waits for company.
    ///
    /// At most a quarter of `ack_timeout_ms` counts, so that no acknowledgement comes too late for it.
    pub flush_interval: Duration,
    /// `ack_timeout_ms`: how long the broker waits for an acknowledgement on this subscription.
    pub ack_timeout: Duration,
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
            payload_format: PayloadFormat::default(),
            decoding: DecodeOptions::default(),
            expected_schema_version: None,
            min_schema_version: None,
            show_payload_in_errors: false,
            on_invalid_record: OnInvalidRecord::default(),
            dead_letter_topic: None,
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

/// What becomes of a batch when `max_retries` are used up.
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
