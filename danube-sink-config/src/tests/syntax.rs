//! Files that are not TOML.

use super::*;
use crate::compile_time;

#[test]
fn syntax_errors_are_reported_alone() {
    let report = report("danube_service_url = http\n\n[http_sink]\nbase_url = \n");
    let expected = "error: connector.toml:1:22: string values must be quoted, expected literal string
   1 | danube_service_url = http
     |                      ^^^^
   help: write the value in double quotes

error: connector.toml:4:12: string values must be quoted, expected literal string
   4 | base_url =
     |            ^
   help: write the value in double quotes

2 errors in connector.toml";
    assert_eq!(report, expected);
}

#[test]
fn a_duplicate_key_is_reported() {
    let report = report("batch_size = 1\nbatch_size = 2\n");
    assert!(
        report.starts_with("error: connector.toml:2:1: duplicate key\n   2 | batch_size = 2\n     | ^^^^^^^^^^\n"),
        "{report}"
    );
}

#[test]
fn marks_stand_below_what_they_mark() {
    let report = report("\t\"mäx\" = \"ü\" # ü\r\n");
    let expected = "error: connector.toml:1:2: unknown key `mäx` in the root of the file\n   1 | \t\"mäx\" = \"ü\" # ü\n     | \t^^^^^\n";
    assert!(report.starts_with(expected), "{report}");
    for text in ["", "\n", "=", "[", "\"", "a = \"\\u00e\"", "ä", "[[http_sink]]", "http_sink = 1", "retry = 3"] {
        let report = super::report(text);
        assert!(report.contains("help: "), "{report}");
    }
}

#[test]
fn a_long_line_is_shown_around_the_mark() {
    let report = report(&format!("note = [{0}\"x\", 3, {0}]\nnumber = 1", "\"ü\", ".repeat(1000)));
    let line = report.lines().nth(1).unwrap();
    assert!(
        line.starts_with("   1 | note = [\"ü\", ") && line.ends_with('…') && line.chars().count() == 168,
        "{report}"
    );
    let report = super::report(&format!("http_sink.timeout = \"{}\"", "x".repeat(5000)));
    assert!(
        report.contains("   1 | http_sink.timeout = \"xxx") && report.contains("     |                     ^^^"),
        "{report}"
    );
    let report = super::report(&format!("http_sink = {{ base_url = \"{}\", timeout = 5 }}", "x".repeat(5000)));
    let marked = report.lines().skip_while(|line| !line.contains(": `timeout`")).skip(1).take(2).collect::<Vec<_>>();
    assert!(marked[0].ends_with("x\", timeout = 5 }"), "{marked:#?}");
    assert_eq!(marked[0].chars().position(|char| char == '5'), marked[1].chars().position(|char| char == '^'));
}

const DECLARED: ConnectorInfo = ConnectorInfo {
    name: "http-sink",
    section: "http_sink",
    keys: &[
        KeySpec::new("columns"),
        KeySpec { source: ValueSource::Secret(Some("HTTP_SINK_PIN")), ..KeySpec::new("pin") },
    ],
    ..ConnectorInfo::EMPTY
};

/// The text is not TOML, so that only names tell what is a secret.
#[test]
fn a_secret_is_in_no_report_of_a_syntax_error() {
    let build = |text: &str| {
        let errors = compile_time::validate(Path::new("connector.toml"), &DECLARED, text, &mut |_, _, _| {});
        assert!(!errors.is_empty(), "{text}");
        errors.into_iter().map(|error| error.message + &error.help).collect::<String>()
    };
    for text in [
        "danube_token = \"hunter2",
        "danube_token = \"hunter2\ndanube_service_url = 1",
        "api_token = hunter2",
        "[http_sink]\ntoken = hunter2",
        "[http_sink]\ntoken = '''\nx\nhunter2",
        "sink = { password = \"hunter2\", columns = }",
        "http_sink = { token = \"hunter2\", base_url = }",
        "http_sink.token = \"hunter2",
        "http_sink.\"token\" = 'hunter2' 'x'",
        "[http_sink.credentials]\nuser = hunter2",
        "tokens = [\"a\", \"hunter2\", }",
        "[http_sink]\nbase_url = \"https://me:hunter2@host",
        "[http_sink]\nbase_url = \"https://host/?token=hunter2\" x",
    ] {
        assert!(!report(text).contains("hunter2"), "{}", report(text));
        assert!(!build(text).contains("hunter2"), "{}", build(text));
    }
    let declared = "[http_sink]\npin = 'hunter2' x";
    assert!(!build(declared).contains("hunter2"), "{}", build(declared));
}

#[test]
fn a_line_has_one_syntax_error() {
    for text in ["a = = 1", "a = [1, , 2", "a = \"x\" \"y\" \"z\"", "[[a]"] {
        assert!(report(text).ends_with("1 error in connector.toml"), "{}", report(text));
    }
}
