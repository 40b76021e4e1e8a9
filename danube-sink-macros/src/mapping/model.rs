//! What the mapping's struct says, checked. Unchecked, it is the compiler's `DeriveInput`.

use syn::Ident;

use crate::field::model::{CheckedField, CheckedSetting};

pub(crate) struct CheckedMapping {
    pub(crate) name: Ident,
    pub(crate) fields: Vec<CheckedField>,
}

impl CheckedMapping {
    /// The fields with their settings: every field is one.
    pub(crate) fn settings(&self) -> impl Iterator<Item = (&CheckedField, &CheckedSetting)> {
        self.fields.iter().filter_map(|field| Some((field, field.setting()?)))
    }
}
