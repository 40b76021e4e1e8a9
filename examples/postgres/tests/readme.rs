//! The README shows the settings that there are.

use std::process::Command;

#[test]
fn the_readme_shows_every_setting() {
    let output = Command::new(env!("CARGO_BIN_EXE_postgres")).arg("template").output().expect("it runs");
    let template = String::from_utf8(output.stdout).expect("a text");
    let readme = include_str!("../README.md");
    assert!(readme.contains(&format!("```toml\n{template}```\n")), "write this into README.md:\n{template}");
}
