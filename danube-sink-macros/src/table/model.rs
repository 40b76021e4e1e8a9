//! The struct of a table, checked. Unchecked, it is a `DeriveInput`.

use syn::{Ident, Path};

use crate::field::model::{CheckedField, CheckedSetting};

/// The place of the table in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Beside the common keys of a topic mapping.
    Mapping,
    /// Within the connector's section, a mapping or another table.
    Setting,
}

impl Kind {
    /// How messages name it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Mapping => "a topic mapping",
            Self::Setting => "a table of settings",
        }
    }
}

pub(crate) struct CheckedTable {
    pub(crate) kind: Kind,
    pub(crate) name: Ident,
    pub(crate) fields: Vec<CheckedField>,
    /// The author's check of the whole table.
    pub(crate) validate: Option<Path>,
}

impl CheckedTable {
    /// The fields with their settings: every field is one.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&CheckedField, &CheckedSetting)> {
        self.fields.iter().filter_map(|field| Some((field, field.setting()?)))
    }
}
