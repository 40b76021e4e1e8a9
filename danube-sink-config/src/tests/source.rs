//! Where the file is.

use std::{fs, path::Path};

use super::*;
use crate::{ConfigSource, load_for, serde_compat::load_from};

#[test]
fn a_file_that_cannot_be_read_is_reported_with_the_ways_to_name_one() {
    let load = |path: Option<&str>, set: &'static [(&'static str, &'static str)]| {
        let source = ConfigSource { path: path.map(Into::into), ..ConfigSource::default() };
        load_for::<HttpSink>(ExternalChecks::SKIP, &source, &variables(set)).map(|_| ()).unwrap_err().to_string()
    };
    let help = "help: name the file with `--config FILE` or the variable CONNECTOR_CONFIG_PATH";
    for error in [load(Some("nowhere.toml"), USUAL), load(None, &[("CONNECTOR_CONFIG_PATH", "nowhere.toml")])] {
        let message = "error: cannot read the configuration file `nowhere.toml`: No such file or directory";
        assert!(error.starts_with(message) && error.contains(help), "{error}");
    }
    assert!(load(Some("/"), USUAL).contains("`/`: Is a directory"), "a folder");
    assert!(load(None, &[]).contains(help));
}

/// A struct that is read by serde belongs to a program without the option.
#[test]
fn a_program_without_commands_is_not_told_of_their_option() {
    let load = |path: Option<&str>| {
        let loaded: Result<toml::Table, _> = load_from(ExternalChecks::SKIP, path.map(Path::new), &variables(&[]));
        loaded.unwrap_err().to_string()
    };
    for error in [load(None), load(Some("nowhere.toml"))] {
        assert!(error.contains("CONNECTOR_CONFIG_PATH") && !error.contains("--config"), "{error}");
    }
}

/// A shell's `<(…)` and `/dev/stdin` are no regular files.
#[test]
fn a_pipe_is_a_file() {
    let folder = std::env::temp_dir().join(format!("danube-sink-pipe-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let pipe = folder.join("connector.toml");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, GOOD)
    });
    let source = ConfigSource { path: Some(pipe), ..ConfigSource::default() };
    let loaded = load_for::<HttpSink>(ExternalChecks::SKIP, &source, &variables(USUAL)).unwrap();
    writer.join().unwrap().unwrap();
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(loaded.core.batch_size, 50);
}

#[test]
fn a_file_in_another_encoding_says_which_line_to_save_as_utf_8() {
    let path = std::env::temp_dir().join(format!("danube-sink-latin-1-{}", std::process::id()));
    let mut text = GOOD.as_bytes().to_vec();
    text.extend(b"# caf\xe9\n");
    fs::write(&path, text).unwrap();
    let source = ConfigSource { path: Some(path.clone()), ..ConfigSource::default() };
    let error = load_for::<HttpSink>(ExternalChecks::SKIP, &source, &variables(USUAL)).unwrap_err().to_string();
    fs::remove_file(path).unwrap();
    let line = GOOD.lines().count() + 1;
    assert!(
        error.contains(&format!("is not UTF-8: line {line} ")) && error.contains("help: save the file as UTF-8"),
        "{error}"
    );
}
