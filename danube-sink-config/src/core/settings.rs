//! The settings that every connector has: of the connector, and of each topic mapping.

use std::{
    any::Any,
    net::{IpAddr, Ipv6Addr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::{
    enums::{
        AvroEncoding, LogFormat, NumberEncoding, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, PayloadFormat,
        SpoolSync, SubscriptionType,
    },
    extension::Extension,
    external::Token,
    key::{COUNT, DISK_BYTES, MILLISECONDS},
    settings_macro::settings,
};
use crate::{report::Diagnostics, schema::ValueType, value::Table};

const URLS: ValueType = ValueType::array(&ValueType::MetricsUrl);

settings! {
    /// The core settings of a connector: the keys at the root of the file. `[processing]` and `[retry]` may hold some of them
    /// too.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    ConnectorConfig {
        /// URL of the broker to connect to first, such as `http://localhost:6650`; `https` connects by TLS
        danube_service_url: String = required of ValueType::ServiceUrl, in [Root], variable "DANUBE_SERVICE_URL",
            example "\"http://localhost:6650\"";
        /// Name of this connector in consumer names, logs and metrics
        connector_name: String = described("the name of the connector's package") of ValueType::NON_EMPTY_STRING,
            in [Root], variable "CONNECTOR_NAME";
        /// Maximum number of records in a batch, unless a mapping sets its own
        batch_size: usize = integer(100) of COUNT, in [Root, Processing];
        /// Maximum number of payload bytes in a batch, unless a mapping sets its own
        batch_bytes: usize = integer(4_194_304) of COUNT, in [Root, Processing];
        /// Longest time a partly filled batch waits before it is written, unless a mapping sets its own
        flush_interval ("flush_interval_ms"): Duration = milliseconds(1_000) of MILLISECONDS,
            in [Root, Processing], alias Processing "batch_timeout_ms";
        /// Timeout of one write attempt
        write_timeout ("write_timeout_ms"): Duration = milliseconds(20_000) of MILLISECONDS, in [Root];
        /// Ack timeout of the subscriptions, as their failure policy at the broker says, unless a mapping sets its own
        ///
        /// The connector detaches from a subscription before its ack deadline if the target does not accept records: the
        /// broker counts redeliveries, and blocks the subscription for good in the end.
        ack_timeout ("ack_timeout_ms"): Duration = milliseconds(30_000) of MILLISECONDS, in [Root];
        /// The broker's `dispatch.max_unacked_messages`, if it is known, unless a mapping sets its own
        ///
        /// The broker sends so many messages before one of them is acknowledged: 10 unless its operator has set another
        /// number.
        max_unacked_messages: Option<usize> = described("learnt from the messages that arrive") of ValueType::integer(1, 10_000),
            in [Root];
        /// Create missing topics (reliable) instead of waiting for a producer to create them, unless a mapping sets its own
        create_topics: bool = boolean(false), in [Root];
        /// Maximum number of retries before `on_retries_exhausted` applies
        max_retries: u32 = integer(5), in [Root, Retry];
        /// Initial retry delay; doubles with each retry
        retry_backoff ("retry_backoff_ms"): Duration = milliseconds(200) of MILLISECONDS, in [Root, Retry];
        /// Maximum retry delay, including a delay that the target asks for (`Retry-After`)
        max_backoff ("max_backoff_ms"): Duration = milliseconds(30_000) of MILLISECONDS, in [Root, Retry];
        /// What to do with a batch when its retries are exhausted
        on_retries_exhausted: OnRetriesExhausted = word(OnRetriesExhausted::Wait), in [Root];
        /// What to do when the target refuses 32 records in a row, in at least two writes, without one success, unless a
        /// mapping sets its own
        ///
        /// So many refusals do not come from the records: a table may be missing, or a permission. Records that cannot be
        /// decoded do not count.
        on_mass_refusal: OnMassRefusal = word(OnMassRefusal::Wait), in [Root];
        /// Parallel connector instances in this process, which all mappings share
        ///
        /// One instance at a time writes each partition (Exclusive, Failover) or key (KeyShared), which preserves its order.
        /// Each partition has one consumer in the process, whatever the number of instances.
        tasks: usize = integer(1) of ValueType::integer(1, 256), in [Root];
        /// Maximum memory for records, in bytes: payloads, records that the connector keeps, and positions of settled messages
        max_buffered_bytes: usize = integer(134_217_728) of COUNT, in [Root];
        /// Folder of the spool, which keeps messages on this machine's disk until the target has them; none turns it off
        ///
        /// A message is acknowledged once it is in the spool. So the broker's window limits neither batches nor outages, and
        /// nothing is lost while the target is slow or away. Subscriptions must be Shared or Exclusive.
        data_dir: Option<PathBuf> = none of ValueType::NON_EMPTY_STRING, in [Root], example "\"/var/lib/my-connector\"";
        /// Maximum size of the spool, in bytes; mappings share it equally
        ///
        /// A mapping whose share is full acknowledges no more messages, as without a spool.
        spool_max_bytes: u64 = integer(1_073_741_824) of DISK_BYTES, in [Root];
        /// When a message in the spool counts as durable, and is acknowledged: `os` when the operating system has it, which
        /// survives a killed process, but not a power loss; `always` after a sync of the disk (fsync)
        ///
        /// The broker sends a window, 10 messages by default, and waits for its acknowledgement. With `always` a disk that
        /// syncs in 5 ms takes 2 000 messages a second of a mapping; when a producer is faster, a broker of default
        /// settings skips messages, which are lost. So choose `always` with a larger window, or for slow producers.
        sync: SpoolSync = word(SpoolSync::Os), in [Root];
        /// Maximum duration of a graceful shutdown
        shutdown_timeout ("shutdown_timeout_ms"): Duration = milliseconds(25_000) of MILLISECONDS, in [Root];
        /// Port of `/live`, `/ready`, `/status` and `/metrics`; 0 takes any free port
        metrics_port: u16 = integer(9090), in [Root, Processing];
        /// Address that `/live`, `/ready`, `/status` and `/metrics` listen on; `::` is every address, IPv6 and IPv4 alike
        metrics_address: IpAddr = literal("\"::\"", Ipv6Addr::UNSPECIFIED.into()), in [Root, Processing];
        /// Prometheus endpoints of the brokers, such as `http://broker:9040/metrics`, for the comparison of what each topic
        /// took with what the connector received
        ///
        /// The connector reports a difference. A broker inside the process has no such endpoint.
        broker_metrics_urls: Vec<String> = literal("[]", Vec::new()) of URLS, in [Root], example "[\"http://broker:9040/metrics\"]";
        /// Admin service of the broker, such as `http://broker:50051`, for the command `subscription reset`
        danube_admin_url: Option<String> = none of ValueType::HttpUrl { example: "http://broker:50051" }, in [Root];
        /// CA certificates that the broker's certificate may be signed by (PEM); for `https`
        ///
        /// A relative path begins at the current folder. The files of certificates and keys are read again for each new
        /// connection after one was lost.
        tls_ca_file: Option<PathBuf> = described("the file of the variable SSL_CERT_FILE, else the system's CAs"), in [Root];
        /// Client certificate (mTLS) with its intermediate certificates (PEM); for `https`, with `tls_key_file`
        tls_cert_file: Option<PathBuf> = none, in [Root];
        /// Private key of `tls_cert_file` (PEM, not encrypted)
        tls_key_file: Option<PathBuf> = none, in [Root];
        /// Log level: `error`, `warn`, `info`, `debug`, `trace`, or levels by target as in `info,danube_sink=debug`
        ///
        /// `info` shows only warnings and errors of libraries. The variable `RUST_LOG` overrides it.
        log_level: String = literal("\"info\"", "info".into()) of ValueType::LogLevel, in [Root, Processing];
        /// Format of log lines
        log_format: LogFormat = word(LogFormat::Text), in [Root, Processing];
    }
    fields {
        /// Token that authenticates the connector at the broker; for `https`. Not a key: the variable `DANUBE_TOKEN` holds it,
        /// or `DANUBE_TOKEN_FILE` names a file with it, which is read again when it changes.
        pub token: Option<Token> = None;
        /// Settings of the topic mappings beyond [`ConsumerConfig`]. Not a key: filled in from the
        /// mappings.
        pub mappings: Vec<MappingSettings> = Vec::new();
        /// A value that the runtime adds for the connector.
        pub(crate) extension: Extension = Extension::default();
    }
}

impl ConnectorConfig {
    /// The configuration of a program that reads no file: every other key has its default.
    pub fn new(danube_service_url: impl Into<String>, connector_name: impl Into<String>) -> Self {
        Self {
            danube_service_url: danube_service_url.into(),
            connector_name: connector_name.into(),
            ..Self::defaults()
        }
    }

    /// The configuration with a value that the runtime adds for the connector.
    #[doc(hidden)]
    #[must_use]
    pub fn with_extension<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.extension = Extension(Some(Arc::new(value)));
        self
    }

    /// The value of this type that the runtime has added.
    #[doc(hidden)]
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.extension.0.clone()?.downcast().ok()
    }
}

