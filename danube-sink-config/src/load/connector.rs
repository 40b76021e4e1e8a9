//! What generated code says of a connector, and how it reads the connector's section.

use super::{own_keys::OwnMapping, reader::KeyReader};
use crate::{
    core::{ConsumerConfig, Mapping, MappingSettings, TopicMappings},
    report::Diagnostics,
    schema::KeySpec,
};

/// A connector whose struct is its configuration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a sink connector",
    note = "put `#[sink_connector]` on `struct {Self}` as well as on its `impl SinkConnector`"
)]
pub trait GeneratedConnector: Sized + 'static {
    /// Its declaration.
    const INFO: ConnectorInfo;

    /// Converts every key, then builds.
    fn load(section: &mut KeyReader<'_>) -> Option<Self>;

    /// The author's check of secrets, and of files that the configuration names.
    ///
    /// # Errors
    /// What is wrong.
    fn validate_external(&self) -> Result<(), Diagnostics> {
        Ok(())
    }

    /// The common settings of its topic mappings.
    fn mapping_settings(&self) -> Vec<MappingSettings>;
}

/// The `consumer_configs` of a connector whose author has left it out.
pub fn consumer_configs<C: GeneratedConnector>(connector: &C) -> Vec<ConsumerConfig> {
    connector.mapping_settings().into_iter().map(|mapping| mapping.consumer).collect()
}

/// The connector's own keys of a topic mapping, beside the common ones. Derive it.
///
/// ```text
/// #[derive(TopicMapping)]
/// struct Table {
///     /// The table for the topic's records.
///     target_table: String,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not declare the keys of a topic mapping",
    label = "not a topic mapping",
    note = "put `#[derive(TopicMapping)]` on `{Self}`, or write `TopicMappings<()>` if the common keys are enough"
)]
pub trait TopicMapping: Sized {
    /// The keys.
    #[doc(hidden)]
    const KEYS: &'static [KeySpec];

    /// Converts every key, then builds.
    #[doc(hidden)]
    fn read(keys: &mut KeyReader<'_>, settings: &MappingSettings) -> Option<Self>;
}

/// A mapping that has only the common keys.
impl TopicMapping for () {
    const KEYS: &'static [KeySpec] = &[];

    fn read(_: &mut KeyReader<'_>, _: &MappingSettings) -> Option<Self> {
        Some(())
    }
}

/// The connector's own keys of its topic mappings, and how they are read. Generated code names the type here alone, so that a
/// type without keys is one error; and in no public trait, so that the type of a public connector's mappings may be private.
#[derive(Debug)]
pub struct MappingKeys<T> {
    /// The keys.
    pub specs: &'static [KeySpec],
    read: fn(&mut KeyReader<'_>, &MappingSettings) -> Option<T>,
}

/// The keys of a topic mapping of this type.
pub const fn mapping_keys<T: TopicMapping>() -> MappingKeys<T> {
    MappingKeys { specs: T::KEYS, read: T::read }
}

/// The declaration of a connector, without its type: code that needs no more is compiled once for all connectors.
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
    /// What its package brings for `dev`.
    pub sample: Option<Sample>,
    /// A hint of `dev` on how to look at the target.
    pub dev_hint: Option<&'static str>,
    /// Its keys, without the topic mappings.
    pub keys: &'static [KeySpec],
    /// Its own keys of a topic mapping.
    pub mapping_keys: &'static [KeySpec],
    /// Defaults of its code for common keys of a topic mapping, as TOML.
    pub mapping_defaults: &'static [(&'static str, &'static str)],
}

/// The sample configuration of a connector's package, and records for it. They are part of the program.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Name of the configuration file; a file of this name in the current folder is used instead.
    pub file: &'static str,
    /// Its text.
    pub text: &'static str,
    /// Topics, each with JSON lines: the files `dev/namespace/name.jsonl`.
    pub records: &'static [(&'static str, &'static str)],
}

impl ConnectorInfo {
    /// The declaration of a connector that does not compile.
    pub const EMPTY: Self = Self {
        name: "",
        version: "",
        about: "",
        section: "",
        sample: None,
        dev_hint: None,
        keys: &[],
        mapping_keys: &[],
        mapping_defaults: &[],
    };
}

impl KeyReader<'_> {
    /// The topic mappings; none if one is invalid, which is reported.
    pub fn topic_mappings<T>(&mut self, keys: &MappingKeys<T>) -> Option<TopicMappings<T>> {
        let mappings = self.mappings?.iter().map(|OwnMapping { common, own }| {
            let mut table = KeyReader { table: own, mappings: None, diagnostics: &mut *self.diagnostics };
            let own = (keys.read)(&mut table, &common.settings);
            own.map(|own| Mapping { settings: common.settings.clone(), own })
        });
        // All are read before the first invalid one ends it, so that each is reported.
        let mappings: Vec<Option<Mapping<T>>> = mappings.collect();
        mappings.into_iter().collect()
    }
}
