//! Everything that is wrong with a configuration, as one error.

use std::{error::Error, fmt, path::Path};

use crate::{
    report::mistake::{Mistake, Mistakes},
    report::render,
};

/// Everything that is wrong with a configuration. Printed, it is the whole report.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigError {
    report: String,
    mistakes: usize,
}

impl ConfigError {
    /// How many mistakes the report names.
    pub fn mistakes(&self) -> usize {
        self.mistakes
    }

    pub(crate) fn of_file(path: &Path, text: &str, mistakes: Mistakes) -> Self {
        let (found, hidden) = mistakes.into_parts();
        Self { report: render::render(path, text, &found, &hidden), mistakes: found.len() }
    }

    /// For an error of serde, which adds its own place.
    pub(crate) fn in_one_line(mistakes: Mistakes) -> String {
        let (found, _) = mistakes.into_parts();
        let lines: Vec<String> = found.iter().map(|one| format!("{} (help: {})", one.message, one.help)).collect();
        lines.join("; ")
    }

    pub(crate) fn without_file(mistake: Mistake) -> Self {
        Self { report: render::render_one(&mistake), mistakes: 1 }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

/// The report, readable: `main` prints an error in this form.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report)
    }
}

impl Error for ConfigError {}