settings! {
    /// A topic, and the subscription by which the connector reads it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    ConsumerConfig {
        /// Topic to read, as `/namespace/name`, with all of its partitions
        topic: String = required of ValueType::Topic, in [Mapping], alias Mapping "from", example "\"/default/topic\"";
        /// Name of the durable subscription
        subscription: String = described("`connector_name`") of ValueType::NON_EMPTY_STRING, in [Mapping], example "\"my-connector\"";
        /// Type of the subscription: how its consumers share messages
        subscription_type: SubscriptionType = word(SubscriptionType::Shared), in [Mapping];
        /// Name of this process as a consumer: a second one of the same name replaces the first. For KeyShared, each attach adds its time
        consumer_name: String = described("made from `connector_name`, and of the host's name for Shared and KeyShared")
            of ValueType::NON_EMPTY_STRING, in [Mapping], example "\"my-connector-1\"";
        /// Schema subject that every message must have
        expected_schema_subject: Option<String> = none of ValueType::NON_EMPTY_STRING, in [Mapping], example "\"orders\"";
    }
}

settings! {
    /// The settings of a topic mapping that every connector has.
    #[derive(Debug, Clone, PartialEq)]
    #[non_exhaustive]
    MappingSettings(core) {
        /// Maximum number of records in a batch
        batch_size: usize = inherited(core.batch_size) of COUNT, in [Mapping];
        /// Maximum number of payload bytes in a batch
        batch_bytes: usize = inherited(core.batch_bytes) of COUNT, in [Mapping];
        /// Longest time a partly filled batch waits before it is written
        ///
        /// At most a quarter of `ack_timeout_ms` is used, so that acknowledgements arrive in time.
        flush_interval ("flush_interval_ms"): Duration = inherited(core.flush_interval) of MILLISECONDS,
            in [Mapping], alias Mapping "batch_timeout_ms";
        /// Ack timeout of this subscription, as its failure policy at the broker says
        ack_timeout ("ack_timeout_ms"): Duration = inherited(core.ack_timeout) of MILLISECONDS, in [Mapping];
        /// The broker's `dispatch.max_unacked_messages` for this topic, if it is known
        max_unacked_messages: Option<usize> = inherited(core.max_unacked_messages) of ValueType::integer(1, 10_000), in [Mapping];
        /// Create the topic (reliable) if it is missing, instead of waiting for a producer to create it
        create_topics: bool = inherited(core.create_topics), in [Mapping];
        /// Partitions of a missing topic that `create_topics` creates
        ///
        /// The partitions of a topic that exists stay as they are.
        partitions: Option<u32> = described("a topic without partitions") of ValueType::integer(1, 1_000), in [Mapping], example "3";
        /// Whether this process is the only consumer of a Shared subscription, so that gaps in offsets are losses
        ///
        /// It has no effect on subscriptions of other types.
        sole_consumer: bool = boolean(false), in [Mapping];
        /// Whether one connector instance at a time writes this mapping, whatever `tasks` says: for tables with one writer
        single_writer: bool = boolean(false), in [Mapping];
        /// CEL expression that keeps the records for which it is true, such as `payload.total > 100`
        ///
        /// Other records are acknowledged and counted, and are no dead letters. A record for which it fails, for example
        /// because a field is missing, is invalid: `on_invalid_record` applies. It needs the feature `cel` of danube-sink.
        filter as "where": Option<String> = none of ValueType::NON_EMPTY_STRING, in [Mapping],
            example "\"payload.total > 100 && !(key in ['test', 'demo'])\"";
        /// Format of messages without a schema
        payload_format: PayloadFormat = word(PayloadFormat::Auto), in [Mapping];
        /// Schema version that every message must have
        expected_schema_version: Option<u32> = none of COUNT, in [Mapping], example "1";
        /// Lowest schema version that a message may have
        min_schema_version: Option<u32> = none of COUNT, in [Mapping], example "1";
        /// Whether logs and dead letters show the beginning of an invalid payload, which may be private
        show_payload_in_errors: bool = boolean(false), in [Mapping];
        /// What to do with a record that cannot be decoded or is rejected
        on_invalid_record: OnInvalidRecord = word(OnInvalidRecord::Stop), in [Mapping];
        /// Topic for dead letters
        dead_letter_topic: Option<String> = none of ValueType::Topic, in [Mapping], example "\"/default/rejected\"";
        /// What to do when the target refuses 32 records in a row, in at least two writes, without one success
        on_mass_refusal: OnMassRefusal = inherited(core.on_mass_refusal), in [Mapping];
    }
    fields {
        /// Topic and subscription.
        pub consumer: ConsumerConfig = ConsumerConfig::defaults();
        /// Options for decoding payloads where their schema leaves a choice.
        pub decoding: DecodeOptions = DecodeOptions::default();
    }
}

