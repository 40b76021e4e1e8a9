//! The arguments of the command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use super::{check, output::Format, reset, spool};
use crate::config::{self, LoadMode, TemplateKind, private::ConnectorInfo};

/// The arguments of a call.
#[derive(Debug)]
pub(crate) struct Arguments {
    /// The configuration file: `--config FILE`.
    pub(crate) file: Option<PathBuf>,
    pub(crate) command: Command,
}

#[derive(Debug)]
pub(crate) enum Command {
    /// Print an example configuration.
    Template(TemplateKind),
    /// Print the JSON Schema of the configuration.
    Schema,
    /// A command that loads the configuration.
    With(Job),
}

#[derive(Debug)]
pub(crate) enum Job {
    Run,
    Check(check::Options),
    /// Print the effective configuration.
    Config(Format),
    ResetSubscription(reset::Options),
    Spool(spool::Options),
    #[cfg(feature = "dev")]
    Dev(super::dev::Options),
    #[cfg(not(feature = "dev"))]
    Dev,
}

impl Job {
    pub(super) fn load_mode(&self) -> LoadMode {
        match self {
            Self::Check(options) if options.no_environment => LoadMode::WithoutEnvironment,
            Self::Run | Self::Check(_) | Self::Config(_) | Self::ResetSubscription(_) | Self::Spool(_) => {
                LoadMode::Remote
            }
            #[cfg(feature = "dev")]
            Self::Dev(_) => LoadMode::Embedded,
            #[cfg(not(feature = "dev"))]
            Self::Dev => LoadMode::Embedded,
        }
    }

    /// Whether it delivers records to the target, and logs as configured.
    pub(super) fn delivers(&self) -> bool {
        matches!(self, Self::Run | Self::Spool(spool::Options::Drain { .. }))
    }

    /// Whether the sample of the connector's package is used if no file is named.
    pub(super) fn takes_sample(&self) -> bool {
        self.load_mode() == LoadMode::Embedded
    }

    /// The format of the output.
    pub(super) fn format(&self) -> Format {
        match self {
            Self::Check(options) => options.format,
            Self::Config(format) | Self::Spool(spool::Options::Status(format)) => *format,
            _ => Format::Text,
        }
    }
}

/// Parses the arguments.
///
/// # Errors
/// What to print instead of executing a command: an error of usage, the help, or the version.
pub(crate) fn parse(info: &ConnectorInfo, words: impl IntoIterator<Item = OsString>) -> Result<Arguments, clap::Error> {
    parsed(info, &command(info).try_get_matches_from(words)?)
}

/// The arguments of what [`command`] has parsed.
///
/// # Errors
/// An error of usage.
pub(super) fn parsed(info: &ConnectorInfo, matches: &ArgMatches) -> Result<Arguments, clap::Error> {
    let file = matches.get_one::<PathBuf>("file").cloned();
    let command = match matches.subcommand() {
        Some(("check", matches)) => Command::With(Job::Check(check_options(matches))),
        Some(("config", matches)) => Command::With(Job::Config(format_of(matches))),
        Some(("subscription", matches)) => match matches.subcommand() {
            Some(("reset", matches)) => Command::With(Job::ResetSubscription(reset::Options {
                topic: matches.get_one("topic").cloned(),
                yes: matches.get_flag("yes"),
            })),
            _ => Command::With(Job::Run),
        },
        Some(("spool", matches)) => Command::With(match matches.subcommand() {
            Some(("drain", matches)) => Job::Spool(spool::Options::Drain {
                timeout: matches.get_one("timeout").copied().map(Duration::from_secs),
            }),
            Some(("export", matches)) => {
                Job::Spool(spool::Options::Export { file: matches.get_one("output").cloned() })
            }
            Some((_, matches)) => Job::Spool(spool::Options::Status(format_of(matches))),
            None => Job::Run,
        }),
        Some(("template", matches)) if matches.get_flag("minimal") => Command::Template(TemplateKind::Minimal),
        Some(("template", _)) => Command::Template(TemplateKind::Complete),
        Some(("schema", _)) => Command::Schema,
        Some(("dev", matches)) => Command::With(dev(info, matches)?),
        _ => Command::With(Job::Run),
    };
    Ok(Arguments { file, command })
}

