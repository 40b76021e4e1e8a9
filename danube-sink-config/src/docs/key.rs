//! A key as it is documented, whether it is a core key or the connector's own.

use crate::{
    core::key::{CoreKey, Section},
    schema::{KeyDefault, KeySpec},
};

/// A key as it is documented.
pub(super) struct DocumentedKey {
    pub(super) spec: KeySpec,
    /// Other names in the same table.
    pub(super) aliases: Vec<&'static str>,
    /// The help, as a sentence.
    pub(super) help: String,
}

impl DocumentedKey {
    /// A core key in a table that allows it. `defaults` are those of the connector's code, as TOML.
    pub(super) fn core(key: &CoreKey, section: Section, defaults: &[(&str, &'static str)]) -> Self {
        let aliases = key.names(section).filter(|name| *name != key.spec.name).collect();
        let default = match defaults.iter().find(|(name, _)| *name == key.spec.name) {
            Some((_, literal)) => KeyDefault::Literal(literal),
            None => key.spec.default,
        };
        Self { spec: KeySpec { default, ..key.spec }, aliases, help: sentence(&key.spec.summary()) }
    }

    /// A key of the connector's own.
    pub(super) fn own(spec: &KeySpec) -> Self {
        Self { spec: *spec, aliases: spec.aliases.to_vec(), help: sentence(spec.doc) }
    }

    pub(super) fn is_required(&self) -> bool {
        matches!(self.spec.default, KeyDefault::Required)
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}
