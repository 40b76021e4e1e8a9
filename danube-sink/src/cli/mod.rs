//! What the generated `main` runs: `run` (the default), `check` and `dev`.
//!
//! ```text
//!  arguments ──▶ configuration ──▶ run | check | dev ──▶ exit code
//! ```

mod arguments;
#[cfg(feature = "dev")]
mod dev;

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
};

use self::arguments::Command;
use crate::{
    config::{self, ConfigSource, Loaded, generated::GeneratedConnector},
    error::{ConnectorError, ConnectorResult, ErrorExt},
    observe::start_logs,
    runtime::SinkRuntime,
};

/// The configuration is wrong: `EX_CONFIG` of `sysexits.h`.
const CONFIGURATION: u8 = 78;

/// Reads the command line and does what it says.
pub fn main<C: GeneratedConnector>() -> ExitCode {
    let arguments = match arguments::parse(&C::INFO, std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(shown) => {
            // Where nobody reads the answer, the exit code is all there is.
            let _ = shown.print();
            return ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(1));
        }
    };
    let loaded = match config::load::<C>(&ConfigSource { path: arguments.config }) {
        Ok(loaded) => loaded,
        Err(report) => {
            say(stderr(), &format!("{report}\n"));
            return ExitCode::from(CONFIGURATION);
        }
    };
    match command(loaded, arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(stderr(), &format!("error: {}\n", error.report()));
            let configuration = matches!(error, ConnectorError::Configuration { .. });
            if configuration { ExitCode::from(CONFIGURATION) } else { ExitCode::FAILURE }
        }
    }
}

fn command<C: GeneratedConnector>(loaded: Loaded<C>, command: Command) -> ConnectorResult<()> {
    start_logs(&loaded.core.log_level)?;
    tracing::debug!("configuration from {}", loaded.path.display());
    match command {
        Command::Run => block_on(async { SinkRuntime::new(loaded.connector, loaded.core).await?.run().await }),
        Command::Check => {
            say(stdout(), &checked(&loaded));
            Ok(())
        }
        #[cfg(feature = "dev")]
        Command::Dev(options) => block_on(dev::run(loaded, options)),
        #[cfg(not(feature = "dev"))]
        Command::Dev => Err(ConnectorError::configuration(
            "this program was built without danube-sink's feature `dev`, which carries the embedded broker",
        )),
    }
}

fn checked<C>(Loaded { core, path, .. }: &Loaded<C>) -> String {
    let mut text = format!(
        "{} is valid.\nconnector {} reads from {}:\n",
        path.display(),
        core.connector_name,
        core.danube_service_url
    );
    for mapping in &core.mappings {
        let consumer = &mapping.consumer;
        text.push_str(&format!(
            "  {}  subscription {} ({:?}), up to {} records a batch, at the latest after {:?}\n",
            consumer.topic,
            consumer.subscription,
            consumer.subscription_type,
            mapping.batch_size,
            mapping.flush_interval,
        ));
    }
    text
}

fn block_on(work: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    let runtime = tokio::runtime::Runtime::new().fatal("start the async runtime")?;
    let outcome = runtime.block_on(work);
    // A write that hangs in a thread must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// Writes for a person to read; one who has closed the pipe does not mind.
fn say(mut to: impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
