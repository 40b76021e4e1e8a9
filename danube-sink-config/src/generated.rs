//! What the code that `#[sink_connector]` writes may name. Covered by no promise: it changes with the macros.

pub use std::{
    option::Option::{self, None, Some},
    result::Result::{self, Err, Ok},
    vec::Vec,
};

pub use super::shape::given;
pub use super::{
    file::value::Value,
    mapping::TopicMapping,
    read::{
        mapping_list::MappingReader,
        section::SectionReader,
        values::{TableOfKeys, absent_table, needs_no_key, table, word},
    },
    report::mistake::Mistakes,
    setting::Setting,
    settings::{ConsumerConfig, MappingSettings},
    shape::{Limit, Refusal, Scalar, Shape, Text},
};
use super::{read::section::FromSecret, secret::Secret};

/// A connector whose struct is its configuration.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not declared as a sink connector",
    note = "put `#[sink_connector]` on `struct {Self}` as well as on its `impl SinkConnector`"
)]
pub trait GeneratedConnector: Sized + 'static {
    /// What a topic mapping says beyond the common keys. Named once, so that a type that is none is one error.
    type Mapping: TopicMapping;

    /// What is known of it without a configuration.
    const INFO: ConnectorInfo;

    /// What holds for common keys that a topic mapping leaves out, as TOML.
    const MAPPING_DEFAULTS: &'static [(&'static str, &'static str)] = &[];

    /// Reads every setting, then builds.
    fn load(section: &mut SectionReader<'_>) -> Option<Self>;

    /// What the common keys of the topic mappings say.
    fn mapping_settings(&self) -> Vec<MappingSettings>;
}

/// The `consumer_configs` of a connector whose author left it out.
pub fn consumer_configs<C: GeneratedConnector>(connector: &C) -> Vec<ConsumerConfig> {
    connector.mapping_settings().into_iter().map(|mapping| mapping.consumer).collect()
}

/// What is known of a connector when it is built.
#[derive(Debug, Clone, Copy)]
pub struct ConnectorInfo {
    /// The name of its package.
    pub name: &'static str,
    /// The version of its package.
    pub version: &'static str,
    /// The doc comment of its struct.
    pub about: &'static str,
    /// The table of its settings.
    pub section: &'static str,
    /// The file that holds if no other is named.
    pub config_file: Option<&'static str>,
    /// The folder of its package when it was built.
    pub crate_folder: &'static str,
    /// What `dev` says of the target.
    pub dev_hint: Option<&'static str>,
    /// Its settings and secrets, without the topic mappings.
    pub settings: &'static [SettingInfo],
}

impl ConnectorInfo {
    /// Of a connector that does not compile.
    pub const NOTHING: Self = Self {
        name: "",
        version: "",
        about: "",
        section: "",
        config_file: None,
        crate_folder: "",
        dev_hint: None,
        settings: &[],
    };
}

/// A connector without its type, so that what only looks at it is compiled once and not again with every connector.
#[derive(Debug, Clone, Copy)]
pub struct Declared {
    /// What is known of it without a configuration.
    pub info: ConnectorInfo,
    /// The keys of its own that a topic mapping has.
    pub mapping: &'static [SettingInfo],
    /// What holds for common keys that a topic mapping leaves out, as TOML.
    pub mapping_defaults: &'static [(&'static str, &'static str)],
}

impl Declared {
    /// The connector of a type.
    pub const fn of<C: GeneratedConnector>() -> Self {
        Self { info: C::INFO, mapping: C::Mapping::SETTINGS, mapping_defaults: C::MAPPING_DEFAULTS }
    }
}

/// What is known of one setting.
#[derive(Debug, Clone, Copy)]
pub struct SettingInfo {
    /// The key in the file.
    pub key: &'static str,
    /// The doc comment of the field.
    pub help: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// What holds without the key, as TOML.
    pub default: Option<&'static str>,
    /// Whether its type does without the key: as an `Option` does.
    pub optional: bool,
    /// The variable that a secret comes from.
    pub secret_env: Option<&'static str>,
}

impl SettingInfo {
    /// A required key of any shape.
    pub const fn new(key: &'static str) -> Self {
        Self { key, help: "", shape: Shape::Any, default: None, optional: false, secret_env: None }
    }
}

/// A key and how its value is read. Only here is the type asked for what it can do, so that one that is no setting is one
/// error.
#[derive(Debug, Clone, Copy)]
pub struct Key<T> {
    /// What is known of it.
    pub info: SettingInfo,
    /// Whether the shape says more than the type.
    limited: bool,
    /// The first limit that the type cannot have.
    pub refused: Option<Refusal>,
    read: fn(&Value) -> Result<T, Mistakes>,
    check: Option<Checking<T>>,
    pub(crate) absent: fn() -> Option<T>,
}

/// What finds out what is wrong with a value.
type Checking<T> = fn(&T) -> Result<(), Mistakes>;

/// A key of the file; its shape is that of the type.
pub const fn key<T: Setting>(info: SettingInfo) -> Key<T> {
    let info = SettingInfo { shape: T::SHAPE, optional: T::OPTIONAL, ..info };
    Key { info, limited: false, refused: None, read: T::read, check: None, absent: T::absent }
}

