//! One key as it is explained, whoever's it is.

use crate::{
    generated::SettingInfo,
    read::keys::{Fallback, Home, Key},
    shape::Shape,
};

/// A key of the core, of every mapping, or of the connector.
pub(super) struct Entry {
    pub(super) name: &'static str,
    /// Other words for it in the same table.
    pub(super) aliases: Vec<&'static str>,
    pub(super) shape: Shape,
    /// What it is, as a sentence.
    pub(super) doc: String,
    pub(super) without: Without,
}

/// What holds without the key.
pub(super) enum Without {
    Required,
    /// TOML.
    Default(String),
    /// In words.
    From(&'static str),
    Nothing,
}

impl Entry {
    /// A key that every connector has, in one of its homes.
    pub(super) fn common(key: &Key, home: Home) -> Self {
        let without = match key.default {
            Fallback::Required => Without::Required,
            Fallback::Off => Without::Default("false".to_owned()),
            Fallback::Empty => Without::Default("[]".to_owned()),
            Fallback::Number(number) => Without::Default(number.to_string()),
            Fallback::Word(word) => Without::Default(format!("\"{word}\"")),
            Fallback::From(place) => Without::From(place),
            Fallback::Nothing => Without::Nothing,
        };
        let aliases = key.names(home).filter(|name| *name != key.name).collect();
        Self { name: key.name, aliases, shape: key.shape, doc: sentence(key.doc), without }
    }

    /// A key that every topic mapping has, with what the connector's author has for those that leave it out.
    pub(super) fn mapping(key: &Key, defaults: &[(&str, &str)]) -> Self {
        let entry = Self::common(key, Home::Mapping);
        match defaults.iter().find(|(name, _)| *name == key.name) {
            Some((_, literal)) => Self { without: Without::Default((*literal).to_owned()), ..entry },
            None => entry,
        }
    }

    /// A key of the connector's own.
    pub(super) fn own(info: &SettingInfo) -> Self {
        let without = match (info.default, info.optional) {
            (Some(default), _) => Without::Default(default.to_owned()),
            (None, true) => Without::Nothing,
            (None, false) => Without::Required,
        };
        Self { name: info.key, aliases: Vec::new(), shape: info.shape, doc: sentence(info.help), without }
    }

    pub(super) fn is_required(&self) -> bool {
        matches!(self.without, Without::Required)
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), chars.as_str()))
}
