//! The settings that every connector has: the core keys of the file, and the common keys of a topic mapping.

mod conflicts;
mod enums;
mod extension;
pub(super) mod external;
pub(super) mod key;
mod settings;
mod settings_macro;
#[cfg(test)]
mod tests;
mod topic_mappings;

pub use self::{
    conflicts::{Conflict, conflicts, share_messages},
    enums::{
        AvroEncoding, LogFormat, NumberEncoding, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, PayloadFormat,
        SpoolSync, SubscriptionType,
    },
    external::{BrokerTarget, CheckMapping, ExternalChecks, ExternalError, SecretPolicy, Token},
    settings::{ConnectorConfig, ConsumerConfig, DecodeOptions, MappingSettings},
    topic_mappings::{Mapped, Mapping, NoMapping, TopicMappings},
};
