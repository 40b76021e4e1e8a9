//! Runs the compiler on one case: a crate of its own, with the dependencies that cargo has built for this test.
//!
//! Cargo is left out: for each case it would look at hundreds of packages, and build those once more for a package of the cases.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const COMMAND: &[&str] = &danube_sink_tests_compiler::command!();

/// What the compiler reports of a case, as JSON.
pub(crate) fn check(case: &Path) -> String {
    let output = compile(case, &["--emit=metadata", "--error-format=json"]);
    String::from_utf8(output.stderr).unwrap()
}

/// Compiles a case whole, without a warning, and runs it.
pub(crate) fn run(case: &Path) -> Result<(), String> {
    let compiled = compile(case, &["--emit=link"]);
    let silent = compiled.status.success() && compiled.stderr.is_empty();
    let output = if silent { Command::new(built(case)).output().unwrap() } else { compiled };
    if silent && output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn compile(case: &Path, arguments: &[&str]) -> Output {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::create_dir_all(built(case).parent().unwrap()).unwrap();
    Command::new(COMMAND[0])
        .args(&COMMAND[1..])
        .args(arguments)
        // What a macro leaves out when the item has an error is no longer used.
        .args(["--allow=dead_code", "--diagnostic-width=140", "-o"])
        .arg(built(case))
        .arg(case)
        // From here the compiler finds the framework's sources that it shows.
        .current_dir(package.parent().unwrap())
        .env("CARGO_MANIFEST_DIR", package)
        .env("CARGO_PKG_NAME", env!("CARGO_PKG_NAME"))
        .env("CARGO_PKG_VERSION", env!("CARGO_PKG_VERSION"))
        .output()
        .unwrap()
}

fn built(case: &Path) -> PathBuf {
    let folder = case.parent().and_then(Path::file_name).unwrap();
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail").join(folder).join(case.file_stem().unwrap())
}
