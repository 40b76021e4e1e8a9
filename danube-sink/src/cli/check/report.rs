//! The report of `check`: lines as they come, or one JSON object in the end.

use serde::Serialize;

use super::spool::SpoolFigures;
use crate::{
    cli::{
        failure::{Failure, INVALID_CONFIGURATION},
        output::{Format, print_all, print_json},
    },
    config::ReportEntry,
    error::{ConnectorError, ConnectorResult},
};

/// Collects the results of `check`, and prints them.
#[derive(Debug)]
pub(in crate::cli) struct Report {
    format: Format,
    /// Whether a warning is a failure.
    deny_warnings: bool,
    /// A probe has found that the configuration can never work.
    is_misconfigured: bool,
    document: Document,
    /// A failure to print a line. It ends no probe.
    unwritten: Option<ConnectorError>,
}

/// The output of `check --format json`.
#[derive(Debug, Default, Serialize)]
struct Document {
    /// None if no file was found.
    file: Option<String>,
    errors: Vec<ReportedError>,
    warnings: Vec<String>,
    notes: Vec<String>,
    probes: Vec<Probe>,
    /// With `data_dir` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    spool: Option<SpoolFigures>,
}

/// An error of the configuration.
#[derive(Debug, Serialize)]
struct ReportedError {
    line: Option<usize>,
    column: Option<usize>,
    message: String,
    help: Option<String>,
}

impl ReportedError {
    fn of_entry(entry: &ReportEntry) -> Self {
        let (line, column) = entry.line_and_column.unzip();
        Self { line, column, message: entry.message.clone(), help: Some(entry.help.clone()) }
    }
}

#[derive(Debug, Serialize)]
struct Probe {
    name: String,
    result: ProbeResult,
    /// Why it failed, or was skipped.
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ProbeResult {
    Ok,
    Failed,
    Skipped,
}

impl Report {
    pub(super) fn new(file: String, format: Format, deny_warnings: bool) -> Self {
        let document = Document { file: Some(file), ..Document::default() };
        Self { format, deny_warnings, is_misconfigured: false, document, unwritten: None }
    }

    /// Prints the failure of a command as JSON, if it is an invalid configuration: that of `file`, if one was found.
    ///
    /// # Errors
    /// Always: the failure, with its exit code.
    pub(in crate::cli) fn print_failure(file: Option<String>, failure: Failure) -> Result<(), Failure> {
        let errors = match failure {
            Failure::Invalid(error) => error.entries().iter().map(ReportedError::of_entry).collect(),
            Failure::Error(error @ ConnectorError::Configuration { .. }) => {
                vec![ReportedError { line: None, column: None, message: error.report(), help: None }]
            }
            other => return Err(other),
        };
        print_json(&Document { file, errors, ..Document::default() })?;
        Err(Failure::Shown(INVALID_CONFIGURATION))
    }

    /// Prints lines that JSON does not have.
    pub(super) fn text(&mut self, text: &str) {
        if self.format == Format::Text && self.unwritten.is_none() {
            self.unwritten = print_all(text).err();
        }
    }

    pub(super) fn note(&mut self, note: String) {
        self.text(&format!("note: {note}\n"));
        self.document.notes.push(note);
    }

    pub(super) fn warning(&mut self, warning: String) {
        self.text(&format!("warning: {warning}\n"));
        self.document.warnings.push(warning);
    }

    pub(super) fn spool(&mut self, figures: SpoolFigures) {
        self.document.spool = Some(figures);
    }

    /// Adds the result of a probe, and returns its value.
    pub(super) fn result<T>(&mut self, name: &str, outcome: Result<T, String>) -> Option<T> {
        match outcome {
            Ok(value) => {
                self.probe(name, ProbeResult::Ok, None);
                Some(value)
            }
            Err(reason) => {
                self.probe(name, ProbeResult::Failed, Some(reason));
                None
            }
        }
    }

    /// Adds the result of a step of the connector, and returns its value.
    pub(super) fn step<T>(&mut self, name: &str, outcome: ConnectorResult<T>) -> Option<T> {
        self.is_misconfigured |= matches!(outcome, Err(ConnectorError::Configuration { .. }));
        self.result(name, outcome.map_err(|error| error.report()))
    }

    pub(super) fn skipped(&mut self, name: &str, reason: &str) {
        self.probe(name, ProbeResult::Skipped, Some(reason.to_owned()));
    }

    fn probe(&mut self, name: &str, result: ProbeResult, reason: Option<String>) {
        let column = match result {
            ProbeResult::Ok => "ok         ",
            ProbeResult::Failed => "failed     ",
            ProbeResult::Skipped => "skipped    ",
        };
        let line = reason.as_ref().map_or_else(|| name.to_owned(), |reason| format!("{name}: {reason}"));
        self.text(&format!("{column}{line}\n"));
        self.document.probes.push(Probe { name: name.to_owned(), result, reason });
    }

    /// Prints what is not printed yet.
    ///
    /// # Errors
    /// A configuration that can never work: exit code 78. Another failed probe, a warning that is denied, or output that cannot be
    /// written: exit code 1.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Self { format, deny_warnings, is_misconfigured, document, unwritten } = self;
        if format == Format::Json {
            print_json(&document)?;
        }
        if let Some(unwritten) = unwritten {
            return Err(unwritten.into());
        }
        let count = |result| document.probes.iter().filter(|probe| probe.result == result).count();
        let (failed, warnings) = (count(ProbeResult::Failed), document.warnings.len());
        let text = if failed > 0 {
            format!("{failed} of {} probes failed", failed + count(ProbeResult::Ok))
        } else if deny_warnings && warnings > 0 {
            format!("--deny-warnings: {warnings} {}", if warnings == 1 { "warning" } else { "warnings" })
        } else {
            return Ok(());
        };
        let (error, code) = match is_misconfigured {
            true => (ConnectorError::configuration(text), INVALID_CONFIGURATION),
            false => (ConnectorError::fatal(text), 1),
        };
        // The JSON object shows the failure.
        Err(if format == Format::Text { error.into() } else { Failure::Shown(code) })
    }
}
