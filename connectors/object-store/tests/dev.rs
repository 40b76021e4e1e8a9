//! The program's `dev` command, on a machine with nothing installed.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

mod common;

use std::process::Command;

use common::{Location, Reader, folder};

#[test]
fn dev_writes_files_that_others_read() {
    let folder = folder("dev");
    let mut command = Command::new(env!("CARGO_BIN_EXE_danube-sink-object-store"));
    let command = command.current_dir(&folder).arg("dev").env_remove("CONNECTOR_CONFIG_PATH");
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("400 of 400 records delivered and acknowledged"), "{text}");
    let files = Reader::start().files(&Location::folder(&folder.join("earthquakes-files")));
    assert_eq!(files.iter().map(|file| file.rows.len()).sum::<usize>(), 400);
    for file in files {
        let (network, _) = file
            .name
            .strip_prefix("default/earthquakes/network=")
            .and_then(|rest| rest.split_once('/'))
            .expect("a folder");
        assert!(file.rows.iter().all(|row| row["properties"]["net"] == network && row["_published"].is_string()));
    }
}
