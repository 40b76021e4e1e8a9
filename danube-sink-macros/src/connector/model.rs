//! The struct of a connector, unchecked and checked.

use syn::{Generics, Ident, ItemStruct, LitBool, LitStr, Path};

use crate::field::model::{CheckedField, RawField, Role};

/// The struct as it is written, and its arguments as far as they can be read.
pub(crate) struct RawConnector {
    /// Without the helper attributes, which the compiler does not know.
    pub(crate) item: ItemStruct,
    pub(crate) section: Option<LitStr>,
    pub(crate) config: Option<LitStr>,
    pub(crate) name: Option<LitStr>,
    pub(crate) version: Option<LitStr>,
    pub(crate) dev_hint: Option<LitStr>,
    pub(crate) main: Option<LitBool>,
    pub(crate) validate: Option<Path>,
    pub(crate) validate_external: Option<Path>,
    pub(crate) fields: Vec<RawField>,
    pub(crate) about: String,
}

/// A valid struct.
pub(crate) struct CheckedConnector {
    pub(crate) item: ItemStruct,
    pub(crate) section: String,
    pub(crate) config: Option<LitStr>,
    /// None for those of the package.
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) dev_hint: Option<String>,
    pub(crate) main: bool,
    /// The author's check of the whole connector.
    pub(crate) validate: Option<Path>,
    /// The author's check of secrets and files.
    pub(crate) validate_external: Option<Path>,
    pub(crate) fields: Vec<CheckedField>,
    pub(crate) about: String,
}

impl CheckedConnector {
    /// The code's defaults of common keys of a mapping, as TOML.
    pub(crate) fn mapping_defaults(&self) -> &[(String, String)] {
        let defaults = self.fields.iter().find_map(|field| match &field.role {
            Role::TopicMappings { defaults } => Some(defaults.as_slice()),
            _ => None,
        });
        defaults.unwrap_or_default()
    }
}

impl RawConnector {
    pub(crate) fn ident(&self) -> &Ident {
        &self.item.ident
    }

    pub(crate) fn generics(&self) -> &Generics {
        &self.item.generics
    }
}
