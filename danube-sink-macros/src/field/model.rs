//! What a field says, unchecked and checked.

use danube_sink_config::schema::Constraint;
use proc_macro2::{Span, TokenStream};
use syn::{Ident, Path, Type};

use super::literal::Literal;

/// A field as it is written.
pub(crate) struct RawField {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) help: String,
    pub(crate) helpers: Vec<RawHelper>,
}

/// One `#[setting]`, `#[state]` or `#[topic_mappings]`.
pub(crate) struct RawHelper {
    pub(crate) kind: Helper,
    pub(crate) path: Path,
    pub(crate) arguments: TokenStream,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Helper {
    Setting,
    State,
    TopicMappings,
}

/// A field without mistakes.
pub(crate) struct CheckedField {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) role: Role,
}

impl CheckedField {
    pub(crate) fn setting(&self) -> Option<&CheckedSetting> {
        match &self.role {
            Role::Setting(setting) => Some(setting),
            _ => None,
        }
    }
}

pub(crate) enum Role {
    /// A key of the file, or a secret of the environment.
    Setting(Box<CheckedSetting>),
    TopicMappings {
        /// What holds for common keys that a mapping leaves out, as TOML.
        defaults: Vec<(String, String)>,
    },
    State,
}

pub(crate) struct CheckedSetting {
    pub(crate) ty: Type,
    pub(crate) key: String,
    pub(crate) help: String,
    pub(crate) default: Option<(Literal, Span)>,
    pub(crate) optional: bool,
    /// The variable of a secret.
    pub(crate) secret_env: Option<String>,
    /// Each with its place.
    pub(crate) constraints: Vec<(Constraint, Span)>,
    /// The author's check of the value.
    pub(crate) validate: Option<Path>,
    /// Where the key and the variable are said.
    pub(crate) places: Places,
}

pub(crate) struct Places {
    pub(crate) key: TokenStream,
    pub(crate) variable: TokenStream,
}

impl Helper {
    pub(crate) const ALL: [Self; 3] = [Self::Setting, Self::State, Self::TopicMappings];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Setting => "setting",
            Self::State => "state",
            Self::TopicMappings => "topic_mappings",
        }
    }
}
