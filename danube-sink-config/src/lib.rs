//! The configuration of a connector: files, environment variables, secrets and topic mappings, with a report of every error.
//!
//! ```text
//!  file ──▶ values ──▶ core keys, own keys, mappings ──▶ connector
//!         (locations)   (schema: one validator)      └▶ ConnectorConfig
//!     every error of every step ──▶ report, with line and help
//! ```
//!
//! A struct with `#[sink_connector]` is its own configuration, which [`load_for`] loads. A struct with
//! `#[serde(flatten)] core: ConnectorConfig` is loaded by [`load_struct`]. Both go by one declaration of the core keys
//! (`core`) and one validator (`schema`), and neither stops at the first error.
//!
//! Environment variables override `danube_service_url`, `connector_name` and the keys that a connector declares, and hold the
//! secrets; topic mappings are in the file alone.
//!
//! Each module imports those above it in this list.

#![warn(missing_docs)]
#![cfg_attr(not(feature = "runtime"), allow(dead_code, reason = "the macros validate and report, and load nothing"))]

#[doc(hidden)]
pub mod compile_time;
mod core;
mod docs;
mod load;
#[doc(hidden)]
pub mod private;
mod report;
pub mod schema;
#[cfg(feature = "runtime")]
mod serde_compat;
mod setting;
mod value;

#[cfg(test)]
mod tests;

#[cfg(feature = "runtime")]
pub use self::load::{EffectiveConfig, EffectiveKey};
pub use self::{
    core::{
        AvroEncoding, BrokerTarget, CheckMapping, ConnectorConfig, ConsumerConfig, DecodeOptions, ExternalChecks,
        ExternalError, LogFormat, Mapped, Mapping, MappingSettings, NoMapping, NumberEncoding, OnInvalidRecord,
        OnMassRefusal, OnRetriesExhausted, PayloadFormat, SecretPolicy, SpoolSync, SubscriptionType, Token,
        TopicMappings,
    },
    docs::{TemplateKind, environment, environment_of, template, template_of},
    load::{
        ConfigSource, Environment, Loaded, OwnVariables, ProcessEnvironment, TopicMapping, load_for, load_tasks_for,
        load_text_for,
    },
    report::{ConfigError, Diagnostic, Diagnostics, ReportEntry},
    setting::{ByteSize, Options, Parsed, Secret, Setting, short_name},
    value::Value,
};
#[cfg(feature = "runtime")]
pub use self::{
    docs::{json_schema, json_schema_of},
    serde_compat::load_struct,
};
