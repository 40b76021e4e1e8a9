//! What does not compile, and what it says. After a change, bless the new texts and read each of them:
//!
//! ```text
//! TRYBUILD=overwrite cargo test -p danube-sink-tests --test compile_fail
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

use std::{fs, path::PathBuf};

#[test]
fn every_mistake_is_one_error_at_its_place() {
    let cases = trybuild::TestCases::new();
    cases.pass("ui/pass/*.rs");
    cases.compile_fail("ui/sink_connector/*.rs");
    cases.compile_fail("ui/sink_connector_impl/*.rs");
    cases.compile_fail("ui/topic_mapping/*.rs");
    cases.compile_fail("ui/setting/*.rs");
    cases.compile_fail("ui/several/*.rs");
}

/// One mistake, one error, one remedy: an error must not hide behind those that it causes.
#[test]
fn every_report_is_one_error_with_a_remedy() {
    let mut seen = 0;
    for folder in ["sink_connector", "sink_connector_impl", "topic_mapping", "setting"] {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui").join(folder);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "stderr") {
                let report = fs::read_to_string(&path).unwrap();
                let errors = report.lines().filter(|line| line.starts_with("error")).count();
                assert_eq!(errors, 1, "{}:\n{report}", path.display());
                assert!(!report.lines().any(|line| line.starts_with("warning")), "{}:\n{report}", path.display());
                assert!(report.contains("help: "), "{}:\n{report}", path.display());
                let known = report.replace("danube_sink::__private", "");
                assert!(!known.contains("__"), "a generated name in {}:\n{report}", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "{seen} reports");
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
