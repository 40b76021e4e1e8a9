//! What the generated `main` runs: `run` (the default), `check`, `template`, `schema` and `dev`.
//!
//! ```text
//!  arguments ──▶ configuration ──▶ run | check | dev ──▶ exit code
//! ```

mod arguments;
mod check;
#[cfg(feature = "dev")]
mod dev;

use std::{
    io::{Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use self::arguments::{Command, Job};
use crate::{
    config::{self, ConfigError, ConfigSource, ConnectorConfig, Loaded, generated::GeneratedConnector},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, ErrorExt},
    observe::start_logs,
    runtime::SinkRuntime,
};

/// The configuration is wrong: `EX_CONFIG` of `sysexits.h`.
const CONFIGURATION: u8 = 78;

/// Reads the command line and does what it says.
pub fn main<C: SinkConnector + GeneratedConnector>() -> ExitCode {
    let arguments = match arguments::parse(&C::INFO, std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(shown) => {
            // Where nobody reads the answer, the exit code is all there is.
            let _ = shown.print();
            return ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(1));
        }
    };
    let job = match arguments.command {
        Command::Template => return print(&config::template::<C>()),
        Command::Schema => return print(&format!("{:#}\n", config::json_schema::<C>())),
        Command::With(job) => job,
    };
    let configured = match Configured::<C>::load(arguments.config, &job) {
        Ok(configured) => configured,
        Err(report) => {
            say(stderr(), &format!("{report}\n"));
            return ExitCode::from(CONFIGURATION);
        }
    };
    match work(configured, job) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(stderr(), &format!("error: {}\n", error.report()));
            let configuration = matches!(error, ConnectorError::Configuration { .. });
            if configuration { ExitCode::from(CONFIGURATION) } else { ExitCode::FAILURE }
        }
    }
}

/// A connector as its configuration says.
pub(crate) struct Configured<C> {
    /// One for each of `tasks`.
    connectors: Vec<C>,
    core: ConnectorConfig,
    path: PathBuf,
    notes: Vec<String>,
}

impl<C: GeneratedConnector> Configured<C> {
    fn load(path: Option<PathBuf>, job: &Job) -> Result<Self, ConfigError> {
        let source = ConfigSource { path };
        let load = || match job {
            Job::Run | Job::Check(_) => config::load::<C>(&source),
            _ => config::load_for_embedded::<C>(&source),
        };
        let Loaded { connector, core, path, notes, .. } = load()?;
        let mut connectors = vec![connector];
        for _ in 1..core.tasks {
            connectors.push(load()?.connector);
        }
        Ok(Self { connectors, core, path, notes })
    }
}

fn work<C: SinkConnector + GeneratedConnector>(configured: Configured<C>, job: Job) -> ConnectorResult<()> {
    match job {
        Job::Run => {
            let Configured { connectors, core, path, notes } = configured;
            start_logs(&core.log_level)?;
            tracing::debug!("configuration from {}", path.display());
            for note in notes {
                tracing::debug!("{note}");
            }
            block_on(async { SinkRuntime::with_tasks(connectors, core).await?.run().await })
        }
        Job::Check(options) => {
            start_logs("warn")?;
            block_on(check::check(configured, options))
        }
        #[cfg(feature = "dev")]
        Job::Dev(options) => {
            // Its own lines say how it goes.
            start_logs("warn")?;
            block_on(dev::run(configured.connectors, configured.core, options))
        }
        #[cfg(not(feature = "dev"))]
        Job::Dev => Err(ConnectorError::configuration(
            "this program was built without danube-sink's feature `dev`, which carries the embedded broker",
        )),
    }
}

fn block_on(work: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    let runtime = tokio::runtime::Runtime::new().fatal("start the async runtime")?;
    let outcome = runtime.block_on(work);
    // A write that hangs in a thread must not keep the process.
    runtime.shutdown_background();
    outcome
}

fn print(text: &str) -> ExitCode {
    say(stdout(), text);
    ExitCode::SUCCESS
}

/// Writes for a person to read; one who has closed the pipe does not mind.
fn say(mut to: impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