fn check_options(matches: &ArgMatches) -> check::Options {
    check::Options {
        format: format_of(matches),
        deny_warnings: matches.get_flag("deny-warnings"),
        offline: matches.get_flag("offline"),
        no_environment: matches.get_flag("no-environment"),
        skip_target: matches.get_flag("skip-target"),
        attach: matches.get_flag("attach"),
    }
}

fn format_of(matches: &ArgMatches) -> Format {
    match matches.get_one::<String>("format").map(String::as_str) {
        Some("json") => Format::Json,
        _ => Format::Text,
    }
}

pub(super) fn command(info: &ConnectorInfo) -> clap::Command {
    let file = Arg::new("file")
        .long("config")
        .value_name("FILE")
        .global(true)
        .value_parser(value_parser!(PathBuf))
        .help("Configuration file, for every command");
    clap::Command::new(info.name)
        .version(info.version)
        .about(info.about)
        .after_help(environment(info))
        .arg(file)
        .subcommand(clap::Command::new("run").about("Run the connector (default)"))
        .subcommand(check())
        .subcommand(
            clap::Command::new("config")
                .about("Print the effective configuration: each value with its origin, secrets masked")
                .long_about(
                    "Prints each key with its value and its origin: the line of the file, a variable, or the default. \
                     Secrets are shown as ***. The option --config names the file, as for every command.",
                )
                .arg(format()),
        )
        .subcommand(subscription())
        .subcommand(spool_command())
        .subcommand(
            clap::Command::new("template")
                .about("Print an example configuration with every key, its help and its default")
                .arg(flag("minimal", "Print the required keys only")),
        )
        .subcommand(
            clap::Command::new("schema")
                .about("Print the JSON Schema of the configuration, for completion and validation in editors"),
        )
        .subcommand(
            clap::Command::new("dev")
                .about("Run against an embedded broker with sample data")
                .long_about(
                    "Starts a broker in this process, creates the mapped topics, publishes the records of JSON-lines \
                     files, and ends when all of them are delivered and acknowledged; interrupted before, with exit \
                     code 1.\n\n\
                     The records of topic /namespace/name come from the file of --data, dev/namespace/name.jsonl in \
                     the current folder, or else from the sample that is part of this program, as does the configuration if no file is named. A line \
                     is the payload of a message; it has no key, attributes or schema.\n\n\
                     `data_dir` does not apply: records are delivered without a spool.",
                )
                .arg(
                    Arg::new("data")
                        .long("data")
                        .value_name("TOPIC=FILE")
                        .action(ArgAction::Append)
                        .help("Publish the lines of FILE to TOPIC, instead of its records in dev; may be given several times"),
                )
                .arg(
                    Arg::new("port")
                        .long("port")
                        .value_name("PORT")
                        .default_value("0")
                        .value_parser(value_parser!(u16))
                        .help("Port of the broker; 0 takes any free port"),
                )
                .arg(flag("keep-running", "Continue to run for records from other clients")),
        )
}

fn check() -> clap::Command {
    clap::Command::new("check")
        .about("Validate the configuration and probe the broker and the target")
        .long_about(
            "Validates the configuration, warns of settings that do not work well together, and probes what a start needs: \
             the connector's initialize and health_check, the broker, the topics and the expected schemas.\n\n\
             It receives no message. But initialize is that of a start: it may create tables and files in the target, \
             unless --skip-target is given.\n\n\
             Exit codes: 0 no error, 1 a probe failed (or there is a warning, with --deny-warnings), 78 a configuration that is \
             invalid or can never work.",
        )
        .arg(format())
        .arg(flag("deny-warnings", "Fail with exit code 1 if there is a warning"))
        .arg(flag("offline", "Validate the configuration only, with its environment, secrets and certificates"))
        .arg(flag(
            "no-environment",
            "Validate the file only: read no variables, secrets and certificates, and probe nothing",
        ))
        .arg(flag("skip-target", "Call neither initialize nor health_check, so that the target is left alone"))
        .arg(
            flag(
                "attach",
                "Attach to the subscriptions too, which creates them; not while the connector runs: check would take over \
                 from it",
            )
            .conflicts_with_all(["offline", "no-environment"]),
        )
}

