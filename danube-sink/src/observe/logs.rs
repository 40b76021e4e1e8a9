//! Log lines on standard error.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::{
    filter::{LevelFilter, ParseError, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::error::{ConnectorError, ConnectorResult};

/// Starts to log at a level, or at levels by target as in `info,danube_sink=debug`. `RUST_LOG` is stronger.
///
/// A level up to `info` is for what the runtime and the connector's crate, `own`, say; of their libraries, warnings and errors
/// are shown: some tell of each connection that they try, or of each file that they read.
///
/// Does nothing if the program has set up its own logging.
///
/// # Errors
/// The level is not one.
pub(crate) fn start_logs(level: &str, own: &str) -> ConnectorResult<()> {
    let level = std::env::var("RUST_LOG").unwrap_or_else(|_| level.to_owned());
    let targets = targets(&level, own).map_err(|error| {
        ConnectorError::configuration(format!(
            "log_level = {level:?}: {error}; write error, warn, info, debug or trace, or targets as in \
             \"info,danube_sink=debug\""
        ))
    })?;
    let lines =
        tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).with_target(false);
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
    Ok(())
}

fn targets(level: &str, own: &str) -> Result<Targets, ParseError> {
    match level.parse::<LevelFilter>() {
        Ok(plain) if plain <= LevelFilter::INFO => {
            let libraries = plain.min(LevelFilter::WARN);
            Ok(Targets::new().with_default(libraries).with_targets([("danube_sink", plain), (own, plain)]))
        }
        _ => level.parse(),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_plain_level_is_for_the_connector_and_the_runtime() {
        let shown = |level: &str, target: &str, at: Level| targets(level, "users").unwrap().would_enable(target, &at);
        for own in ["users::table", "danube_sink::pipeline"] {
            assert!(shown("info", own, Level::INFO) && !shown("info", own, Level::DEBUG));
            assert!(shown("warn", own, Level::WARN) && !shown("warn", own, Level::INFO));
        }
        assert!(shown("info", "library", Level::WARN) && !shown("info", "library", Level::INFO));
        assert!(shown("error", "library", Level::ERROR) && !shown("error", "library", Level::WARN));
        assert!(shown("debug", "library", Level::DEBUG));
        assert!(shown("info,library=debug", "library", Level::DEBUG));
        assert!(shown("info,library=debug", "another", Level::INFO));
        assert!(targets("loud=very", "users").is_err());
    }
}
