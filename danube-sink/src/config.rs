//! The configuration of a connector: its keys and how a file is read, from the crate `danube-sink-config`; and the loaders,
//! which also look at the certificates and the token that a configuration names.

use std::path::Path;

#[doc(hidden)]
pub use danube_sink_config::private;
#[doc(inline)]
pub use danube_sink_config::{
    AvroEncoding, ByteSize, ConfigError, ConfigSource, ConnectorConfig, ConsumerConfig, DecodeOptions, Diagnostic,
    Diagnostics, EffectiveConfig, EffectiveKey, Environment, Loaded, LogFormat, Mapped, Mapping, MappingSettings,
    NoMapping, NumberEncoding, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, Options, OwnVariables, Parsed,
    PayloadFormat, ProcessEnvironment, ReportEntry, Secret, Setting, SpoolSync, SubscriptionType, Token, TopicMapping,
    TopicMappings, Value, environment, json_schema, schema, template,
};
use danube_sink_config::{
    BrokerTarget, ExternalChecks, ExternalError, SecretPolicy, load_for, load_struct, load_tasks_for, load_text_for,
};
pub(crate) use danube_sink_config::{TemplateKind, environment_of, json_schema_of, template_of};
use private::GeneratedConnector;
use serde::de::DeserializeOwned;

#[doc(inline)]
pub use crate::credentials::TlsFiles;
#[doc(inline)]
pub use crate::record::{Field, Metadata, MetadataColumns, NamedFields, NotAField, NotAPointer, Pointer, Pointers};
use crate::{credentials, filter, schema as decoders};

/// The checks for the broker of the file, with its certificates and token.
const REMOTE: ExternalChecks = ExternalChecks {
    broker: BrokerTarget::Remote(credentials::check),
    mapping: check_mapping,
    secrets: SecretPolicy::Read,
};

/// Checks the schemas and the expression of a mapping.
pub(crate) fn check_mapping(settings: &MappingSettings) -> Vec<ExternalError> {
    let mut errors = decoders::check_decoding(&settings.decoding);
    errors.extend(settings.filter.as_deref().and_then(|expression| filter::check(expression).err()));
    errors
}

/// What a configuration is loaded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadMode {
    /// The broker of the file, with its certificates and token.
    Remote,
    /// The embedded broker: certificates and token are neither checked nor in the result.
    Embedded,
    /// Validation of the file alone: variables, secrets and certificates are not read.
    WithoutEnvironment,
}

impl LoadMode {
    fn checks(self) -> ExternalChecks {
        match self {
            Self::Remote => REMOTE,
            Self::Embedded => ExternalChecks { broker: BrokerTarget::Embedded, ..REMOTE },
            Self::WithoutEnvironment => {
                ExternalChecks { broker: BrokerTarget::Unchecked, secrets: SecretPolicy::Placeholder, ..REMOTE }
            }
        }
    }
}

/// Loads the configuration of `C`.
///
/// # Errors
/// The report of everything that is wrong with it.
pub fn load<C: GeneratedConnector>(source: &ConfigSource) -> Result<Loaded<C>, ConfigError> {
    load_with(source, &ProcessEnvironment)
}

/// [`load`] with an environment of the caller's.
///
/// # Errors
/// The report of everything that is wrong with it.
pub fn load_with<C: GeneratedConnector>(
    source: &ConfigSource,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    load_for(REMOTE, source, environment)
}

/// [`load`] with one connector for each of `tasks`: file, secrets and certificates are read once.
///
/// # Errors
/// The report of everything that is wrong with it.
pub(crate) fn load_tasks<C: GeneratedConnector>(
    mode: LoadMode,
    source: &ConfigSource,
) -> Result<Loaded<Vec<C>>, ConfigError> {
    load_tasks_for(mode.checks(), source, &ProcessEnvironment)
}

/// [`load_with`] of a text. `path` is its name in the report.
///
/// # Errors
/// The report of everything that is wrong with it.
pub fn load_text<C: GeneratedConnector>(
    path: &Path,
    text: &str,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    load_text_for(REMOTE, path, text, environment)
}

/// Loads a text as `check --no-environment` does.
#[cfg(feature = "dev")]
pub(crate) fn load_without_environment<C: GeneratedConnector>(text: &str) -> Result<Loaded<C>, ConfigError> {
    load_text_for(LoadMode::WithoutEnvironment.checks(), Path::new("example.toml"), text, &|_: &str| None)
}

/// Loads a configuration struct that derives `Deserialize`: `MySinkConfig::load()?`.
pub trait LoadConfig: DeserializeOwned {
    /// Reads the file that the variable `CONNECTOR_CONFIG_PATH` names.
    ///
    /// # Errors
    /// Everything that is wrong with the core settings and mappings, and the first error of serde in the other keys.
    fn load() -> Result<Self, ConfigError> {
        load_struct(REMOTE, None)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    fn load_from(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        load_struct(REMOTE, Some(path.as_ref()))
    }
}

impl<T: DeserializeOwned> LoadConfig for T {}
