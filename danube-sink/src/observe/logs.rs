//! Log lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::error::{ConnectorError, ConnectorResult};

/// Starts to log at a level, or at levels by target as in `info,danube_sink=debug`. `RUST_LOG` is stronger.
///
/// Does nothing if the program has set up its own logging.
///
/// # Errors
/// The level is not one.
pub(crate) fn start_logs(level: &str) -> ConnectorResult<()> {
    let level = std::env::var("RUST_LOG").unwrap_or_else(|_| level.to_owned());
    let mut targets: Targets = level.parse().map_err(|error| {
        ConnectorError::configuration(format!(
            "log_level = {level:?}: {error}; write error, warn, info, debug or trace, or targets as in \
             \"info,danube_sink=debug\""
        ))
    })?;
    if level.parse::<LevelFilter>().is_ok_and(|level| level <= LevelFilter::INFO) {
        // It tells of each connection that it tries; what matters of that is told here.
        targets = targets.with_target("danube_client", LevelFilter::WARN);
    }
    let lines =
        tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).with_target(false);
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
    Ok(())
}
