//! The settings that every connector has: the core keys of the file, and the common keys of a topic mapping.

mod connector_config;
mod decoding;
mod enums;
mod extension;
pub(super) mod external;
pub(super) mod key;
mod mapping_settings;
mod settings_macro;
#[cfg(test)]
mod settings_macro_tests;
mod topic_mappings;

pub use self::{
    connector_config::ConnectorConfig,
    decoding::{AvroEncoding, DecodeOptions, NumberEncoding},
    enums::{LogFormat, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, PayloadFormat, SubscriptionType},
    external::{BrokerTarget, CheckDecoding, ExternalChecks, ExternalError, SecretPolicy, Token},
    mapping_settings::{ConsumerConfig, MappingSettings},
    topic_mappings::{Mapped, Mapping, NoMapping, TopicMappings},
};
