//! The names that generated code uses. Covered by no promise: they change with the macros.

mod claims;

pub use std::{
    option::Option::{self, None, Some},
    result::Result,
    vec::Vec,
};

pub use self::claims::{
    assert_constraint, assert_fits, assert_key, assert_source, assert_table, assert_variables_differ, type_of_key,
};
use crate::schema::key_spec::all_keys_optional;
pub use crate::{
    Diagnostics, MappingSettings, Setting, Value,
    compile_time::file_value,
    core::{Conflict, conflicts, share_messages},
    load::{
        ConnectorInfo, GeneratedConnector, KeyReader, MappingKeys, Sample, TopicMapping, consumer_configs, empty_table,
        mapping_keys, table,
    },
    schema::{
        Constraint, KeyDefault, KeySpec, ValueRef, ValueSource, ValueType, format::is_topic_or_partition,
        key_spec::with_defaults,
    },
    setting::{Check, DefaultValue, Key, key, or_default, word},
    value::quoted,
};

/// Applies a check of the author's.
///
/// # Errors
/// What is wrong.
pub fn check<T, A>(value: &T, check: impl Check<T, (), A>) -> Result<(), Diagnostics> {
    check.check(value, &())
}

/// Applies a check of the author's to a topic mapping, which may see its common settings too.
///
/// # Errors
/// What is wrong.
pub fn check_mapping<T, A>(
    mapping: &T,
    settings: &MappingSettings,
    check: impl Check<T, MappingSettings, A>,
) -> Result<(), Diagnostics> {
    check.check(mapping, settings)
}

/// The key of a table that names the variable of a secret in it.
pub const fn variable_key(name: &'static str, doc: &'static str, example: &'static str) -> KeySpec {
    KeySpec {
        doc,
        value_type: ValueType::NON_EMPTY_STRING,
        default: KeyDefault::None,
        example: Some(example),
        ..KeySpec::new(name)
    }
}

/// The default of a table: it needs no key in the file if none of its own is required.
pub const fn default_of_table(value_type: &ValueType) -> KeyDefault {
    if all_keys_optional(value_type) { KeyDefault::OfType } else { KeyDefault::Required }
}

/// The start of a field that is not configuration.
#[diagnostic::on_unimplemented(
    message = "the state `{Self}` has no `Default` to start as",
    label = "no `Default`",
    note = "derive or implement `Default` for it, or write `Option<{Self}>`, which starts as `None`; `initialize` can fill it"
)]
pub trait State: Sized {
    /// The value before `initialize`.
    fn start() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: Default> State for T {
    fn start() -> Self {
        T::default()
    }
}

/// Names that a connector's own keys, its section and its variables cannot have.
pub mod reserved {
    pub use crate::load::environment::{is_of_system as is_system_variable, is_reserved as is_variable};
    use crate::{
        core::key::{CORE_TABLES, MAPPING_LISTS, Section, mapping_keys, names_in},
        schema::ValueType,
    };

    /// Whether every configuration has another key of this name at its root.
    pub fn is_root_key(name: &str) -> bool {
        CORE_TABLES.iter().any(|(table, _)| *table == name) || is_core_key(name)
    }

    /// Whether it is a core key, which belongs at the root.
    pub fn is_core_key(name: &str) -> bool {
        names_in(Section::Root).any(|key| key == name)
    }

    /// Whether every topic mapping has a key of this name.
    pub fn is_mapping_key(name: &str) -> bool {
        names_in(Section::Mapping).any(|key| key == name)
    }

    /// Whether it is the array of topic mappings in every section.
    pub fn is_mapping_list(name: &str) -> bool {
        MAPPING_LISTS.contains(&name)
    }

    /// The common keys of a mapping for which the code may have a default, and the values that they take.
    pub fn mapping_defaults() -> impl Iterator<Item = (&'static str, ValueType)> {
        let of_one_mapping = ["topic", "subscription", "consumer_name"];
        let keys = mapping_keys().filter(move |key| !of_one_mapping.contains(&key.spec.name));
        keys.map(|key| (key.spec.name, key.spec.value_type))
    }
}
