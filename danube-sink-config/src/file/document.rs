//! One configuration file: its text, and what TOML makes of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use crate::{
    file::value::Table,
    report::error::ConfigError,
    report::mistake::{Mistake, Mistakes},
    report::render,
};

/// A file that is TOML; whether it is a configuration is seen by the readers of its tables.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) root: Table,
}

impl Document {
    pub(crate) fn read(path: &Path, secrets: &[&str]) -> Result<Self, ConfigError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(path, text, secrets),
            Err(error) => Err(ConfigError::without_file(Mistake::new(
                format!("cannot read the configuration file `{}`: {error}", path.display()),
                "name the file with `--config <file>` or with the variable CONNECTOR_CONFIG_PATH",
            ))),
        }
    }

    /// `secrets`: keys whose values are hidden when the text is not even TOML.
    pub(crate) fn parse(path: &Path, text: String, secrets: &[&str]) -> Result<Self, ConfigError> {
        match Self::tables(&text, secrets) {
            Ok(root) => Ok(Self { path: path.to_owned(), text, root }),
            Err(mistakes) => Err(ConfigError::of_file(path, &text, mistakes)),
        }
    }

    /// What TOML makes of a text, or every mistake of its syntax.
    pub(crate) fn tables(text: &str, secrets: &[&str]) -> Result<Table, Mistakes> {
        let (parsed, errors) = DeTable::parse_recoverable(text);
        if errors.is_empty() {
            return Ok(Table::from_parsed(parsed.get_ref(), None));
        }
        // What was recovered is a guess: a mistake in it may be none. So nothing but the syntax is reported.
        let mut mistakes = Mistakes::default();
        for error in errors {
            mistakes.push(Mistake::new(error.message(), syntax_help(error.message())).at(error.span()));
        }
        for hidden in render::lines_of_keys(text, secrets) {
            mistakes.hide_bytes(hidden);
        }
        Err(mistakes)
    }

    /// What is worth a line in a log, with its place.
    pub(crate) fn notes(&self, mistakes: &mut Mistakes) -> Vec<String> {
        let told = |(note, span)| format!("{}{note}", render::place(&self.path, &self.text, &span, &[]).at);
        mistakes.take_notes().into_iter().map(told).collect()
    }

    pub(crate) fn result<T>(&self, value: Option<T>, mistakes: Mistakes) -> Result<T, ConfigError> {
        match value {
            Some(value) if mistakes.is_empty() => Ok(value),
            _ => Err(ConfigError::of_file(&self.path, &self.text, mistakes)),
        }
    }
}

fn syntax_help(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "remove one of the two; a list of tables is written `[[name]]`"
    } else if message.contains("must be quoted") {
        "write the value in double quotes"
    } else if message.contains("unclosed") || message.contains("invalid basic string") {
        "close what is opened on this line"
    } else {
        "write `key = value` lines and `[table]` headers, as TOML wants them"
    }
}
