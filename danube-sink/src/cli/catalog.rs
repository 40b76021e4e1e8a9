//! Several connectors in one program.

use std::{env, ffi::OsString, process::ExitCode};

use clap::{Arg, ArgMatches, error::ErrorKind, value_parser};

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
    missing: Vec<(&'static str, &'static str)>,
    commands: Vec<(&'static str, Run)>,
}

/// Executes an additional command with its arguments.
type Run = fn(Vec<OsString>) -> ExitCode;
/// The words after an additional command, or after the name of a missing connector.
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
        Self { command, connectors: Vec::new(), missing: Vec::new(), commands: Vec::new() }
    }

    /// Adds a connector under a name.
    #[must_use]
    pub fn connector<C: SinkConnector + GeneratedConnector>(mut self, name: &'static str) -> Self {
        let cli = Cli::of::<C>();
        self.command = self.command.subcommand(arguments::command(&cli.info).name(name));
        self.connectors.push((name, cli));
        self
    }

    /// Names a connector that this build does not have, such as one whose cargo feature is off. The help lists it. Its use ends
    /// with exit code 2 and `remedy`: the command that adds it.
    #[must_use]
    pub fn missing(mut self, name: &'static str, remedy: &'static str) -> Self {
        self.command = self.command.subcommand(opaque(name).hide(true));
        self.missing.push((name, remedy));
        self
    }

    /// Adds a command that is not a connector's. It receives the arguments, of which the first is `PROGRAM NAME`.
    #[must_use]
    pub fn command(mut self, name: &'static str, about: &'static str, run: fn(Vec<OsString>) -> ExitCode) -> Self {
        self.command = self.command.subcommand(opaque(name).about(about));
        self.commands.push((name, run));
        self
    }

    /// Executes the command line of this process: what `fn main` returns.
    pub fn main(mut self) -> ExitCode {
        let missing = self.list_of_missing();
        self.command = self.command.after_help(missing);
        let words = self.with_own_help(env::args_os().collect());
        let matches = match self.command.clone().try_get_matches_from(words) {
            Ok(matches) => matches,
            Err(answer) => return exit_code(print_answer(&answer)),
        };
        self.introduce_connectors();
        let Some((name, matches)) = matches.subcommand() else { return ExitCode::SUCCESS };
        if let Some((_, remedy)) = self.missing.iter().find(|(of, _)| *of == name) {
            let program = self.command.get_name();
            let text =
                format!("this build of {program} does not have the connector {name}; add it with\n\n  {remedy}\n");
            return exit_code(print_answer(&clap::Error::raw(ErrorKind::InvalidSubcommand, text)));
        }
        if let Some((_, run)) = self.commands.iter().find(|(of, _)| *of == name) {
            let program: OsString = format!("{} {name}", self.command.get_name()).into();
            let words = matches.get_many::<OsString>(WORDS).into_iter().flatten().cloned();
            return run([program].into_iter().chain(words).collect());
        }
        exit_code(self.execute(name, matches))
    }

    /// Replaces `help NAME` by `NAME --help` where only NAME itself knows its help.
    fn with_own_help(&self, words: Vec<OsString>) -> Vec<OsString> {
        let mut opaque = self.missing.iter().map(|(name, _)| *name).chain(self.commands.iter().map(|(name, _)| *name));
        match &words[..] {
            [program, help, name, ..] if help == "help" && opaque.any(|of| name == of) => {
                vec![program.clone(), name.clone(), "--help".into()]
            }
            _ => words,
        }
    }

    /// Tells each connector about all of them, for a file that is for another one.
    fn introduce_connectors(&mut self) {
        let program = self.command.get_name();
        let command = |(name, cli): &(&'static str, Cli)| (cli.info.section, format!("{program} {name}"));
        let commands: Vec<_> = self.connectors.iter().map(command).collect();
        self.connectors.iter_mut().for_each(|(_, cli)| cli.commands.clone_from(&commands));
    }

    /// The end of the help.
    fn list_of_missing(&self) -> String {
        let names: Vec<_> = self.missing.iter().map(|(name, _)| *name).collect();
        if names.is_empty() {
            return String::new();
        }
        format!("Not in this build, but each says how to add it: {}", names.join(", "))
    }

    fn execute(&self, name: &str, matches: &ArgMatches) -> Result<(), Failure> {
        // The parser accepts the names of this list only.
        let Some((_, cli)) = self.connectors.iter().find(|(of, _)| *of == name) else { return Ok(()) };
        match arguments::parsed(&cli.info, matches) {
            Ok(arguments) => cli.execute(arguments),
            Err(answer) => print_answer(&answer),
        }
    }
}

/// A command whose words are not parsed here.
fn opaque(name: &'static str) -> clap::Command {
    let words = Arg::new(WORDS).num_args(0..).allow_hyphen_values(true).trailing_var_arg(true);
    clap::Command::new(name).disable_help_flag(true).arg(words.value_parser(value_parser!(OsString)))
}
