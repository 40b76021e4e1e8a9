//! A key as it is documented, whether it is a core key or the connector's own.

use crate::{
    core::key::{CoreKey, Section},
    load::ConnectorInfo,
    schema::{KeyDefault, KeySpec},
};

/// A key as it is documented.
pub(super) struct DocumentedKey {
    pub(super) spec: KeySpec,
    /// Its names in the table: that of the declaration, then others.
    pub(super) names: Vec<&'static str>,
    /// The help, as a sentence.
    pub(super) help: String,
}

impl DocumentedKey {
    /// A core key in a table that allows it.
    pub(super) fn core(key: &CoreKey, section: Section) -> Self {
        Self { spec: key.spec, names: key.names(section).collect(), help: sentence(&key.spec.summary()) }
    }

    /// A common key of the connector's topic mappings, for which its code may have a default.
    pub(super) fn common(key: &CoreKey, connector: &ConnectorInfo) -> Self {
        let mut common = Self::core(key, Section::Mapping);
        if let Some((_, literal)) = connector.mapping_defaults.iter().find(|(name, _)| *name == key.spec.name) {
            common.spec.default = KeyDefault::Literal(literal);
        }
        common
    }

    /// A key of the connector's own.
    pub(super) fn own(spec: &KeySpec) -> Self {
        Self { spec: *spec, names: vec![spec.name], help: sentence(spec.doc) }
    }
}

/// A text as a sentence: with a capital letter, and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}
