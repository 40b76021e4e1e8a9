//! The configuration of a connector: files, environment, secrets, topic mappings, and everything that is wrong with them.
//!
//! ```text
//!  file ──▶ document ──▶ root ──▶ section ──▶ mappings ──▶ connector
//!            (places)   (core)   (own keys)              └▶ ConnectorConfig
//!     every mistake of every step ──▶ report, with line and remedy
//! ```
//!
//! There are two ways in. A struct with `#[sink_connector]` is its own configuration, and [`load_for`] reads it. A struct
//! with `#[serde(flatten)] core: ConnectorConfig` is loaded by [`load_struct`]. Both go by one list of keys (`read::keys`), and
//! neither stops at the first mistake.
//!
//! The environment overrides `DANUBE_SERVICE_URL` and `CONNECTOR_NAME` and holds the secrets, `DANUBE_TOKEN` among them;
//! mappings are in the file alone.

#![warn(missing_docs)]
#![cfg_attr(not(feature = "start"), allow(dead_code, reason = "the macros read and tell, and start nothing"))]

mod beyond;
#[doc(hidden)]
pub mod built;
mod byte_size;
mod decoding;
mod extension;
mod field;
mod file;
#[doc(hidden)]
pub mod generated;
#[cfg(feature = "start")]
mod handwritten;
mod load;
mod mapping;
mod metadata;
mod options;
mod parsed;
mod pointer;
mod printed;
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
    beyond::{Beyond, CheckDecoding, Destination, Part, Problem, Token},
    byte_size::ByteSize,
    decoding::{AvroEncoding, DecodeOptions, NumberEncoding},
    field::{Field, NotAField},
    file::{
        environment::{Environment, ProcessEnvironment},
        source::ConfigSource,
        value::Value,
    },
    load::{Loaded, load_for, load_text_for},
    mapping::{Mapped, Mapping, NoMapping, TopicMapping, TopicMappings},
    metadata::Metadata,
    options::Options,
    parsed::{Parsed, short_name},
    pointer::{NotAPointer, Pointer},
    printed::{environment, template, template_of},
    report::{
        error::ConfigError,
        mistake::{Mistake, Mistakes},
    },
    secret::Secret,
    setting::Setting,
    settings::{
        ConnectorConfig, ConsumerConfig, LogFormat, MappingSettings, OnInvalidRecord, OnMassRefusal,
        OnRetriesExhausted, PayloadFormat, SubscriptionType,
    },
};
#[cfg(feature = "start")]
pub use self::{
    handwritten::load_struct,
    pointer::Pointers,
    printed::{json_schema, json_schema_of},
};
