//! The configuration of a connector: files, environment, secrets, topic mappings, and everything that is wrong with them.
//!
//! ```text
//!  file ──▶ document ──▶ root ──▶ section ──▶ mappings ──▶ connector
//!            (places)   (core)   (own keys)              └▶ ConnectorConfig
//!     every mistake of every step ──▶ report, with line and remedy
//! ```
//!
//! There are two ways in. A struct with `#[sink_connector]` is its own configuration, and [`load`] reads it. A struct
//! with `#[serde(flatten)] core: ConnectorConfig` is loaded by [`LoadConfig`]. Both go by one list of keys (`read::keys`), and
//! neither stops at the first mistake.
//!
//! The environment overrides `DANUBE_SERVICE_URL` and `CONNECTOR_NAME` and holds the secrets; mappings are in the file
//! alone.

#![warn(missing_docs)]

mod byte_size;
mod file;
#[doc(hidden)]
pub mod generated;
mod handwritten;
mod load;
mod mapping;
mod read;
mod report;
mod secret;
mod setting;
mod settings;
pub mod shape;
mod words;

#[cfg(test)]
mod tests;

pub use self::{
    byte_size::ByteSize,
    file::{
        environment::{Environment, ProcessEnvironment},
        source::ConfigSource,
        value::Value,
    },
    handwritten::LoadConfig,
    load::{Loaded, load, load_text, load_with},
    mapping::{Mapped, Mapping, NoMapping, TopicMapping, TopicMappings},
    report::{
        error::ConfigError,
        mistake::{Mistake, Mistakes},
    },
    secret::Secret,
    setting::Setting,
    settings::{
        ConnectorConfig, ConsumerConfig, MappingSettings, OnInvalidRecord, OnRetriesExhausted, PayloadFormat,
        SubscriptionType,
    },
};