impl<T> Key<T> {
    /// The key with a further limit. One that cannot hold is told by [`limits`].
    #[must_use]
    pub const fn limited(self, limit: Limit) -> Self {
        match self.info.shape.narrowed(&limit) {
            Ok(shape) => Self { info: SettingInfo { shape, ..self.info }, limited: true, ..self },
            Err(refusal) if self.refused.is_none() => Self { refused: Some(refusal), ..self },
            Err(_) => self,
        }
    }

    /// The key with a check of the author's.
    #[must_use]
    pub const fn checked(self, check: fn(&T) -> Result<(), Mistakes>) -> Self {
        Self { check: Some(check), ..self }
    }

    /// Reads a value, and everything that is wrong with it.
    pub(crate) fn value(&self, value: &Value) -> Result<T, Mistakes> {
        if self.limited {
            value.fits(&self.info.shape)?;
        }
        let read = (self.read)(value)?;
        match self.check.map_or(Ok(()), |check| check(&read)) {
            Ok(()) => Ok(read),
            Err(wrong) => Err(wrong.located(|key| value.place(key))),
        }
    }
}

/// A check of the author's.
#[diagnostic::on_unimplemented(
    message = "this is not a check of `{T}`",
    label = "takes or returns something else",
    note = "write `fn …(&{T}) -> Result<(), E>`, whose error is a text, a `Mistake` or several `Mistakes`"
)]
pub trait Check<T> {
    /// What is wrong, if anything is.
    ///
    /// # Errors
    /// What is wrong.
    fn check(&self, value: &T) -> Result<(), Mistakes>;
}

#[diagnostic::do_not_recommend]
impl<T, F: Fn(&T) -> Result<(), E>, E: Into<Mistakes>> Check<T> for F {
    fn check(&self, value: &T) -> Result<(), Mistakes> {
        self(value).map_err(Into::into)
    }
}

/// What a check of the author's says.
///
/// # Errors
/// What is wrong.
pub fn check<T>(value: &T, check: impl Check<T>) -> Result<(), Mistakes> {
    check.check(value)
}

/// Stops the compiler at a limit that the type cannot have.
#[track_caller]
pub const fn limits(refused: Option<Refusal>) {
    if let Some(refusal) = refused {
        stop(Text::new(refusal.message), refusal.help);
    }
}

/// Stops the compiler at a default that the type cannot have.
#[track_caller]
pub const fn fits(shape: &Shape, default: &Scalar<'_>) {
    if let Some(misfit) = shape.misfit(default) {
        stop(Text::new("the default does not fit: ").with(misfit.message.as_str()), misfit.help.as_str());
    }
}

#[track_caller]
const fn stop(message: Text, help: &str) -> ! {
    panic!("{}", message.with("\nhelp: ").with(help).as_str())
}

/// A secret and how it is made.
#[derive(Debug, Clone, Copy)]
pub struct SecretKey<T> {
    /// What is known of it.
    pub info: SettingInfo,
    pub(crate) make: fn(Secret) -> T,
    pub(crate) absent: fn() -> Option<T>,
}

/// A key of the environment.
pub const fn secret_key<T: FromSecret>(info: SettingInfo) -> SecretKey<T> {
    let info = SettingInfo { shape: Shape::TEXT, optional: T::OPTIONAL, ..info };
    SecretKey { info, make: T::from_secret, absent: T::absent }
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

/// Names that a connector's own keys, its section and its secrets cannot have.
pub mod reserved {
    use crate::{
        file::environment,
        read::keys::{self, CORE, CORE_TABLES, Home, Key, MAPPING, MAPPING_LISTS},
        shape::Shape,
    };

    /// Whether every configuration has something else of this name at its root.
    pub fn is_root_key(name: &str) -> bool {
        CORE_TABLES.contains(&name) || is_core_key(name)
    }

    /// Whether it is one of the core keys, which stand at the root.
    pub fn is_core_key(name: &str) -> bool {
        is_key(CORE, Home::Root, name)
    }

    /// Whether every topic mapping has a key of this name.
    pub fn is_mapping_key(name: &str) -> bool {
        is_key(MAPPING, Home::Mapping, name)
    }

    /// Whether it is the list of topic mappings in every section.
    pub fn is_mapping_list(name: &str) -> bool {
        MAPPING_LISTS.contains(&name)
    }

    /// Whether the variable means something else.
    pub fn is_variable(name: &str) -> bool {
        environment::is_taken(name)
    }

    /// The common keys of a mapping for which the code may have a default, and what it may be.
    pub fn mapping_defaults() -> impl Iterator<Item = (&'static str, Shape)> {
        let of_one_mapping = [&keys::TOPIC, &keys::SUBSCRIPTION, &keys::CONSUMER_NAME].map(|key| key.name);
        MAPPING.iter().filter(move |key| !of_one_mapping.contains(&key.name)).map(|key| (key.name, key.shape))
    }

    fn is_key(keys: &[&Key], home: Home, name: &str) -> bool {
        keys.iter().any(|key| key.names(home).any(|one| one == name))
    }
}
