//! The page of the connectors names tests that exist.

#![allow(clippy::unwrap_used, reason = "it serves tests alone")]

use std::{fs, path::Path};

#[test]
fn each_mark_links_to_the_test_that_shows_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors");
    let page = fs::read_to_string(folder.join("README.md")).unwrap();
    let links: Vec<_> = page.split("](").skip(1).filter_map(link_to_test).collect();
    assert!(links.len() > 100, "{} links", links.len());
    let exists = |(file, test): &(&str, &str)| {
        fs::read_to_string(folder.join(file)).is_ok_and(|code| code.contains(&format!("fn {test}(")))
    };
    let missing: Vec<_> = links.into_iter().filter(|link| !exists(link)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The file and the test of a link whose title is a test's name.
fn link_to_test(rest: &str) -> Option<(&str, &str)> {
    let (file, title) = rest.split_once(')')?.0.split_once(" \"")?;
    Some((file, title.strip_suffix('"')?))
}
