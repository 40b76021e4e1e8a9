//! The settings that every topic mapping has.

use std::time::Duration;

use super::{
    connector_config::ConnectorConfig,
    decoding::DecodeOptions,
    enums::{OnInvalidRecord, OnMassRefusal, PayloadFormat, SubscriptionType},
    key::{COUNT, MILLISECONDS},
    settings_macro::settings,
};
use crate::{report::diagnostic::Diagnostics, schema::ValueType, value::table::Table};

settings! {
    /// A topic, and the subscription by which the connector reads it.
    #[derive(Debug, Clone, PartialEq, Eq)]
    ConsumerConfig {
        /// Topic to read, as `/namespace/name`, with all of its partitions
        topic: String = required of ValueType::Topic, in [Mapping], alias Mapping "from";
        /// Name of the durable subscription
        subscription: String = described("`connector_name`") of ValueType::NON_EMPTY_STRING, in [Mapping], example "\"my-connector\"";
        /// Type of the subscription: how its consumers share messages
        subscription_type: SubscriptionType = word(SubscriptionType::Shared), in [Mapping];
        /// Name of this process as a consumer, the same over restarts: a second consumer of the same name replaces the first
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
        flush_interval ("flush_interval_ms"): Duration = inherited_milliseconds(core.flush_interval) of MILLISECONDS,
            in [Mapping], alias Mapping "batch_timeout_ms";
        /// Ack timeout of this subscription, as its failure policy at the broker says
        ack_timeout ("ack_timeout_ms"): Duration = inherited_milliseconds(core.ack_timeout) of MILLISECONDS, in [Mapping];
        /// The broker's `dispatch.max_unacked_messages` for this topic, if it is known
        max_unacked_messages: Option<usize> = inherited(core.max_unacked_messages) of ValueType::integer(1, 10_000), in [Mapping];
        /// Create the topic (reliable) if it is missing, instead of waiting for a producer to create it
        create_topics: bool = inherited(core.create_topics), in [Mapping];
        /// Partitions of a missing topic that `create_topics` creates
        ///
        /// The partitions of a topic that exists stay as they are.
        partitions: Option<u32> = none("a topic without partitions") of ValueType::integer(1, 1_000), in [Mapping], example "3";
        /// Whether this process is the only consumer of a Shared subscription, so that gaps in offsets are losses
        ///
        /// It has no effect on subscriptions of other types.
        sole_consumer: bool = boolean(false), in [Mapping];
        /// Whether one connector instance at a time writes this mapping, whatever `tasks` says: for tables with one writer
        single_writer: bool = boolean(false), in [Mapping];
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
