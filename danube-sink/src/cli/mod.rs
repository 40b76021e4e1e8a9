//! What the generated `main` runs: `run` (the default), `check`, `subscription reset`, `template`, `schema` and
//! `dev`.
//!
//! ```text
//!  arguments ──▶ configuration ──▶ run | check | subscription reset | dev ──▶ exit code
//! ```

mod arguments;
mod check;
#[cfg(feature = "dev")]
mod dev;
pub(crate) mod reset;

use std::{
    any::type_name,
    io::{Write, stderr, stdout},
    path::PathBuf,
    process::ExitCode,
};

use self::arguments::{Command, Job};
use crate::{
    config::{
        self, ConfigError, ConfigSource, ConnectorConfig, Loaded,
        private::{ConnectorDecl, GeneratedConnector},
    },
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, ErrorExt},
    observe::start_logs,
    runtime::SinkRuntime,
};

/// The configuration is wrong: `EX_CONFIG` of `sysexits.h`.
const CONFIGURATION: u8 = 78;

/// Reads the command line and does what it says.
pub fn main<C: SinkConnector + GeneratedConnector>() -> ExitCode {
    let load = |embedded: bool, source: &ConfigSource| {
        let load = if embedded { config::load_for_embedded::<C> } else { config::load::<C> };
        let Loaded { connector, core, path, notes, .. } = load(source)?;
        Ok(LoadedConnector { connectors: vec![Box::new(connector)], core, path, notes })
    };
    Program { declared: ConnectorDecl::of::<C>(), crate_name: crate_of::<C>(), load }.main()
}

/// A connector without its type, so that all of this is compiled with the framework and not again with every connector.
struct Program {
    declared: ConnectorDecl,
    crate_name: &'static str,
    /// Reads the configuration, for the broker inside the process if that is wanted.
    load: fn(bool, &ConfigSource) -> Result<LoadedConnector, ConfigError>,
}

/// A connector as its configuration says.
struct LoadedConnector {
    /// One for each of `tasks`.
    connectors: Vec<Box<dyn SinkConnector>>,
    core: ConnectorConfig,
    path: PathBuf,
    notes: Vec<String>,
}

impl Program {
    fn main(&self) -> ExitCode {
        let arguments = match arguments::parse(&self.declared.info, std::env::args_os()) {
            Ok(arguments) => arguments,
            Err(shown) => {
                // A closed pipe leaves the exit code alone.
                let _ = shown.print();
                return ExitCode::from(u8::try_from(shown.exit_code()).unwrap_or(1));
            }
        };
        let job = match arguments.command {
            Command::Template => {
                return print_all(&config::template_of(&self.declared, config::TemplateKind::Complete));
            }
            Command::Schema => return print_all(&format!("{:#}\n", config::json_schema_of(&self.declared))),
            Command::With(job) => job,
        };
        let configured = match self.load(arguments.config, &job) {
            Ok(configured) => configured,
            Err(report) => {
                print(stderr(), &format!("{report}\n"));
                return ExitCode::from(CONFIGURATION);
            }
        };
        match self.work(configured, job) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                print(stderr(), &format!("error: {}\n", error.report()));
                let configuration = matches!(error, ConnectorError::Configuration { .. });
                if configuration { ExitCode::from(CONFIGURATION) } else { ExitCode::FAILURE }
            }
        }
    }

    fn load(&self, path: Option<PathBuf>, job: &Job) -> Result<LoadedConnector, ConfigError> {
        let source = ConfigSource { path };
        let embedded = !matches!(job, Job::Run | Job::Check(_) | Job::ResetSubscription(_));
        let mut configured = (self.load)(embedded, &source)?;
        for _ in 1..configured.core.tasks {
            configured.connectors.append(&mut (self.load)(embedded, &source)?.connectors);
        }
        Ok(configured)
    }

    fn work(&self, configured: LoadedConnector, job: Job) -> ConnectorResult<()> {
        match job {
            Job::Run => {
                let LoadedConnector { connectors, core, path, notes } = configured;
                start_logs(&core.log_level, core.log_format, self.crate_name)?;
                tracing::debug!("configuration from {}", path.display());
                for note in notes {
                    tracing::debug!("{note}");
                }
                block_on(async { SinkRuntime::boxed(connectors, core).await?.run().await })
            }
            Job::Check(options) => {
                start_logs("warn", configured.core.log_format, self.crate_name)?;
                block_on(check::check(&self.declared, configured, options))
            }
            Job::ResetSubscription(options) => {
                start_logs("warn", configured.core.log_format, self.crate_name)?;
                block_on(reset::run(&configured.core, options))
            }
            #[cfg(feature = "dev")]
            Job::Dev(options) => {
                // Its own lines say how it goes.
                start_logs("warn", configured.core.log_format, self.crate_name)?;
                block_on(dev::run(configured.connectors, configured.core, options))
            }
            #[cfg(not(feature = "dev"))]
            Job::Dev => Err(ConnectorError::configuration(
                "this program was built without danube-sink's feature `dev`, which carries the embedded broker",
            )),
        }
    }
}

fn block_on(work: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    let runtime = tokio::runtime::Runtime::new().fatal("start the async runtime")?;
    let outcome = runtime.block_on(work);
    // A write that hangs in a thread must not keep the process.
    runtime.shutdown_background();
    outcome
}

fn print_all(text: &str) -> ExitCode {
    print(stdout(), text);
    ExitCode::SUCCESS
}

/// The commands, for the guide.
#[cfg(all(test, feature = "dev"))]
pub(crate) fn commands(info: &config::private::ConnectorInfo) -> clap::Command {
    arguments::command(info)
}

/// The name of the crate that has the type.
fn crate_of<C>() -> &'static str {
    let path = type_name::<C>();
    path.split_once("::").map_or(path, |(name, _)| name)
}

/// Writes for a person to read. A closed pipe is no error.
fn print(mut to: impl Write, text: &str) {
    let _ = to.write_all(text.as_bytes()).and_then(|()| to.flush());
}
