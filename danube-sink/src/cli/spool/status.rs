//! `spool status`: what the spool has, also while the connector runs.

use serde::Serialize;

use super::{age, is_configured, line};
use crate::{
    cli::output::{Format, print_all, print_json},
    config::ConnectorConfig,
    error::ConnectorResult,
    spool::{Survey, SurveyedGeneration, SurveyedLog},
};

/// The output of `spool status --format json`.
#[derive(Serialize)]
struct Document<'a> {
    folder: String,
    records: u64,
    bytes: u64,
    /// Oldest first.
    generations: Vec<Generation<'a>>,
    /// Copies of damaged files.
    damaged: Vec<String>,
    /// Why the copies cannot be listed.
    unreadable: Vec<String>,
}

#[derive(Serialize)]
struct Generation<'a> {
    number: u64,
    /// Its process runs; none if that cannot be read.
    in_use: Option<bool>,
    logs: Vec<Log>,
    /// Why the lock, logs or segments cannot be read.
    unreadable: Vec<&'a str>,
}

#[derive(Serialize)]
struct Log {
    /// The partition's own topic name.
    topic: String,
    subscription: String,
    records: u64,
    bytes: u64,
    oldest_seconds: Option<f64>,
    /// Its mapping is configured.
    configured: bool,
}

/// Prints the survey.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print(core: &ConnectorConfig, survey: &Survey, format: Format) -> ConnectorResult<()> {
    match format {
        Format::Json => print_json(&document(core, survey)),
        Format::Text => print_all(&text(core, survey)),
    }
}

fn text(core: &ConnectorConfig, survey: &Survey) -> String {
    let (records, folder) = (survey.records(), survey.folder.display());
    let mut text = format!("{records} records in the spool {folder}\n");
    for SurveyedGeneration { number, is_locked, logs, unreadable } in &survey.generations {
        let process = match is_locked {
            Ok(true) => "in use by a running process",
            Ok(false) => "of a process that has ended",
            Err(_) => "of a process that may run",
        };
        text.push_str(&format!("generation {number}, {process}\n"));
        logs.iter().for_each(|log| text.push_str(&format!("  {}\n", line(core, log))));
        let unreadable = is_locked.as_ref().err().into_iter().chain(unreadable);
        unreadable.for_each(|error| text.push_str(&format!("  cannot be read: {error}\n")));
    }
    for path in &survey.damaged {
        text.push_str(&format!("copy of a damaged file: {}\n", path.display()));
    }
    survey.unreadable.iter().for_each(|error| text.push_str(&format!("cannot be read: {error}\n")));
    text
}

fn document<'a>(core: &ConnectorConfig, survey: &'a Survey) -> Document<'a> {
    let log = |log: &SurveyedLog| Log {
        topic: log.topic().as_ref().to_owned(),
        subscription: log.key().subscription.clone(),
        records: log.size.records,
        bytes: log.size.bytes,
        oldest_seconds: age(log),
        configured: is_configured(core, log),
    };
    let generation = |SurveyedGeneration { number, is_locked, logs, unreadable }: &'a SurveyedGeneration| Generation {
        number: *number,
        in_use: is_locked.as_ref().ok().copied(),
        logs: logs.iter().map(log).collect(),
        unreadable: is_locked.as_ref().err().into_iter().chain(unreadable).map(String::as_str).collect(),
    };
    Document {
        folder: survey.folder.display().to_string(),
        records: survey.records(),
        bytes: survey.bytes(),
        generations: survey.generations.iter().map(generation).collect(),
        damaged: survey.damaged.iter().map(|path| path.display().to_string()).collect(),
        unreadable: survey.unreadable.clone(),
    }
}
