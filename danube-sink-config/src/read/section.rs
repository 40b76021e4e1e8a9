//! Reads the connector's own section.

use std::{fmt, fs, path::Path};

use crate::{
    beyond::CheckDecoding,
    file::environment::{self, Environment},
    file::value::{Table, Value},
    generated::{GeneratedConnector, Key, SecretKey},
    mapping::{TopicMapping, TopicMappings},
    read::keys::{self, MAPPING_LISTS},
    read::mapping_keys::Common,
    read::mapping_list::{self, Own},
    read::root,
    read::secret_source::{self, SecretSource},
    read::table::TableReader,
    report::mistake::{Mistake, Mistakes},
    secret::Secret,
    settings::ConnectorConfig,
};

/// Reads the section. Generated code asks it for every setting, so that every mistake is found.
pub struct SectionReader<'r> {
    pub(crate) table: TableReader<'r>,
    pub(crate) section: &'r str,
    /// The whole file.
    pub(crate) root: &'r Table,
    pub(crate) core: &'r ConnectorConfig,
    pub(crate) environment: &'r dyn Environment,
    pub(crate) decoding: CheckDecoding,
    pub(crate) mistakes: &'r mut Mistakes,
}

impl<'r> SectionReader<'r> {
    /// The value of a key.
    pub fn setting<T>(&mut self, key: &Key<T>) -> Option<T> {
        self.table.setting(key, self.mistakes)
    }

    /// A secret, from the environment.
    pub fn secret<T>(&mut self, key: &SecretKey<T>) -> Option<T> {
        let info = key.info;
        let variable = info.secret_env?;
        self.not_in_file(info.key, variable)?;
        match secret_source::find(self.environment, variable, self.mistakes).ok()? {
            Some(SecretSource::Variable(secret)) => Some((key.make)(secret)),
            Some(SecretSource::File(file)) => self.secret_in(&file, &secret_source::by_file(variable)).map(key.make),
            None => {
                let absent = (key.absent)();
                if absent.is_none() {
                    self.mistakes.push(Mistake::new(
                        format!("missing secret `{}`", info.key),
                        secret_source::how_to_give(variable),
                    ));
                }
                absent
            }
        }
    }

    /// Reports a secret that stands in the file.
    pub(crate) fn not_in_file(&mut self, secret: &'r str, variable: &str) -> Option<()> {
        let Some(entry) = self.table.take(secret) else { return Some(()) };
        self.mistakes.hide(&entry.value);
        let help = format!("remove it, and {}", secret_source::how_to_give(variable));
        let message = format!("`{secret}` is a secret and must not be in the file");
        self.mistakes.push(Mistake::new(message, help).at(entry.key_span.clone()));
        None
    }

    fn secret_in(&mut self, file: &Path, variable: &str) -> Option<Secret> {
        match fs::read_to_string(file) {
            // Editors and `echo` end a file with a newline that is no part of the secret.
            Ok(text) => Some(Secret::new(text.strip_suffix('\n').map_or(&*text, |text| text.trim_end_matches('\r')))),
            Err(error) => {
                self.mistakes.push(Mistake::new(
                    format!("cannot read `{}`, which the variable {variable} names: {error}", file.display()),
                    "name a file in UTF-8 that this process may read",
                ));
                None
            }
        }
    }

    /// What a check of the author's says of the whole connector.
    pub fn validated(&mut self, checked: Result<(), Mistakes>) {
        self.table.validated(checked, self.mistakes);
    }

    /// The topic mappings.
    pub fn topic_mappings<C: GeneratedConnector>(&mut self) -> Option<TopicMappings<C::Mapping>> {
        self.mappings(C::MAPPING_DEFAULTS, Own::ByKey(C::Mapping::read))
    }

    /// `defaults`: what holds for common keys that a mapping leaves out, as TOML.
    pub(crate) fn mappings<T>(&mut self, defaults: &[(&str, &str)], own: Own<'_, T>) -> Option<TopicMappings<T>> {
        let [words, newer] = MAPPING_LISTS.map(|name| self.table.take(name));
        if let (Some(_), Some(twice)) = (words, newer) {
            let message = format!("`{}` and `{}` are two names for the same list", MAPPING_LISTS[0], MAPPING_LISTS[1]);
            self.mistakes.push(Mistake::new(message, "use one of them for all mappings").at(twice.key_span.clone()));
        }
        if let Some(newer) = newer {
            let note = format!("`{}` is read as `{}`", MAPPING_LISTS[1], MAPPING_LISTS[0]);
            self.mistakes.note(note, &newer.key_span);
        }
        let Some(entry) = words.or(newer) else {
            self.table.missing(keys::MAPPING_LISTS[0], mapping_list::example(self.section));
            return None;
        };
        let host = environment::host_name(self.environment);
        let mut known = Vec::new();
        // What the file says for all mappings is more than what the code says for one.
        for (key, literal) in defaults.iter().filter(|(key, _)| !root::says(self.root, key)) {
            let value = Value::from_literal(literal).map_err(|wrong| Mistakes::from(wrong).of_default(key));
            known.extend(self.mistakes.keep(value).map(|value| (*key, value)));
        }
        let common = Common { core: self.core, host: &host, decoding: self.decoding, defaults: &known };
        mapping_list::read_list(entry, self.section, common, own, self.mistakes)
    }
}

impl fmt::Debug for SectionReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionReader").field("section", &self.section).finish_non_exhaustive()
    }
}

/// [`Secret`], or an `Option` of it.
pub trait FromSecret: Sized {
    /// Whether [`absent`](Self::absent) is there.
    const OPTIONAL: bool = false;

    /// With a value.
    fn from_secret(secret: Secret) -> Self;

    /// Without one, if it is optional.
    fn absent() -> Option<Self>;
}

impl FromSecret for Secret {
    const OPTIONAL: bool = false;

    fn from_secret(secret: Secret) -> Self {
        secret
    }

    fn absent() -> Option<Self> {
        None
    }
}

impl FromSecret for Option<Secret> {
    const OPTIONAL: bool = true;

    fn from_secret(secret: Secret) -> Self {
        Some(secret)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}
