//! `spool`: shows, delivers and exports what is in the spool, the folder `data_dir`.
//!
//! ```text
//!  status: survey of the folder ──▶ text or JSON       drain: spool ──▶ target, until it is empty
//!  export: survey of the folder ──▶ JSON lines
//! ```

mod drain;
mod export;
mod status;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{LoadedConnector, block_on, failure::Failure, output::Format};
use crate::{
    config::ConnectorConfig,
    error::{ConnectorError, ConnectorResult},
    spool::{Survey, SurveyedLog, now, size_text},
};

/// The arguments of `spool`.
#[derive(Debug)]
pub(crate) enum Options {
    Status(Format),
    Drain {
        /// How long it may take; as long as it needs without it.
        timeout: Option<Duration>,
    },
    Export {
        /// Standard output without it.
        file: Option<PathBuf>,
    },
}

/// Runs one of the commands.
///
/// # Errors
/// [`ConnectorError::Configuration`] without `data_dir`; [`ConnectorError::Fatal`] if the spool cannot be read, and as the
/// command says.
pub(super) fn run(loaded: LoadedConnector, options: Options) -> Result<(), Failure> {
    let survey = survey(&loaded.core)?;
    match options {
        Options::Status(format) => Ok(status::print(&loaded.core, &survey, format)?),
        Options::Drain { timeout } => block_on(drain::run(loaded, &survey, timeout)),
        Options::Export { file } => Ok(export::run(&survey, file.as_deref())?),
    }
}

fn survey(core: &ConnectorConfig) -> ConnectorResult<Survey> {
    let data_dir: &Path = core.data_dir.as_deref().ok_or_else(|| {
        ConnectorError::configuration(
            "there is no spool: data_dir is not set; set it to the folder of the spool, as in data_dir = \
             \"/var/lib/my-connector\"",
        )
    })?;
    Survey::read(data_dir, &core.connector_name)
        .map_err(|error| ConnectorError::fatal(format!("the spool cannot be read: {error}")))
}

/// Whether the mapping of a log is configured.
fn is_configured(core: &ConnectorConfig, log: &SurveyedLog) -> bool {
    let mut consumers = core.mappings.iter().map(|mapping| &mapping.consumer);
    consumers.any(|consumer| consumer.topic == log.key().topic && consumer.subscription == log.key().subscription)
}

/// The seconds since the oldest record of a log was spooled.
fn age(log: &SurveyedLog) -> Option<f64> {
    log.size.oldest.map(|oldest| Duration::from_micros(now().saturating_sub(oldest)).as_secs_f64())
}

/// A line for each thing that cannot be read, behind an error.
fn lines_of_unreadable<'a>(errors: impl Iterator<Item = &'a str>) -> String {
    errors.map(|error| format!("\n  cannot be read: {error}")).collect()
}

/// A line about a log.
fn line(core: &ConnectorConfig, log: &SurveyedLog) -> String {
    let (topic, subscription, size) = (log.topic(), &log.key().subscription, log.size);
    let mut line = format!("{topic}  subscription {subscription}: {} records, {}", size.records, size_text(size.bytes));
    if let Some(age) = age(log) {
        line.push_str(&format!(", the oldest {age:.1} s old"));
    }
    if size.records > 0 && !is_configured(core, log) {
        line.push_str("; its mapping is not configured, so that only `spool export` reads them");
    }
    line
}
