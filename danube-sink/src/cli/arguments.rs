//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use super::{check, reset};
use crate::config::{self, private::ConnectorInfo};

/// What was asked for.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) config: Option<PathBuf>,
    pub(crate) command: Command,
}

#[derive(Debug)]
pub(crate) enum Command {
    /// Print a configuration to begin with.
    Template,
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Do something with the configuration.
    With(Job),
}

#[derive(Debug)]
pub(crate) enum Job {
    Run,
    Check(check::Options),
    ResetSubscription(reset::Options),
    #[cfg(feature = "dev")]
    Dev(super::dev::Options),
    #[cfg(not(feature = "dev"))]
    Dev,
}

/// # Errors
/// What to print instead of running: a mistake, the help, or the version.
pub(crate) fn parse(info: &ConnectorInfo, words: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    let matches = command(info).try_get_matches_from(words)?;
    let config = matches.get_one::<PathBuf>("config").cloned();
    let command = match matches.subcommand() {
        Some(("check", matches)) => Command::With(Job::Check(check::Options {
            offline: matches.get_flag("offline"),
            attach: matches.get_flag("attach"),
        })),
        Some(("subscription", matches)) => match matches.subcommand() {
            Some(("reset", matches)) => Command::With(Job::ResetSubscription(reset::Options {
                topic: matches.get_one("topic").cloned(),
                yes: matches.get_flag("yes"),
            })),
            _ => Command::With(Job::Run),
        },
        Some(("template", _)) => Command::Template,
        Some(("schema", _)) => Command::Schema,
        Some(("dev", matches)) => Command::With(dev(info, matches)?),
        _ => Command::With(Job::Run),
    };
    Ok(Arguments { config, command })
}

pub(super) fn command(info: &ConnectorInfo) -> clap::Command {
    let config = Arg::new("config")
        .long("config")
        .value_name("FILE")
        .global(true)
        .value_parser(value_parser!(PathBuf))
        .help("The configuration to use");
    clap::Command::new(info.name)
        .version(info.version)
        .about(info.about)
        .after_help(environment(info))
        .arg(config)
        .subcommand(clap::Command::new("run").about("Run the connector (default)"))
        .subcommand(
            clap::Command::new("check")
                .about("Validate the configuration and probe the broker and the target")
                .long_about(
                    "Reads the configuration, warns of what will not work well, and probes what a start needs: the \
                     connector's initialize and health_check, the broker, the topics and the expected schemas. It takes no \
                     message, unless --attach is given.",
                )
                .arg(
                    Arg::new("offline")
                        .long("offline")
                        .action(ArgAction::SetTrue)
                        .conflicts_with("attach")
                        .help("Read the configuration only"),
                )
                .arg(Arg::new("attach").long("attach").action(ArgAction::SetTrue).help(
                    "Attach to the subscriptions too, which creates them; not while the connector runs: it would be \
                     taken over from",
                )),
        )
        .subcommand(subscription())
        .subcommand(clap::Command::new("template").about("Print a complete, commented configuration to begin with"))
        .subcommand(
            clap::Command::new("schema")
                .about("Print the JSON Schema of the configuration, by which editors complete and check it"),
        )
        .subcommand(
            clap::Command::new("dev")
                .about("Run against an embedded broker with sample data")
                .long_about(
                    "Starts a broker inside this process, creates the mapped topics, publishes the records of \
                     JSON-lines files, and ends when all are delivered and acknowledged.\n\n\
                     The records of topic /namespace/name come from dev/namespace/name.jsonl in the current folder, \
                     or else in the connector's package.",
                )
                .arg(
                    Arg::new("data")
                        .long("data")
                        .value_name("TOPIC=FILE")
                        .action(ArgAction::Append)
                        .help("Publish the lines of FILE to TOPIC; may be given several times"),
                )
                .arg(
                    Arg::new("port")
                        .long("port")
                        .value_name("PORT")
                        .default_value("0")
                        .value_parser(value_parser!(u16))
                        .help("The broker's port; 0 takes any free one"),
                )
                .arg(
                    Arg::new("keep-running")
                        .long("keep-running")
                        .action(ArgAction::SetTrue)
                        .help("Stay up for records of other clients"),
                ),
        )
}

fn subscription() -> clap::Command {
    let reset = clap::Command::new("reset")
        .about("Delete the subscriptions and make them anew: they begin at the latest message")
        .long_about(
            "Deletes the connector's subscriptions at the broker, with their cursors, and makes them anew, so that a \
             subscription that stands still receives messages again. Messages that it has not acknowledged are given up. \
             Stop the connector before. It needs `danube_admin_url` and, where the broker checks rights, ManageTopic.",
        )
        .arg(Arg::new("topic").long("topic").value_name("TOPIC").help("Only this mapped topic, or one of its partitions"))
        .arg(
            Arg::new("yes")
                .long("yes")
                .action(ArgAction::SetTrue)
                .help("Do it; without it the command only says what would be given up"),
        );
    clap::Command::new("subscription")
        .about("Manage the connector's subscriptions")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(reset)
}

#[cfg(feature = "dev")]
fn dev(info: &ConnectorInfo, matches: &ArgMatches) -> Result<Job, clap::Error> {
    let mut data = Vec::new();
    for argument in matches.get_many::<String>("data").into_iter().flatten() {
        let Some((topic, file)) = argument.split_once('=') else {
            let text =
                format!("--data {argument}: write a topic and a file, as in --data /default/users=users.jsonl\n");
            return Err(clap::Error::raw(clap::error::ErrorKind::ValueValidation, text));
        };
        data.push((topic.to_owned(), PathBuf::from(file)));
    }
    Ok(Job::Dev(super::dev::Options {
        data,
        port: matches.get_one("port").copied().unwrap_or_default(),
        keep_running: matches.get_flag("keep-running"),
        crate_folder: info.crate_folder,
        hint: info.dev_hint,
    }))
}

#[cfg(not(feature = "dev"))]
fn dev(_: &ConnectorInfo, _: &ArgMatches) -> Result<Job, clap::Error> {
    Ok(Job::Dev)
}

fn environment(info: &ConnectorInfo) -> String {
    let lines = config::environment(info);
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> = lines.into_iter().map(|(name, help)| format!("  {name:width$}  {help}")).collect();
    let codes = "Exit codes: 0 done, 1 fatal error, 2 wrong arguments, 78 wrong configuration";
    format!("Environment:\n{}\n\n{codes}", lines.join("\n"))
}
