//! Files that are not TOML.

use super::*;

#[test]
fn every_syntax_error_is_told_and_nothing_else() {
    let report = report("danube_service_url = http\n\n[http_sink]\nbase_url = \n");
    let expected = "error: connector.toml:1:22: string values must be quoted, expected literal string
   1 | danube_service_url = http
     |                      ^^^^
   help: write the value in double quotes

error: connector.toml:4:12: string values must be quoted, expected literal string
   4 | base_url =
     |            ^
   help: write the value in double quotes

2 mistakes in connector.toml";
    assert_eq!(report, expected);
}

#[test]
fn a_key_twice_in_one_table_is_told() {
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
