//! Options of a library, under its own names.

use std::{collections::BTreeMap, ops::Deref};

use super::Setting;
use crate::{
    report::{Diagnostics, looks_sensitive},
    schema::{KeyDefault, ValueType},
    value::Value,
};

/// Options of the library that connects to the target, under the library's own names: an optional table of strings. A name
/// that looks like a secret is refused, and its value redacted: it belongs in a field with `#[setting(secret)]`.
///
/// ```text
/// [delta_lake.storage_options]
/// aws_region = "eu-central-1"
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options(pub BTreeMap<String, String>);

impl Deref for Options {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Setting for Options {
    const VALUE_TYPE: ValueType = ValueType::map(&ValueType::STRING);
    const DEFAULT: KeyDefault = KeyDefault::OfType;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        for (name, value) in value.as_table()?.filter(|(name, _)| is_secret(name)) {
            diagnostics.hide(value);
            let help = "remove it; `template` prints the variables that hold secrets";
            diagnostics.push(value.diagnostic(format!("`{name}` is a secret and must not be in the file"), help));
        }
        let options = diagnostics.keep(BTreeMap::read(value));
        diagnostics.into_result().map(|()| Self(options.unwrap_or_default()))
    }

    fn default_if_missing() -> Option<Self> {
        Some(Self::default())
    }
}

/// Whether the value is a secret, rather than the location of one.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    looks_sensitive(&name) && !["_file", "_path", "_uri", "_url"].iter().any(|place| name.ends_with(place))
}
