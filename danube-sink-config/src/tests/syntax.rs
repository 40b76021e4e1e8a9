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

2 errors in connector.toml";
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

#[test]
fn of_a_long_line_the_part_is_shown_that_is_marked() {
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
