//! The attributes of a field, unchecked and checked.

use danube_sink_config::schema::Constraint;
use proc_macro2::TokenStream;
use syn::{Attribute, Ident, Path, Type};

use super::literal::Literal;

/// A field as it is written.
pub(crate) struct RawField {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) help: String,
    pub(crate) helpers: Vec<RawHelper>,
    /// Those in a `#[cfg_attr(…)]`, and their places.
    pub(crate) conditional: Vec<(Helper, Path)>,
    /// Its `#[cfg(…)]` attributes.
    pub(crate) cfg: Vec<Attribute>,
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

/// The struct that a field belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Connector,
    /// A nested table.
    Table,
    /// A topic mapping.
    Mapping,
}

/// A valid field.
pub(crate) struct CheckedField {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
    pub(crate) role: Role,
    /// What all of its code depends on.
    pub(crate) cfg: Vec<Attribute>,
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
        /// Defaults for common keys of a mapping, as TOML.
        defaults: Vec<(String, String)>,
    },
    State,
}

pub(crate) struct CheckedSetting {
    pub(crate) owner: Owner,
    pub(crate) ty: Type,
    pub(crate) key: String,
    pub(crate) help: String,
    pub(crate) source: Source,
    pub(crate) default: SettingDefault,
    pub(crate) example: Option<(Literal, TokenStream)>,
    /// Each with its place.
    pub(crate) constraints: Vec<(Constraint, TokenStream)>,
    /// Those of the items of an array or map.
    pub(crate) items: Vec<(Constraint, TokenStream)>,
    /// The author's check of the value.
    pub(crate) validate: Option<Path>,
    pub(crate) places: Places,
}

/// Where the value of a setting comes from.
pub(crate) enum Source {
    File,
    /// The file, or a variable that overrides it.
    Variable(String),
    /// A variable; without a name, one that the loader names by the path of the table.
    Secret(Option<String>),
}

impl Source {
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    /// The variables that it reads, as far as their names are known.
    pub(crate) fn variables(&self) -> Vec<String> {
        match self {
            Self::Variable(name) => vec![name.clone()],
            Self::Secret(Some(name)) => vec![name.clone(), format!("{name}_FILE")],
            Self::File | Self::Secret(None) => Vec::new(),
        }
    }
}

/// `default`, in one of its forms.
pub(crate) enum SettingDefault {
    /// The type decides whether the key is required.
    None,
    /// The `Default` of the type.
    OfType,
    Literal(Literal, TokenStream),
    /// Defaults for keys of the table.
    Keys {
        keys: Vec<KeyOfTable>,
        place: TokenStream,
    },
}

/// The default of a key of a nested table.
pub(crate) struct KeyOfTable {
    pub(crate) key: Ident,
    pub(crate) literal: Literal,
    pub(crate) place: TokenStream,
}

/// Where the key and the variable are named.
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
