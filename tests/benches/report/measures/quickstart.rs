//! Duration of `quickstart dev`, the first command that a new user runs.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::figures::{Goal, Report, median};

const NAME: &str = "quickstart_dev_seconds";

/// Seconds from the line "publishing" to the last line of `quickstart dev`, in a debug build.
pub(crate) fn all(report: &Report) {
    if !report.wants(&[NAME]) {
        return;
    }
    let Some(program) = program().filter(|program| program.is_file()) else {
        return report.not_measured(NAME, "target/debug/quickstart is not built: cargo build -p quickstart");
    };
    let folder = std::env::temp_dir().join(format!("danube-sink-report-{}", std::process::id()));
    let mut seconds = Vec::new();
    for _ in 0..report.rounds(3, 7) {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        match time(&program, &folder) {
            Some(time) => seconds.push(time),
            None => {
                report.void(NAME, "it printed no line with \"publishing\", or failed");
                break;
            }
        }
        report.progress(format!("{NAME}: {seconds:.2?}"));
    }
    let _ = fs::remove_dir_all(&folder);
    if seconds.len() == report.rounds(3, 7) {
        report.figure(NAME, median(seconds), Goal::AtMost(1.0));
    }
}

/// Path of the debug build of `quickstart`, relative to this program's folder `target/release/deps`.
fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.ancestors().nth(3)?.join("debug").join("quickstart"))
}

fn time(program: &Path, folder: &Path) -> Option<f64> {
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/quickstart/connector.toml");
    let mut command = Command::new(program);
    command.current_dir(folder).arg("dev").env("CONNECTOR_CONFIG_PATH", configuration);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let (mut started, mut last) = (None, None);
    for line in BufReader::new(child.stdout.take()?).lines() {
        last = Some(Instant::now());
        if line.ok()?.contains("publishing") {
            started = last;
        }
    }
    let is_well = child.wait().ok()?.success();
    started.zip(last).filter(|_| is_well).map(|(started, last)| last.duration_since(started).as_secs_f64())
}
