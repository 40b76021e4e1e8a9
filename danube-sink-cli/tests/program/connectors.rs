//! Every connector is a command of the program, in this build or another one.

use std::{env, fs};

use serde_json::Value;

use super::{failed, folder, printed};

/// The features of the package that are connectors: each adds the package of its name.
fn connectors() -> Vec<String> {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().expect("TOML");
    let features = manifest["features"].as_table().expect("features");
    let adds_package = |name: &str, parts: &toml::Value| {
        let package = format!("dep:danube-sink-{name}");
        parts.as_array().is_some_and(|parts| parts.iter().any(|part| part.as_str() == Some(&package)))
    };
    features.iter().filter(|(name, parts)| adds_package(name, parts)).map(|(name, _)| name.clone()).collect()
}

/// The connectors of this build.
fn present() -> Vec<String> {
    let help = printed(&env::temp_dir(), &["--help"]);
    let lists = |name: &String| help.lines().any(|line| line.split_whitespace().next() == Some(name));
    connectors().into_iter().filter(lists).collect()
}

#[test]
fn a_connector_that_is_not_in_this_build_says_how_to_add_it() {
    let folder = folder("missing");
    let (help, present) = (printed(&folder, &["--help"]), present());
    for name in connectors().into_iter().filter(|name| !present.contains(name)) {
        let list = help.lines().last().expect("lines");
        assert!(list.starts_with("Not in this build") && list.contains(&name), "{name}: {help}");
        for arguments in [&[name.as_str()][..], &[&name, "run", "--config", "x.toml"], &[&name, "--help"]] {
            let error = failed(&folder, arguments, 2);
            assert!(error.contains(&format!("--features {name}")), "{arguments:?}: {error}");
        }
    }
}

#[test]
fn every_connector_of_this_build_has_help_template_and_schema() {
    let folder = folder("described");
    for name in present() {
        let help = printed(&folder, &[&name, "--help"]);
        assert!(
            help.contains(&format!("Usage: danube-sink {name}")) && help.contains("CONNECTOR_CONFIG_PATH"),
            "{help}"
        );
        let template = printed(&folder, &[&name, "template"]);
        assert!(template.contains("topic_mappings"), "{name}: {template}");
        let schema: Value = serde_json::from_str(&printed(&folder, &[&name, "schema"])).expect("JSON");
        assert!(schema["properties"].as_object().is_some_and(|keys| keys.len() > 1), "{name}: {schema}");
    }
}

#[test]
fn what_a_connector_prints_and_what_its_package_has_passes_the_check_of_a_file_alone() {
    let folder = folder("templates");
    for name in present() {
        let package = format!("{}/../connectors/{name}", env!("CARGO_MANIFEST_DIR"));
        let texts = [
            printed(&folder, &[&name, "template"]),
            printed(&folder, &[&name, "template", "--minimal"]),
            fs::read_to_string(format!("{package}/connector.toml")).expect("a file"),
        ];
        for text in texts {
            fs::write(folder.join("file.toml"), text).expect("a file");
            printed(&folder, &[&name, "check", "--config", "file.toml", "--no-environment"]);
        }
    }
}

/// Of URL or host, neither is required.
#[test]
fn the_minimal_file_has_one_way_to_name_the_server() {
    let folder = folder("minimal");
    for name in present().into_iter().filter(|name| ["pgvector", "postgres"].contains(&name.as_str())) {
        let text = printed(&folder, &[&name, "template", "--minimal"]);
        assert!(text.contains(&format!("\n[{name}.server]\n#host = ")), "{text}");
        let filled: Vec<_> = text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
        fs::write(folder.join("file.toml"), filled.join("\n")).expect("a file");
        printed(&folder, &[&name, "check", "--config", "file.toml", "--offline"]);
    }
}

#[test]
fn without_a_file_a_connector_says_what_to_do_and_uses_no_sample() {
    let folder = folder("no-file");
    for name in present() {
        for arguments in [&[name.as_str()][..], &[&name, "run"], &[&name, "check"], &[&name, "config"]] {
            let error = failed(&folder, arguments, 78);
            for part in ["--config", "CONNECTOR_CONFIG_PATH"] {
                assert!(error.contains(part), "{arguments:?}: no {part} in {error}");
            }
        }
    }
}

#[test]
fn a_file_for_another_connector_names_its_command() {
    let folder = folder("another");
    let present = present();
    for (name, other) in present.iter().zip(present.iter().skip(1)) {
        let file = format!("{}/../connectors/{other}/connector.toml", env!("CARGO_MANIFEST_DIR"));
        let error = failed(&folder, &[name, "check", "--config", &file, "--no-environment"], 78);
        for part in ["the file is for another connector", &format!("use `danube-sink {other}`"), "1 error in"] {
            assert!(error.contains(part), "{name}: no {part} in {error}");
        }
    }
}

#[test]
fn a_word_that_is_no_connector_is_wrong_usage() {
    let error = failed(&folder("unknown"), &["postgress"], 2);
    assert!(error.contains("postgress"), "{error}");
}

/// The folder has neither a configuration nor records: both are from the sample in the program.
#[cfg(feature = "delta-lake")]
#[test]
fn dev_has_its_sample_in_the_program() {
    let folder = folder("sample");
    let text = printed(&folder, &["delta-lake", "dev"]);
    assert!(text.contains(" records delivered and acknowledged"), "{text}");
    assert!(folder.join("earthquakes/_delta_log").is_dir());
}

#[cfg(feature = "http")]
#[test]
fn dev_has_its_records_in_the_program() {
    use danube_sink::testing::{HttpReply, HttpServer};

    let folder = folder("records");
    let api = HttpServer::start(|_| HttpReply::status(204, "")).expect("a free port");
    let text = include_str!("../../../connectors/http/connector.toml").replace("http://localhost:8080", &api.url());
    std::fs::write(folder.join("mine.toml"), text).expect("a file");
    let text = printed(&folder, &["http", "--config", "mine.toml", "dev"]);
    assert!(text.contains("100 of 100 records"), "{text}");
    assert_eq!(api.requests().len(), 100);
}