fn subscription() -> clap::Command {
    let reset = clap::Command::new("reset")
        .about("Delete and re-create the subscriptions; they begin at the latest message")
        .long_about(
            "Deletes the connector's subscriptions at the broker, with their cursors, and creates them again, so that a \
             blocked subscription receives messages again. Unacknowledged messages are lost. Stop the connector first. \
             The command needs `danube_admin_url` and, where the broker checks rights, ManageTopic.",
        )
        .arg(Arg::new("topic").long("topic").value_name("TOPIC").help("Only this mapped topic, or one of its partitions"))
        .arg(flag("yes", "Reset them; without it, the command lists them and ends with exit code 1"));
    clap::Command::new("subscription")
        .about("Manage the connector's subscriptions")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(reset)
}

fn spool_command() -> clap::Command {
    let status = clap::Command::new("status")
        .about("Show what is in the spool, also while the connector runs")
        .long_about(
            "Shows the generations of the spool, oldest first, whether the process of each runs, and each log: partition, \
             subscription, unsettled records, bytes, age of the oldest record, and whether its mapping is configured. It \
             locks and changes nothing.",
        )
        .arg(format());
    let drain = clap::Command::new("drain")
        .about("Deliver what is in the spool until it is empty, and read nothing from the broker")
        .long_about(
            "Delivers the records in the spool to the target, as `run` does, and ends when the spool is empty. It reads no \
             messages from the broker, which is needed only for schemas and dead letters.\n\n\
             Stop the connector first: a running process delivers its spool itself.\n\n\
             Exit codes: 0 the spool is empty; 1 records are left, because of a signal, --timeout, or a mapping that is not \
             configured; it says how many.",
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64))
                .help("End after this time, with exit code 1 if records are left"),
        );
    let export = clap::Command::new("export")
        .about("Write the records in the spool as JSON lines, to standard output or a new file")
        .long_about(
            "Writes each unsettled record as a line of JSON: topic, subscription, offset, producer, sequence, publish_time \
             (microseconds since 1970), key, attributes, schema_id, schema_version, and payload if it is JSON, else \
             payload_text, or payload_base64 if it is no text.\n\n\
             It includes records of mappings that are no longer configured, and records that could not be delivered because \
             their checksum is wrong, with \"damaged\": true. It settles nothing: the records stay in the spool.\n\n\
             Exit codes: 0 all records are exported; 1 some cannot be read; it says which files, and how many \
             records as far as that is known.",
        )
        .arg(
            Arg::new("output")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("A new file, which only its owner can read"),
        );
    clap::Command::new("spool")
        .about("Show, deliver or export the records that wait in data_dir")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([status, drain, export])
}

fn flag(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

fn format() -> Arg {
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .value_parser(["text", "json"])
        .default_value("text")
        .help("Format of the output: text, or one JSON object")
}

#[cfg(feature = "dev")]
fn dev(info: &ConnectorInfo, matches: &ArgMatches) -> Result<Job, clap::Error> {
    let mut data = Vec::new();
    for argument in matches.get_many::<String>("data").into_iter().flatten() {
        let Some((topic, file)) = argument.split_once('=') else {
            let text =
                format!("--data {argument}: expected a topic and a file, as in --data /default/users=users.jsonl\n");
            return Err(clap::Error::raw(clap::error::ErrorKind::ValueValidation, text));
        };
        data.push((topic.to_owned(), PathBuf::from(file)));
    }
    Ok(Job::Dev(super::dev::Options {
        data,
        port: matches.get_one("port").copied().unwrap_or_default(),
        keep_running: matches.get_flag("keep-running"),
        sample: info.sample,
        hint: info.dev_hint,
    }))
}

#[cfg(not(feature = "dev"))]
fn dev(_: &ConnectorInfo, _: &ArgMatches) -> Result<Job, clap::Error> {
    Ok(Job::Dev)
}

fn environment(info: &ConnectorInfo) -> String {
    let lines = config::environment_of(info);
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines: Vec<_> = lines.into_iter().map(|(name, help)| format!("  {name:width$}  {help}")).collect();
    let codes = "Exit codes: 0 success, 1 fatal error, 2 wrong arguments, 78 invalid configuration";
    format!("Environment:\n{}\n\n{codes}", lines.join("\n"))
}
