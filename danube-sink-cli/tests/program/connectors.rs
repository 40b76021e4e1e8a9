//! Every connector is a command of the program, in this build or another one.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{failed, folder, printed};

/// The features of the package.
fn features() -> toml::Table {
    let manifest: toml::Table = include_str!("../../Cargo.toml").parse().expect("TOML");
    manifest["features"].as_table().expect("features").clone()
}

/// The features that are connectors: each adds the package of its name.
fn connectors() -> Vec<String> {
    let adds_package = |name: &str, parts: &toml::Value| {
        let package = format!("dep:danube-sink-{name}");
        parts.as_array().is_some_and(|parts| parts.iter().any(|part| part.as_str() == Some(&package)))
    };
    features().iter().filter(|(name, parts)| adds_package(name, parts)).map(|(name, _)| name.clone()).collect()
}

/// The folder of a connector's package.
fn package(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors").join(name)
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
        let (alone, run, help) =
            (&[name.as_str()][..], [&name, "run", "--config", "x.toml"], [[&name, "--help"], ["help", &name]]);
        for arguments in [alone, &run, &help[0], &help[1]] {
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

/// HTTP leaves it to the mapping: most requests replace nothing.
#[test]
fn connectors_have_one_consumer_by_default() {
    let folder = folder("exclusive");
    for name in present() {
        let is_exclusive = printed(&folder, &[&name, "template"]).contains("Default: \"Exclusive\".");
        assert_eq!(is_exclusive, name != "http", "{name}");
    }
}

#[test]
fn what_a_connector_prints_and_what_its_package_has_passes_the_check_of_a_file_alone() {
    let folder = folder("templates");
    for name in present() {
        let texts = [
            printed(&folder, &[&name, "template"]),
            printed(&folder, &[&name, "template", "--minimal"]),
            fs::read_to_string(package(&name).join("connector.toml")).expect("a file"),
        ];
        for text in texts {
            fs::write(folder.join("file.toml"), text).expect("a file");
            printed(&folder, &[&name, "check", "--config", "file.toml", "--no-environment"]);
        }
    }
}

#[test]
fn every_connector_of_this_build_has_where() {
    let folder = folder("where");
    for name in present() {
        let sample = fs::read_to_string(package(&name).join("connector.toml")).expect("a file");
        fs::write(folder.join("file.toml"), sample.replace("\ntopic = ", "\nwhere = 'payload.a > 1'\ntopic = "))
            .expect("a file");
        let report = printed(&folder, &[&name, "check", "--config", "file.toml", "--no-environment"]);
        assert!(report.contains("is valid"), "{name}: {report}");
    }
}

/// This build may have the feature because of another connector; the programs of the packages are built alone.
#[test]
fn every_connector_enables_where_by_itself() {
    let features = features();
    for name in connectors() {
        let text = fs::read_to_string(package(&name).join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = text.parse().expect("TOML");
        let own = [
            manifest["dependencies"]["danube-sink"].get("features"),
            manifest.get("features").and_then(|all| all.get("default")),
        ];
        let enables =
            |list: &toml::Value, feature: &str| list.as_array().is_some_and(|list| list.contains(&feature.into()));
        let is_enabled = own.into_iter().flatten().any(|list| enables(list, "cel") || enables(list, "danube-sink/cel"));
        assert!(is_enabled, "the package of {name}");
        assert!(enables(&features[&name], "danube-sink/cel"), "the feature {name}");
    }
}

#[test]
fn the_readmes_have_a_row_for_each_connector() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (file, row) in [("README.md", "| `danube-sink "), ("../README.md", "| [`")] {
        let text = fs::read_to_string(root.join(file)).expect("a file");
        let rows = text.lines().filter(|line| file == "README.md" || line.contains("](connectors/"));
        let named = rows.filter_map(|line| line.strip_prefix(row)?.split('`').next());
        let mut named: Vec<_> = named.map(str::to_owned).collect();
        named.sort();
        assert_eq!(named, connectors(), "{file}");
    }
}

#[test]
fn each_mark_of_the_catalogue_links_to_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors");
    let text = fs::read_to_string(folder.join("README.md")).expect("a file");
    let marks: Vec<_> = text.split("[✓](").skip(1).collect();
    assert!(marks.len() > 150, "{}", marks.len());
    for mark in marks {
        let (file, test) = mark.split_once(')').and_then(|(link, _)| link.split_once(' ')).expect(mark);
        let test = format!("fn {}(", test.trim_matches('"'));
        let code = fs::read_to_string(folder.join(file)).expect(file);
        assert!(code.contains(&test), "{file} has no `{test}`");
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
        let file = package(other).join("connector.toml");
        let file = file.to_str().expect("a path");
        let error = failed(&folder, &[name, "check", "--config", file, "--no-environment"], 78);
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
