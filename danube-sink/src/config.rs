//! The configuration of a connector: its keys and how a file is read, from the crate `danube-sink-config`; and the loaders,
//! which also look at the certificates and the token that a configuration names.

use std::path::Path;

#[doc(hidden)]
pub use danube_sink_config::generated;
#[doc(inline)]
pub use danube_sink_config::{
    AvroEncoding, ByteSize, ConfigError, ConfigSource, ConnectorConfig, ConsumerConfig, DecodeOptions, Environment,
    Field, Loaded, LogFormat, Mapped, Mapping, MappingSettings, Metadata, Mistake, Mistakes, NoMapping, NotAField,
    NotAPointer, NumberEncoding, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, Options, Parsed, PayloadFormat,
    Pointer, Pointers, ProcessEnvironment, Secret, Setting, SubscriptionType, Token, TopicMapping, TopicMappings,
    Value, environment, json_schema, shape, template,
};
use danube_sink_config::{Beyond, Destination, load_for, load_struct, load_text_for};
pub(crate) use danube_sink_config::{json_schema_of, template_of};
use generated::GeneratedConnector;
use serde::de::DeserializeOwned;

use crate::{credentials, schema};

/// The broker of the file: certificates and token are looked at.
const CONFIGURED: Beyond =
    Beyond { destination: Destination::Configured(credentials::check), decoding: schema::check_decoding };

/// A broker inside the process, which needs neither.
const EMBEDDED: Beyond = Beyond { destination: Destination::Embedded, ..CONFIGURED };

/// Reads the configuration of `C`, and everything that is wrong with it.
///
/// # Errors
/// The whole report.
pub fn load<C: GeneratedConnector>(source: &ConfigSource) -> Result<Loaded<C>, ConfigError> {
    load_with(source, &ProcessEnvironment)
}

/// [`load`] with an environment of the caller's.
///
/// # Errors
/// The whole report.
pub fn load_with<C: GeneratedConnector>(
    source: &ConfigSource,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    load_for(CONFIGURED, source, environment)
}

/// [`load`] for a broker inside the process: certificates and token are not looked at, and not in the result.
///
/// # Errors
/// The whole report.
pub(crate) fn load_for_embedded<C: GeneratedConnector>(source: &ConfigSource) -> Result<Loaded<C>, ConfigError> {
    load_for(EMBEDDED, source, &ProcessEnvironment)
}

/// [`load_with`] for a text that is in no file yet. `path` is how the report names it.
///
/// # Errors
/// The whole report.
pub fn load_text<C: GeneratedConnector>(
    path: &Path,
    text: &str,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    load_text_for(CONFIGURED, path, text, environment)
}

/// Loads a configuration struct that derives `Deserialize`: `MySinkConfig::load()?`.
pub trait LoadConfig: DeserializeOwned {
    /// Reads the file that the variable `CONNECTOR_CONFIG_PATH` names.
    ///
    /// # Errors
    /// Everything that is wrong with the core settings and mappings, and the first thing that serde finds elsewhere.
    fn load() -> Result<Self, ConfigError> {
        load_struct(CONFIGURED, None)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    fn load_from(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        load_struct(CONFIGURED, Some(path.as_ref()))
    }
}

impl<T: DeserializeOwned> LoadConfig for T {}
