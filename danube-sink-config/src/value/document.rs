//! A configuration file: its text, and its tables.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use toml::de::DeTable;

use super::value::Table;
use crate::report::{ConfigError, Diagnostic, Diagnostics, SecretNames, SourceFile, secrets_in};

/// A file that is TOML; the validator decides whether it is a configuration.
#[derive(Clone)]
pub(crate) struct Document {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) root: Table,
    /// Secrets, which no report shows.
    pub(crate) redacted: Vec<Range<usize>>,
}

impl Document {
    pub(crate) fn parse(path: &Path, text: String, names: &SecretNames<'_>) -> Result<Self, ConfigError> {
        let redacted = secrets_in(&text, names);
        match parse(&text) {
            Ok(root) => Ok(Self { path: path.to_owned(), text, root, redacted }),
            Err(diagnostics) => Err(ConfigError::of_file(path, &text, &redacted, diagnostics)),
        }
    }

    /// The notes, each with its line.
    pub(crate) fn notes(&self, diagnostics: &mut Diagnostics) -> Vec<String> {
        let file = SourceFile { path: &self.path, text: &self.text, redacted: &self.redacted };
        let notes = diagnostics.take_notes().into_iter();
        notes.map(|(note, span)| format!("{}{note}", file.locate(&span).prefix)).collect()
    }

    /// The line of a byte, from 1.
    pub(crate) fn line_of(&self, at: usize) -> usize {
        line_of(&self.text, at)
    }

    pub(crate) fn result<T>(&self, value: Option<T>, diagnostics: Diagnostics) -> Result<T, ConfigError> {
        match value {
            Some(value) if diagnostics.is_empty() => Ok(value),
            _ => Err(ConfigError::of_file(&self.path, &self.text, &self.redacted, diagnostics)),
        }
    }
}

/// The tables of a text, or the errors of its syntax.
fn parse(text: &str) -> Result<Table, Diagnostics> {
    let (parsed, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Table::from_parsed(parsed.get_ref(), None));
    }
    // The parser's recovery is a guess, so that only the syntax is reported; and of each line the first error, which causes
    // the others.
    let mut diagnostics = Diagnostics::default();
    let mut reported: Vec<usize> = Vec::new();
    for error in errors {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = line_of(text, start);
        if !reported.contains(&line) {
            reported.push(line);
            diagnostics.push(Diagnostic::new(error.message(), syntax_help(error.message())).at(error.span()));
        }
    }
    Err(diagnostics)
}

fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1
}

fn syntax_help(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "remove one of the two; an array of tables is written `[[name]]`"
    } else if message.contains("must be quoted") {
        "write the value in double quotes"
    } else if message.contains("unclosed") || message.contains("invalid basic string") {
        "close the quote or bracket that this line opens"
    } else {
        "write `key = value` lines and `[table]` headers, as in TOML"
    }
}
