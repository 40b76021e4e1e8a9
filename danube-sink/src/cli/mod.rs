//! The command line of a connector: `run` (the default), `check`, `config`, `subscription reset`, `spool`, `template`,
//! `schema` and `dev`.
//!
//! ```text
//!  arguments ──▶ configuration ──▶ run | check | config | subscription reset | spool | dev ──▶ exit code
//! ```

mod arguments;
mod catalog;
mod check;
#[cfg(feature = "dev")]
mod dev;
mod effective;
mod failure;
mod output;
pub(crate) mod reset;
mod spool;

use std::{
    any::type_name,
    io::{Write, stdout},
    path::PathBuf,
    process::ExitCode,
};

pub use self::catalog::Catalog;
use self::{
    arguments::{Arguments, Command, Job},
    check::Report,
    failure::Failure,
    output::{Format, print_all, written},
};
use crate::{
    config::{
        self, ConfigError, ConfigSource, ConnectorConfig, EffectiveConfig, LoadMode,
        private::{ConnectorInfo, GeneratedConnector},
    },
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult, ErrorExt},
    observe::{level_variable, start_logs},
    runtime::SinkRuntime,
};

/// Runs the command line of a connector: `fn main() -> ExitCode { danube_sink::main::<MyConnector>() }`.
///
/// `#[sink_connector]` generates this function beside the struct. A package that is a library and a program writes
/// `main = false` there, and the function in its `main.rs`.
pub fn main<C: SinkConnector + GeneratedConnector>() -> ExitCode {
    let cli = Cli::of::<C>();
    exit_code(match arguments::parse(&cli.info, std::env::args_os()) {
        Ok(arguments) => cli.execute(arguments),
        Err(answer) => print_answer(&answer),
    })
}

fn exit_code(outcome: Result<(), Failure>) -> ExitCode {
    outcome.map_or_else(Failure::report, |()| ExitCode::SUCCESS)
}

/// A connector without its type, so that all of this is compiled with the framework and not again with every connector.
#[derive(Debug)]
struct Cli {
    info: ConnectorInfo,
    crate_name: &'static str,
    load: fn(LoadMode, &ConfigSource) -> Result<LoadedConnector, ConfigError>,
    /// The commands of a [`Catalog`], each with the section that its connector reads.
    commands: Vec<(&'static str, String)>,
}

/// A connector with its configuration.
struct LoadedConnector {
    /// One for each of `tasks`; none in [`LoadMode::WithoutEnvironment`] if the environment has a required setting.
    connectors: Vec<Box<dyn SinkConnector>>,
    core: ConnectorConfig,
    path: PathBuf,
    notes: Vec<String>,
    effective: EffectiveConfig,
    #[cfg(feature = "dev")]
    variables: config::OwnVariables,
}

impl Cli {
    fn of<C: SinkConnector + GeneratedConnector>() -> Self {
        let load = |mode: LoadMode, source: &ConfigSource| {
            let loaded = config::load_tasks::<C>(mode, source)?;
            let boxed = |connector| Box::new(connector) as Box<dyn SinkConnector>;
            Ok(LoadedConnector {
                connectors: loaded.connector.into_iter().map(boxed).collect(),
                core: loaded.core,
                path: loaded.path,
                notes: loaded.notes,
                effective: loaded.effective,
                #[cfg(feature = "dev")]
                variables: loaded.variables,
            })
        };
        Self { info: C::INFO, crate_name: crate_of::<C>(), load, commands: Vec::new() }
    }

    fn execute(&self, Arguments { file, command }: Arguments) -> Result<(), Failure> {
        let job = match command {
            Command::Template(kind) => return Ok(print_all(&config::template_of(&self.info, kind))?),
            Command::Schema => return Ok(print_all(&format!("{:#}\n", config::json_schema_of(&self.info)))?),
            Command::With(job) => job,
        };
        let format = job.format();
        let source = ConfigSource { path: file, or_sample: job.takes_sample(), commands: self.commands.clone() };
        let loaded = (self.load)(job.load_mode(), &source);
        let file = match &loaded {
            Ok(loaded) => Some(loaded.path.display().to_string()),
            Err(report) => report.path().map(str::to_owned),
        };
        let outcome = loaded.map_err(Failure::Invalid).and_then(|loaded| self.work(loaded, job));
        if format == Format::Json { outcome.or_else(|failure| Report::print_failure(file, failure)) } else { outcome }
    }

    fn work(&self, loaded: LoadedConnector, job: Job) -> Result<(), Failure> {
        // The other commands print their results, and log warnings only.
        let level = if job.delivers() { &loaded.core.log_level } else { "warn" };
        if !matches!(job, Job::Config(_)) {
            let reads_environment = job.load_mode() != LoadMode::WithoutEnvironment;
            let variable = reads_environment.then(level_variable).flatten();
            start_logs(level, variable, loaded.core.log_format, self.crate_name)?;
        }
        match job {
            Job::Run => block_on(run(&self.info, loaded)),
            Job::Check(options) => block_on(check::run(&self.info, loaded, options)),
            Job::Config(format) => Ok(effective::print(&loaded, format)?),
            Job::ResetSubscription(options) => block_on(async { Ok(reset::run(&loaded.core, options).await?) }),
            Job::Spool(options) => spool::run(loaded, options),
            #[cfg(feature = "dev")]
            Job::Dev(options) => block_on(dev::run(loaded, options)),
            #[cfg(not(feature = "dev"))]
            Job::Dev => Err(ConnectorError::configuration(
                "this program was built without danube-sink's feature `dev`, which has the embedded broker",
            )
            .into()),
        }
    }
}

async fn run(
    info: &ConnectorInfo,
    LoadedConnector { connectors, core, path, notes, .. }: LoadedConnector,
) -> Result<(), Failure> {
    tracing::debug!("configuration from {}", path.display());
    for note in notes {
        tracing::debug!("{note}");
    }
    for warning in check::warnings(info, &core) {
        tracing::warn!("{warning}");
    }
    let runtime = SinkRuntime::boxed(connectors, core).await.map_err(logged)?;
    runtime.run().await.map_err(Failure::Logged)
}

/// Logs why a connector cannot start, so that standard error has nothing but log lines.
fn logged(error: ConnectorError) -> Failure {
    tracing::error!("the connector cannot start: {}", error.report());
    Failure::Logged(error)
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime: ConnectorResult<_> = tokio::runtime::Runtime::new().fatal("start the async runtime");
    let runtime = runtime?;
    let outcome = runtime.block_on(work);
    // A write that hangs in a thread must not keep the process.
    runtime.shutdown_background();
    outcome
}

/// Prints the answer of the argument parser: the help, the version, or an error of usage.
///
/// # Errors
/// The exit code of the answer, if it is an error; or standard output cannot be written.
fn print_answer(answer: &clap::Error) -> Result<(), Failure> {
    let result = answer.print().and_then(|()| stdout().flush());
    // An error of usage goes to standard error, and has its exit code whether or not it can be written.
    if !answer.use_stderr() {
        written(result)?;
    }
    match u8::try_from(answer.exit_code()) {
        Ok(0) => Ok(()),
        code => Err(Failure::Shown(code.unwrap_or(1))),
    }
}

/// The commands, for the guide.
#[cfg(all(test, feature = "dev"))]
pub(crate) fn commands(info: &ConnectorInfo) -> clap::Command {
    arguments::command(info)
}

/// The name of the crate that has the type.
fn crate_of<C>() -> &'static str {
    let path = type_name::<C>();
    path.split_once("::").map_or(path, |(name, _)| name)
}
