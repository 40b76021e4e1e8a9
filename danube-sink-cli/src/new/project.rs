//! The files of a project.

use std::{fs, path::Path};

use super::{framework::Framework, name::Name};

/// A file of the template, and whether it is a program.
struct File {
    path: &'static str,
    text: &'static str,
    executable: bool,
}

const fn text(path: &'static str, text: &'static str) -> File {
    File { path, text, executable: false }
}

/// The template. In it, the project's name is `my-connector`, and its section `my_connector`.
const FILES: &[File] = &[
    text(".cargo/config.toml", include_str!("template/cargo-config.toml")),
    // The launcher of this repository's own builds.
    File { path: ".cargo/protoc", text: include_str!("../../../.cargo/protoc"), executable: true },
    text(".dockerignore", include_str!("template/dockerignore")),
    text(".gitignore", include_str!("template/gitignore")),
    // The versions that the framework is tested with; cargo removes what the project does not need.
    text("Cargo.lock", include_str!("../../../Cargo.lock")),
    text("Cargo.toml", include_str!("template/Cargo.toml.in")),
    text("Dockerfile", include_str!("template/Dockerfile")),
    text("README.md", include_str!("template/README.md")),
    text("connector.toml", include_str!("template/connector.toml")),
    text("dev/default/orders.jsonl", include_str!("template/dev/orders.jsonl")),
    text("rust-toolchain.toml", include_str!("template/rust-toolchain.toml")),
    text("src/conformance.rs", include_str!("template/src/conformance.rs")),
    text("src/main.rs", include_str!("template/src/main.rs")),
];

/// Writes the project into a folder, which is missing or empty.
///
/// # Errors
/// The folder has files, or a file cannot be written.
pub(crate) fn create(folder: &Path, name: &Name, framework: &Framework) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("cannot write {}: {error}", path.display());
    if is_occupied(folder) {
        return Err(format!(
            "{} exists and is not an empty folder, so nothing is written; choose another name, or move it away",
            folder.display()
        ));
    }
    for file in FILES {
        let path = folder.join(file.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        }
        fs::write(&path, filled_in(file.text, name, framework)).map_err(|error| failed(&path, error))?;
        if file.executable {
            make_executable(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(())
}

fn is_occupied(folder: &Path) -> bool {
    match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.symlink_metadata().is_ok(),
    }
}

fn filled_in(text: &str, name: &Name, framework: &Framework) -> String {
    // The section first: it has no `-`, while the name may hold the template's section.
    text.replace("my_connector", &name.section())
        .replace("my-connector", name.as_str())
        .replace("{rust_version}", env!("CARGO_PKG_RUST_VERSION"))
        .replace("{framework}", framework.keys())
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{super::name, *};

    #[test]
    fn a_name_may_begin_with_that_of_the_template() {
        let framework = Framework::published();
        for (name, section) in [("my_connector2", "my_connector2"), ("my-connector-2", "my_connector_2")] {
            let filled_in = filled_in("my-connector my_connector", &name::parse(name).unwrap(), &framework);
            assert_eq!(filled_in, format!("{name} {section}"));
        }
    }
}
