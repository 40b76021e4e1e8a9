//! An invalid configuration, as one error: the report of all its diagnostics.

use std::{error::Error, fmt, ops::Range, path::Path};

use super::{
    diagnostic::{Diagnostic, Diagnostics},
    location::SourceFile,
};

/// An invalid configuration. Printed, it is the report of everything that is wrong with it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    path: Option<String>,
    entries: Vec<ReportEntry>,
}

/// One diagnostic of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReportEntry {
    /// Line and column in the file, from 1; none if the cause is not in the file.
    pub line_and_column: Option<(usize, usize)>,
    /// The cause, without its location.
    pub message: String,
    /// What to do.
    pub help: String,
    /// `connector.toml:7:1: `, or nothing.
    prefix: String,
    /// The line of the file with marks below it, or nothing.
    excerpt: String,
}

impl ConfigError {
    /// The number of diagnostics in the report.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The diagnostics, in the order of the file.
    pub fn entries(&self) -> &[ReportEntry] {
        &self.entries
    }

    /// The file, as it was named; none if no file was found.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    pub(crate) fn of_file(path: &Path, text: &str, redacted: &[Range<usize>], diagnostics: Diagnostics) -> Self {
        let (found, more) = diagnostics.into_parts();
        let redacted = [redacted, &more].concat();
        let file = SourceFile { path, text, redacted: &redacted };
        let entries = found.into_iter().map(|diagnostic| ReportEntry::new(diagnostic, Some(&file))).collect();
        Self { path: Some(path.display().to_string()), entries }
    }

    pub(crate) fn without_file(diagnostic: Diagnostic) -> Self {
        Self { path: None, entries: vec![ReportEntry::new(diagnostic, None)] }
    }

    /// The report in one line, for an error of serde, which adds its own location.
    #[cfg(feature = "runtime")]
    pub(crate) fn in_one_line(diagnostics: Diagnostics) -> String {
        let (found, _) = diagnostics.into_parts();
        let lines: Vec<String> = found.iter().map(|one| format!("{} (help: {})", one.message, one.help)).collect();
        lines.join("; ")
    }
}

impl ReportEntry {
    pub(crate) fn new(diagnostic: Diagnostic, file: Option<&SourceFile<'_>>) -> Self {
        let Diagnostic { message, help, span, .. } = diagnostic;
        let location = file.and_then(|file| span.map(|span| file.locate(&span)));
        let line_and_column = location.as_ref().map(|location| (location.line, location.column));
        let (prefix, excerpt) = location.map(|location| (location.prefix, location.excerpt)).unwrap_or_default();
        Self { line_and_column, message, help, prefix, excerpt }
    }

    /// The message with its location and the excerpt, without the help.
    pub(crate) fn message_with_excerpt(&self) -> String {
        format!("{}{}\n{}", self.prefix, self.message, self.excerpt).trim_end().to_owned()
    }
}

impl fmt::Display for ReportEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}\n   help: {}\n", self.message_with_excerpt(), self.help)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(path) = &self.path else { return self.entries.iter().try_for_each(|entry| entry.fmt(f)) };
        for entry in &self.entries {
            writeln!(f, "{entry}")?;
        }
        let noun = if self.entries.len() == 1 { "error" } else { "errors" };
        write!(f, "{} {noun} in {path}", self.entries.len())
    }
}

/// The report: `main` prints an error in this form.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ConfigError {}
