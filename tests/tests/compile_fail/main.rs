//! Code that does not compile, and its reports; code that compiles. After a change, bless the new reports and read each:
//!
//! ```text
//! BLESS=1 cargo test -p danube-sink-tests --test compile_fail
//! ```

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it serves tests alone")]

mod compiler;
mod report;

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

const FOLDERS: [&str; 5] = ["config_file", "setting", "sink_connector", "sink_connector_impl", "topic_mapping"];

#[test]
fn each_case_fails_with_its_report() {
    let cases = FOLDERS.iter().chain(&["several"]).flat_map(|folder| files(&ui(folder), "rs")).collect();
    for_each(cases, |case| {
        let report = report::of_json(&compiler::check(case)) + "\n";
        let file = case.with_extension("stderr");
        if env::var_os("BLESS").is_some() {
            fs::write(&file, &report).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        if report == kept { Ok(()) } else { Err(format!("it reports\n{report}\nand should report\n{kept}")) }
    });
}

#[test]
fn each_passing_case_compiles_and_runs() {
    for_each(files(&ui("pass"), "rs"), compiler::run);
}

/// Judges every case, as many at a time as there are processors, and names each that fails.
fn for_each(cases: Vec<PathBuf>, judge: impl Fn(&Path) -> Result<(), String> + Sync) {
    assert!(!cases.is_empty());
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(reason) = judge(case) {
                        println!("{}:\n\n{reason}", case.display());
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "of {} cases", cases.len());
}

fn ui(folder: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui").join(folder)
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|own| own == extension)).collect()
}

/// One error with its remedy: it must not hide behind those that it causes.
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

/// No error hides another: of the item, of its fields, of the impl.
#[test]
fn several_errors_are_reported_together() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("ui/several");
    let source = fs::read_to_string(folder.join("errors.rs")).unwrap();
    let marked = |word: &str| source.lines().filter(|line| line.trim_end().ends_with(&format!("// {word}"))).count();
    let report = fs::read_to_string(folder.join("errors.stderr")).unwrap();
    let errors = report.lines().filter(|line| line.starts_with("error")).count();
    assert_eq!(errors, marked("one") + 2 * marked("two"), "{report}");
}

/// Every missing and every unknown key of a mapping is an error of its own, and the compiler does not complain of the time.
#[test]
fn many_keys_of_a_mapping_are_many_errors() {
    let report = fs::read_to_string(ui("several").join("mapping_keys.stderr")).unwrap();
    let count = |part: &str| report.matches(part).count();
    assert_eq!((count("missing key `"), count("unknown key `"), count("error[")), (5, 7, 12), "{report}");
    assert!(!report.contains("constant evaluation is taking a long time") && !report.contains("warning"), "{report}");
}
