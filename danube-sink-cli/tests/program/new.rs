//! `danube-sink new` makes a project. `.ci/new` builds and tests one.

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use super::{failed, folder, printed};

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The files of a folder, relative to it.
fn files(folder: &Path) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => drop(files.insert(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned())),
            }
        }
    }
    files
}

#[test]
fn a_project_has_its_name_everywhere() {
    let folder = folder("project");
    let output = printed(&folder, &["new", "orders-to-s3"]);
    for command in ["cd orders-to-s3", "cargo run -- dev", "cargo test"] {
        assert!(output.contains(command), "no {command} in {output}");
    }
    let project = folder.join("orders-to-s3");
    let expected = [
        ".cargo/config.toml",
        ".cargo/protoc",
        ".dockerignore",
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "Dockerfile",
        "README.md",
        "connector.toml",
        "dev/default/orders.jsonl",
        "rust-toolchain.toml",
        "src/conformance.rs",
        "src/main.rs",
    ];
    assert_eq!(files(&project), expected.map(str::to_owned).into());
    for file in expected {
        let text = fs::read_to_string(project.join(file)).expect("text");
        for placeholder in ["my-connector", "my_connector", "{rust_version}", "{framework}"] {
            assert!(!text.contains(placeholder), "{placeholder} in {file}");
        }
    }
    let read = |file: &str| fs::read_to_string(project.join(file)).expect("text");
    assert!(read("connector.toml").contains("[[orders_to_s3.topic_mappings]]"));
    assert!(read("src/main.rs").contains("section = \"orders_to_s3\""));
    assert!(
        read("Dockerfile").contains("/usr/local/bin/") && read("Dockerfile").contains("ENTRYPOINT [\"orders-to-s3\"]")
    );
    assert_eq!(read("dev/default/orders.jsonl").lines().count(), 20);
    let pinned = fs::read_to_string(Path::new(CHECKOUT).join("rust-toolchain.toml")).expect("text");
    assert_eq!(read("rust-toolchain.toml"), pinned, "a project has the toolchain that the framework is tested with");
}

/// The image of `README.md` is built from a copy of the clone, without what `.dockerignore` names.
#[test]
fn a_build_in_a_container_has_every_file_that_the_program_includes() {
    let ignored = fs::read_to_string(Path::new(CHECKOUT).join(".dockerignore")).expect("text");
    let ignored = || ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let source = include_str!("../../src/new/project.rs");
    let included: Vec<_> = source.split("include_str!(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(included.len() > 10, "{included:?}");
    for file in included.into_iter().filter_map(|file| file.strip_prefix("../../../")) {
        let line = ignored().find(|line| file.starts_with(line.trim_end_matches('*')));
        assert_eq!(line, None, ".dockerignore takes away {file}");
    }
}

#[test]
fn a_project_depends_on_the_repository_or_on_a_checkout() {
    let folder = folder("dependency");
    let dependency = |name: &str| {
        let manifest: toml::Table = fs::read_to_string(folder.join(name).join("Cargo.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some(name));
        manifest["dependencies"]["danube-sink"].clone()
    };
    printed(&folder, &["new", "by-git"]);
    let by_git = dependency("by-git");
    assert_eq!(by_git["git"].as_str(), Some(env!("CARGO_PKG_REPOSITORY")));
    assert_eq!(by_git["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    assert!(by_git.get("branch").or(by_git.get("tag")).is_some());

    printed(&folder, &["new", "by-path", "--path", CHECKOUT]);
    let path = dependency("by-path")["path"].as_str().expect("a path").to_owned();
    assert!(Path::new(&path).is_absolute() && Path::new(&path).join("src/lib.rs").is_file(), "{path}");

    let error = failed(&folder, &["new", "by-nothing", "--path", "."], 1);
    assert!(error.contains("danube-sink/Cargo.toml") && error.contains("checkout"), "{error}");
    assert!(!folder.join("by-nothing").exists());
}

#[test]
fn a_folder_with_files_is_left_alone() {
    let folder = folder("occupied");
    fs::create_dir(folder.join("mine")).unwrap();
    fs::write(folder.join("mine/notes.txt"), "mine").unwrap();
    fs::write(folder.join("file"), "mine").unwrap();
    for name in ["mine", "file"] {
        let error = failed(&folder, &["new", name], 1);
        assert!(error.contains(name) && error.contains("choose another name"), "{error}");
    }
    assert_eq!(files(&folder), ["file", "mine/notes.txt"].map(str::to_owned).into());
    fs::create_dir(folder.join("empty")).unwrap();
    printed(&folder, &["new", "empty"]);
    assert!(folder.join("empty/src/main.rs").is_file());
}

#[test]
fn a_name_that_is_none_of_a_package_is_refused() {
    let folder = folder("names");
    for name in ["9lives", "a/b", "Orders", "test"] {
        let error = failed(&folder, &["new", name], 2);
        assert!(error.contains(name) && error.contains("-sink"), "{error}");
    }
    assert!(files(&folder).is_empty());
}

/// The build of danube-core runs it.
#[cfg(unix)]
#[test]
fn the_launcher_of_protoc_is_executable_and_named_by_the_project() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder("protoc");
    printed(&folder, &["new", "mine"]);
    let launcher = folder.join("mine/.cargo/protoc");
    assert_eq!(fs::metadata(launcher).unwrap().permissions().mode() & 0o111, 0o111);
    let config: toml::Table = fs::read_to_string(folder.join("mine/.cargo/config.toml")).unwrap().parse().unwrap();
    assert_eq!(config["env"]["PROTOC"]["value"].as_str(), Some(".cargo/protoc"));
}

#[test]
fn a_reader_that_closes_its_pipe_is_no_error() {
    let folder = folder("pipe");
    let mut command = Command::new(env!("CARGO_BIN_EXE_danube-sink"));
    let command = command.current_dir(&folder).args(["new", "mine"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("an exit code");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
    assert!(folder.join("mine/src/main.rs").is_file());
}

#[test]
fn both_forms_of_help_are_that_of_the_command() {
    let folder = folder("help");
    let help = printed(&folder, &["help", "new"]);
    assert!(help.contains("Usage: danube-sink new") && help.contains("--path"), "{help}");
    assert_eq!(help, printed(&folder, &["new", "--help"]));
}

#[test]
fn the_documentation_names_the_repository_and_the_oldest_rust() {
    let readme = include_str!("../../README.md");
    assert!(readme.contains(env!("CARGO_PKG_REPOSITORY")), "{}", env!("CARGO_PKG_REPOSITORY"));
    let oldest = env!("CARGO_PKG_RUST_VERSION");
    for text in [format!("(https://rustup.rs) {oldest} or newer"), format!("FROM rust:{oldest}-slim")] {
        assert!(readme.contains(&text), "no {text:?} in README.md");
    }
    let page = include_str!("../../../danube-sink/src/guide/first_connector.md");
    assert!(page.contains(&format!("Rust {oldest} or newer")), "{oldest}");
}
