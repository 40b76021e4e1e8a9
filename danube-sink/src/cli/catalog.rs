//! Several connectors in one program.

use std::{env, ffi::OsString, process::ExitCode};

use clap::{Arg, ArgMatches, value_parser};

use super::{Cli, arguments, exit_code, failure::Failure, print_answer};
use crate::{config::private::GeneratedConnector, connector::SinkConnector};

/// Several connectors in one program, each a command of it: `my-connectors http run --config http.toml`.
///
/// ```no_run
/// # use danube_sink::prelude::*;
/// # /// Prints records.
/// # #[sink_connector(main = false)]
/// # struct Printer { #[topic_mappings] topics: TopicMappings }
/// # #[sink_connector]
/// # impl SinkConnector for Printer {
/// #     async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { Ok(()) }
/// #     async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> { Ok(()) }
/// # }
/// fn main() -> std::process::ExitCode {
///     danube_sink::Catalog::new("my-connectors", env!("CARGO_PKG_VERSION"), "The connectors of my company")
///         .connector::<Printer>("printer")
///         .main()
/// }
/// ```
///
/// After the name of a connector stand its own commands and options, as in a program of its own.
#[derive(Debug)]
pub struct Catalog {
    command: clap::Command,
    connectors: Vec<(&'static str, Cli)>,
    commands: Vec<(&'static str, fn(Vec<OsString>) -> ExitCode)>,
}

/// The words after an additional command.
const WORDS: &str = "words";

impl Catalog {
    /// A program without connectors yet: its name, its version, and what its help says first.
    pub fn new(name: &'static str, version: &'static str, about: &'static str) -> Self {
        let command = clap::Command::new(name)
            .version(version)
            .about(about)
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand_value_name("CONNECTOR")
            .subcommand_help_heading("Connectors and commands");
        Self { command, connectors: Vec::new(), commands: Vec::new() }
    }

    /// Adds a connector under a name.
    #[must_use]
    pub fn connector<C: SinkConnector + GeneratedConnector>(mut self, name: &'static str) -> Self {
        let cli = Cli::of::<C>();
        self.command = self.command.subcommand(arguments::command(&cli.decl).name(name));
        self.connectors.push((name, cli));
        self
    }

    /// Adds a command that is not a connector's. It receives the arguments, of which the first is `PROGRAM NAME`.
    #[must_use]
    pub fn command(mut self, name: &'static str, about: &'static str, run: fn(Vec<OsString>) -> ExitCode) -> Self {
        let words = Arg::new(WORDS).num_args(0..).allow_hyphen_values(true).trailing_var_arg(true);
        let words = words.value_parser(value_parser!(OsString));
        self.command =
            self.command.subcommand(clap::Command::new(name).about(about).disable_help_flag(true).arg(words));
        self.commands.push((name, run));
        self
    }

    /// Executes the command line of this process: what `fn main` returns.
    pub fn main(self) -> ExitCode {
        let matches = match self.command.clone().try_get_matches_from(env::args_os()) {
            Ok(matches) => matches,
            Err(answer) => return exit_code(print_answer(&answer)),
        };
        let Some((name, matches)) = matches.subcommand() else { return ExitCode::SUCCESS };
        if let Some((_, run)) = self.commands.iter().find(|(of, _)| *of == name) {
            let program: OsString = format!("{} {name}", self.command.get_name()).into();
            let words = matches.get_many::<OsString>(WORDS).into_iter().flatten().cloned();
            return run([program].into_iter().chain(words).collect());
        }
        exit_code(self.execute(name, matches))
    }

    fn execute(&self, name: &str, matches: &ArgMatches) -> Result<(), Failure> {
        // The parser accepts the names of this list only.
        let Some((_, cli)) = self.connectors.iter().find(|(of, _)| *of == name) else { return Ok(()) };
        match arguments::parsed(&cli.decl, matches) {
            Ok(arguments) => cli.execute(arguments),
            Err(answer) => print_answer(&answer),
        }
    }
}
