//! What the code that `#[sink_connector]` writes may name. Covered by no promise: it changes with the macros.

use super::{
    file::value::Value,
    mapping::TopicMapping,
    read::section::FromSecret,
    report::mistake::Mistakes,
    secret::Secret,
    setting::Setting,
    settings::{ConsumerConfig, MappingSettings},
    shape::Shape,
};
pub use super::{read::mapping_list::MappingReader, read::section::SectionReader, shape::given};

/// A connector whose struct is its configuration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a sink connector",
    note = "put `#[sink_connector]` on `struct {Self}` as well as on its `impl SinkConnector`"
)]
pub trait GeneratedConnector: Sized + 'static {
    /// What a topic mapping says beyond the common keys. Named once, so that a type that is none is one error.
    type Mapping: TopicMapping;

    /// What is known of it without a configuration.
    const INFO: ConnectorInfo;

    /// What holds for common keys that a topic mapping leaves out, as TOML.
    const MAPPING_DEFAULTS: &'static [(&'static str, &'static str)] = &[];

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
    /// What its value may be.
    pub shape: Shape,
    /// What holds without the key, as TOML.
    pub default: Option<&'static str>,
    /// Whether it is an `Option`.
    pub optional: bool,
    /// The variable that a secret comes from.
    pub secret_env: Option<&'static str>,
}

impl SettingInfo {
    /// A required key of any shape.
    pub const fn new(key: &'static str) -> Self {
        Self { key, help: "", shape: Shape::Any, default: None, optional: false, secret_env: None }
    }
}

/// A key and how its value is read. Only here is the type asked for what it can do, so that one that is no setting is one
/// error.
#[derive(Debug, Clone, Copy)]
pub struct Key<T> {
    /// What is known of it.
    pub info: SettingInfo,
    pub(crate) read: fn(&Value) -> Result<T, Mistakes>,
    pub(crate) absent: fn() -> Option<T>,
}

/// A key of the file; its shape is that of the type.
pub const fn key<T: Setting>(info: SettingInfo) -> Key<T> {
    Key { info: SettingInfo { shape: T::SHAPE, optional: T::OPTIONAL, ..info }, read: T::read, absent: T::absent }
}

/// A secret and how it is made.
#[derive(Debug, Clone, Copy)]
pub struct SecretKey<T> {
    /// What is known of it.
    pub info: SettingInfo,
    pub(crate) make: fn(Secret) -> T,
    pub(crate) absent: fn() -> Option<T>,
}

/// A key of the environment.
pub const fn secret_key<T: FromSecret>(info: SettingInfo) -> SecretKey<T> {
    SecretKey { info: SettingInfo { shape: Shape::TEXT, ..info }, make: T::from_secret, absent: T::absent }
}

/// Names that a connector's own keys and section cannot have.
pub mod reserved {
    use crate::read::keys::{CORE, CORE_TABLES, Home, Key, MAPPING, MAPPING_LISTS};

    /// Whether every configuration has something else of this name at its root.
    pub fn is_root_key(name: &str) -> bool {
        CORE_TABLES.contains(&name) || is_key(CORE, Home::Root, name)
    }

    /// Whether every topic mapping has a key of this name.
    pub fn is_mapping_key(name: &str) -> bool {
        is_key(MAPPING, Home::Mapping, name)
    }

    /// Whether it is the list of topic mappings in every section.
    pub fn is_mapping_list(name: &str) -> bool {
        MAPPING_LISTS.contains(&name)
    }

    fn is_key(keys: &[&Key], home: Home, name: &str) -> bool {
        keys.iter().any(|key| key.names(home).any(|one| one == name))
    }
}
