//! The program's `dev` command, on a machine with nothing installed.

use std::{collections::BTreeMap, process::Command};

use super::common::{Reader, folder};

#[test]
fn dev_writes_a_table_that_others_read() {
    let folder = folder("dev");
    let mut command = Command::new(env!("CARGO_BIN_EXE_danube-sink-delta-lake"));
    let command = command.current_dir(&folder).arg("dev").env_remove("CONNECTOR_CONFIG_PATH");
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(text.contains("400 of 400 records delivered and acknowledged"), "{text}");
    let table = folder.join("earthquakes").display().to_string();
    let table = Reader::start().read(&table, &BTreeMap::new());
    assert_eq!(table.rows.len(), 400);
    assert_eq!(table.columns["coordinates"], "list<element: double>");
    assert!(
        table.rows.iter().all(|row| row["id"].is_string() && row["publish_time"].is_string()),
        "{:?}",
        table.rows[0]
    );
}
