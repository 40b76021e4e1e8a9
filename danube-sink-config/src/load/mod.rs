//! From a file and the environment to a configuration, with a diagnostic for each error.
//!
//! ```text
//!  file ──▶ tables ──▶ resolve: aliases, variables, secrets, defaults ──▶ validate ──▶ convert ──▶ connector
//!                       (a value knows its origin)                       (schema)              └▶ ConnectorConfig
//! ```

mod connector;
pub(super) mod core_keys;
mod cross_checks;
mod effective;
pub(super) mod environment;
#[allow(clippy::module_inception, reason = "the function that the module is named after")]
mod load;
pub(super) mod loader;
pub(super) mod mappings;
mod own_keys;
mod reader;
pub(super) mod secrets;
pub(super) mod source;
pub(super) mod validate;

#[cfg(feature = "runtime")]
pub use self::effective::{EffectiveConfig, EffectiveKey};
pub use self::{
    connector::{ConnectorInfo, GeneratedConnector, MappingKeys, Sample, TopicMapping, consumer_configs, mapping_keys},
    environment::{Environment, ProcessEnvironment},
    load::{Loaded, load_for, load_tasks_for, load_text_for},
    loader::OwnVariables,
    reader::{KeyReader, empty_table, table},
    source::ConfigSource,
};