impl MappingSettings {
    /// The settings of a mapping without further keys.
    pub fn new(consumer: ConsumerConfig, core: &ConnectorConfig) -> Self {
        Self { consumer, ..Self::defaults(core) }
    }

    /// The settings of a table that the validator has passed.
    pub(crate) fn of_table(table: &Table, core: &ConnectorConfig, diagnostics: &mut Diagnostics) -> Self {
        let mut settings = Self::defaults(core);
        settings.consumer.read(table, diagnostics);
        settings.decoding.read(table, diagnostics);
        settings.read(table, diagnostics);
        settings
    }
}

settings! {
    /// Options for decoding payloads where their schema leaves a choice.
    #[derive(Debug, Clone, PartialEq, Eq, Hash)]
    DecodeOptions {
        /// Encoding of Avro payloads
        avro_encoding: AvroEncoding = word(AvroEncoding::Auto), in [Mapping];
        /// Avro reader schema, as JSON: values are resolved to it, whatever version they were written with
        avro_reader_schema: Option<String> = none of ValueType::NON_EMPTY_STRING, in [Mapping], example "'{\"type\": \"record\", …}'";
        /// Message type of Protobuf payloads, such as `Order` or `shop.v1.Order`, if the schema has several
        protobuf_message: Option<String> = none of ValueType::NON_EMPTY_STRING, in [Mapping], example "\"shop.v1.Order\"";
        /// Encoding of payloads of the schema type Number
        number_encoding: NumberEncoding = word(NumberEncoding::Auto), in [Mapping];
        /// Whether payloads are validated against their JSON Schema, in a program with the feature `json-schema` of danube-sink
        ///
        /// In a program without the feature, a file that sets it is invalid.
        validate_json_schema: bool = boolean(false), in [Mapping];
    }
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self::defaults()
    }
}
