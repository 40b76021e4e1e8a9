//! `danube-sink new NAME`: a project for a connector of one's own.

mod framework;
mod name;
mod project;

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Arg, value_parser};

use self::{framework::Framework, name::Name};

/// What the help of the program says about the command.
pub(crate) const ABOUT: &str = "Create a project for a connector of your own";

/// Executes the command; the first word is `danube-sink new`.
pub(crate) fn main(words: Vec<OsString>) -> ExitCode {
    match run(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Arguments(answer)) => {
            // Without standard output and standard error, the exit code is all that is left.
            let _ = answer.print();
            u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(Failure::Project(error)) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no project.
enum Failure {
    /// An error of usage, or the help.
    Arguments(clap::Error),
    Project(String),
}

fn run(words: Vec<OsString>) -> Result<(), Failure> {
    let matches = command().try_get_matches_from(words).map_err(Failure::Arguments)?;
    let Some(name) = matches.get_one::<Name>("name") else { return Ok(()) };
    let framework = match matches.get_one::<PathBuf>("path") {
        Some(checkout) => Framework::in_checkout(checkout).map_err(Failure::Project)?,
        None => Framework::published(),
    };
    project::create(Path::new(name.as_str()), name, &framework).map_err(Failure::Project)?;
    let mut out = io::stdout().lock();
    match out.write_all(next_commands(name).as_bytes()).and_then(|()| out.flush()) {
        // A reader that has closed its pipe has what it wanted, as with the commands of a connector.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Project(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

fn command() -> clap::Command {
    clap::Command::new("new")
        .bin_name("danube-sink new")
        .about(ABOUT)
        .long_about(
            "Creates the folder NAME with a connector that appends orders to a file: source, configuration, sample data, a \
             conformance test, a Dockerfile and a README, which says what to change for your target. It builds without protoc.",
        )
        .arg(
            Arg::new("name")
                .value_name("NAME")
                .required(true)
                .value_parser(name::parse)
                .help("Name of the package, of the program and of the folder, such as orders-sink"),
        )
        .arg(
            Arg::new("path")
                .long("path")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .help("A checkout of the framework to depend on, such as a fork, instead of its repository"),
        )
}

fn next_commands(name: &Name) -> String {
    format!(
        "Created {name}, a connector that appends orders to a file. Next:\n\n  \
         cd {name}\n  \
         cargo run -- dev    # 20 orders through an embedded broker into orders/orders.txt\n  \
         cargo test          # the conformance kit\n\n\
         README.md says what to change for your target.\n"
    )
}
