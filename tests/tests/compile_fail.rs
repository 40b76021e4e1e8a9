//! What does not compile, and what it says. After a change, bless the new texts and read each of them:
//!
//! ```text
//! TRYBUILD=overwrite cargo test -p danube-sink-tests --test compile_fail
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

use std::{
    fs,
    path::{Path, PathBuf},
};

const FOLDERS: [&str; 5] = ["config_file", "setting", "sink_connector", "sink_connector_impl", "topic_mapping"];

#[test]
fn every_mistake_is_one_error_at_its_place() {
    // The cases are compiled in a package of their own, from whose folder they name their configuration files.
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("tests/trybuild").join(env!("CARGO_PKG_NAME"));
    for folder in ["config_file", "pass"] {
        let (from, to) = (ui(folder), package.join("ui").join(folder));
        fs::create_dir_all(&to).unwrap();
        for path in files(&from, "toml") {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    for folder in FOLDERS {
        cases.compile_fail(format!("ui/{folder}/*.rs"));
    }
    cases.compile_fail("ui/several/*.rs");
}

fn ui(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui").join(folder)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|own| own == extension)).collect()
}

/// One mistake, one error, one remedy: an error must not hide behind those that it causes.
#[test]
fn every_report_is_one_error_with_a_remedy() {
    let mut seen = 0;
    for path in FOLDERS.iter().flat_map(|folder| files(&ui(folder), "stderr")) {
        let report = fs::read_to_string(&path).unwrap();
        let errors = report.lines().filter(|line| line.starts_with("error")).count();
        assert_eq!(errors, 1, "{}:\n{report}", path.display());
        assert!(!report.lines().any(|line| line.starts_with("warning")), "{}:\n{report}", path.display());
        assert!(report.contains("help: "), "{}:\n{report}", path.display());
        let known = report.replace("danube_sink::__private", "");
        assert!(!known.contains("__"), "a generated name in {}:\n{report}", path.display());
        assert!(!report.contains("not-to-be-seen"), "{}:\n{report}", path.display());
        seen += 1;
    }
    assert!(seen > 150, "{seen} reports");
}

/// No mistake hides another: of the item, of its fields, of the impl.
#[test]
fn several_mistakes_are_several_errors() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui/several");
    let source = fs::read_to_string(folder.join("mistakes.rs")).unwrap();
    let marked = |word: &str| source.lines().filter(|line| line.trim_end().ends_with(&format!("// {word}"))).count();
    let report = fs::read_to_string(folder.join("mistakes.stderr")).unwrap();
    let errors = report.lines().filter(|line| line.starts_with("error")).count();
    assert_eq!(errors, marked("one") + 2 * marked("two"), "{report}");
}
