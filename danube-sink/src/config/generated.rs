//! What the code that `#[sink_connector]` writes may name. Covered by no promise: it changes with the macros.

use super::{mapping::TopicMapping, settings::MappingSettings};
pub use super::{read::mapping_list::MappingReader, read::section::SectionReader};
use crate::connector::{ConsumerConfig, SinkConnector};

/// A connector whose struct is its configuration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a sink connector",
    note = "put `#[sink_connector]` on `struct {Self}` as well as on its `impl SinkConnector`"
)]
pub trait GeneratedConnector: SinkConnector + Sized + 'static {
    /// What a topic mapping says beyond the common keys. Named once, so that a type that is none is one error.
    type Mapping: TopicMapping;

    /// What is known of it without a configuration.
    const INFO: ConnectorInfo;

    /// Reads every setting, then builds.
    fn load(section: &mut SectionReader<'_>) -> Option<Self>;

    /// What the common keys of the topic mappings say.
    fn mapping_settings(&self) -> Vec<MappingSettings>;
}

/// The `consumer_configs` of a connector whose author left it out.
pub fn consumer_configs<C: GeneratedConnector>(connector: &C) -> Vec<ConsumerConfig> {
    connector.mapping_settings().into_iter().map(|mapping| mapping.consumer).collect()
}

/// What is known of a connector when it is built.
#[derive(Debug, Clone, Copy)]
pub struct ConnectorInfo {
    /// The name of its package.
    pub name: &'static str,
    /// The version of its package.
    pub version: &'static str,
    /// The doc comment of its struct.
    pub about: &'static str,
    /// The table of its settings.
    pub section: &'static str,
    /// The file that holds if no other is named.
    pub config_file: Option<&'static str>,
    /// The folder of its package when it was built.
    pub crate_folder: &'static str,
    /// What `dev` says of the target.
    pub dev_hint: Option<&'static str>,
    /// Its settings and secrets, without the topic mappings.
    pub settings: &'static [SettingInfo],
}

/// What is known of one setting.
#[derive(Debug, Clone, Copy)]
pub struct SettingInfo {
    /// The key in the file.
    pub key: &'static str,
    /// The doc comment of the field.
    pub help: &'static str,
    /// What holds without the key, as TOML.
    pub default: Option<&'static str>,
    /// Whether it is an `Option`.
    pub optional: bool,
    /// The variable that a secret comes from.
    pub secret_env: Option<&'static str>,
}
