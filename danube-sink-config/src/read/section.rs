//! Reads the connector's own section.

use std::{fmt, fs};

use crate::{
    file::environment::{self, Environment},
    file::value::Value,
    generated::{GeneratedConnector, Key, SecretKey},
    mapping::{TopicMapping, TopicMappings},
    read::keys::{self, MAPPING_LISTS},
    read::mapping_keys::Common,
    read::mapping_list::{self, Own},
    read::table::TableReader,
    report::mistake::{Mistake, Mistakes},
    secret::Secret,
    settings::ConnectorConfig,
};

/// Reads the section. Generated code asks it for every setting, so that every mistake is found.
pub struct SectionReader<'r> {
    pub(crate) table: TableReader<'r>,
    pub(crate) section: &'r str,
    pub(crate) core: &'r ConnectorConfig,
    pub(crate) environment: &'r dyn Environment,
    pub(crate) mistakes: &'r mut Mistakes,
}

impl SectionReader<'_> {
    /// The value of a key.
    pub fn setting<T>(&mut self, key: &Key<T>) -> Option<T> {
        self.table.setting(key, self.mistakes)
    }

    /// A secret, from the environment.
    pub fn secret<T>(&mut self, key: &SecretKey<T>) -> Option<T> {
        let info = key.info;
        let variable = info.secret_env?;
        let by_file = format!("{variable}_FILE");
        if let Some(entry) = self.table.take(info.key) {
            self.mistakes.hide(entry.value.span.clone());
            self.mistakes.push(
                Mistake::new(
                    format!("`{}` is a secret and must not be in the file", info.key),
                    format!(
                        "remove it, and set the variable {variable}, or {by_file} to the name of a file that holds it"
                    ),
                )
                .at(entry.key_span.clone()),
            );
            return None;
        }
        let value = environment::text(self.environment, variable, self.mistakes);
        let file = environment::text(self.environment, &by_file, self.mistakes);
        match (value, file) {
            (Some(_), Some(_)) => {
                let message = format!("both {variable} and {by_file} are set");
                self.mistakes.push(Mistake::new(message, "unset one of the two variables"));
                None
            }
            (Some(value), None) => Some((key.make)(Secret::new(value))),
            (None, Some(file)) => self.secret_in(&file, &by_file).map(key.make),
            (None, None) => {
                let absent = (key.absent)();
                if absent.is_none() {
                    self.mistakes.push(Mistake::new(
                        format!("missing secret `{}`", info.key),
                        format!("set the variable {variable}, or {by_file} to the name of a file that holds it"),
                    ));
                }
                absent
            }
        }
    }

    fn secret_in(&mut self, file: &str, variable: &str) -> Option<Secret> {
        match fs::read_to_string(file) {
            // Editors and `echo` end a file with a newline that is no part of the secret.
            Ok(text) => Some(Secret::new(text.strip_suffix('\n').map_or(&*text, |text| text.trim_end_matches('\r')))),
            Err(error) => {
                self.mistakes.push(Mistake::new(
                    format!("cannot read `{file}`, which the variable {variable} names: {error}"),
                    "name a file in UTF-8 that this process may read",
                ));
                None
            }
        }
    }

    /// What a check of the author's says of the whole connector.
    pub fn validated(&mut self, checked: Result<(), Mistakes>) {
        if let Err(wrong) = checked {
            self.mistakes.append(wrong.located(|key| self.table.place(key)));
        }
    }

    /// The topic mappings.
    pub fn topic_mappings<C: GeneratedConnector>(&mut self) -> Option<TopicMappings<C::Mapping>> {
        let [words, newer] = MAPPING_LISTS.map(|name| self.table.take(name));
        if let (Some(_), Some(twice)) = (words, newer) {
            let message = format!("`{}` and `{}` are two names for the same list", MAPPING_LISTS[0], MAPPING_LISTS[1]);
            self.mistakes.push(Mistake::new(message, "use one of them for all mappings").at(twice.key_span.clone()));
        }
        let Some(entry) = words.or(newer) else {
            self.table.missing(keys::MAPPING_LISTS[0], mapping_list::example(self.section));
            return None;
        };
        let host = environment::host_name(self.environment);
        let mut defaults = Vec::new();
        for (key, literal) in C::MAPPING_DEFAULTS {
            let value = Value::from_literal(literal).map_err(|wrong| Mistakes::from(wrong).of_default(key));
            defaults.extend(self.mistakes.keep(value).map(|value| (*key, value)));
        }
        let common = Common { core: self.core, host: &host, defaults: &defaults };
        mapping_list::read_list(entry, self.section, common, Own::ByKey(C::Mapping::read), self.mistakes)
    }
}

impl fmt::Debug for SectionReader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SectionReader").field("section", &self.section).finish_non_exhaustive()
    }
}

/// [`Secret`], or an `Option` of it.
pub trait FromSecret: Sized {
    /// With a value.
    fn from_secret(secret: Secret) -> Self;

    /// Without one, if it is optional.
    fn absent() -> Option<Self>;
}

impl FromSecret for Secret {
    fn from_secret(secret: Secret) -> Self {
        secret
    }

    fn absent() -> Option<Self> {
        None
    }
}

impl FromSecret for Option<Secret> {
    fn from_secret(secret: Secret) -> Self {
        Some(secret)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}
