//! What the author's package calls `danube-sink`.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use toml::{Table, Value};

const PACKAGE: &str = "danube-sink";

/// `::danube_sink`, or the name that the package's `Cargo.toml` gives it with `package = "danube-sink"`.
pub(crate) fn path() -> TokenStream {
    let renamed = env::var_os("CARGO_MANIFEST_DIR").and_then(|folder| name_in(Path::new(&folder)));
    let name = format_ident!("{}", renamed.as_deref().unwrap_or(PACKAGE).replace('-', "_"));
    quote!(::#name)
}

/// Nobody depends on it under another name, unless the manifest says so.
fn name_in(package: &Path) -> Option<String> {
    let manifest = read(package)?;
    let workspace =
        || package.ancestors().filter_map(read).find_map(|manifest| Some(manifest.get("workspace")?.clone()));
    name(&manifest, workspace)
}

fn read(folder: &Path) -> Option<Table> {
    fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok()
}

fn name(manifest: &Table, workspace: impl Fn() -> Option<Value>) -> Option<String> {
    let targets = manifest.get("target").and_then(Value::as_table);
    let tables =
        std::iter::once(manifest).chain(targets.into_iter().flat_map(Table::values).filter_map(Value::as_table));
    let dependencies: Vec<(&String, &Value)> = tables
        .flat_map(|table| ["dependencies", "dev-dependencies"].map(|key| table.get(key)))
        .filter_map(|found| found?.as_table())
        .flatten()
        .collect();
    if dependencies.iter().any(|(name, _)| *name == PACKAGE) {
        return None;
    }
    let is_renamed = |(name, dependency): &&(&String, &Value)| {
        let inherited = dependency.get("workspace").and_then(Value::as_bool) == Some(true);
        let package = if inherited {
            let workspace = workspace();
            workspace.as_ref().and_then(|table| table.get("dependencies")?.get(name.as_str())?.get("package")).cloned()
        } else {
            dependency.get("package").cloned()
        };
        package.is_some_and(|package| package.as_str() == Some(PACKAGE))
    };
    dependencies.iter().find(is_renamed).map(|(name, _)| (*name).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_the_dependency() {
        let workspace: Table = "[dependencies]\nours = { package = 'danube-sink', path = 'x' }".parse().unwrap();
        for (manifest, expected) in [
            ("[dependencies]\ndanube-sink = '1'\nother = { package = 'danube-sink' }", None),
            ("[dependencies]\nsinks = { package = 'danube-sink', version = '1' }", Some("sinks")),
            ("[dev-dependencies]\nsinks = { package = 'danube-sink', version = '1' }", Some("sinks")),
            ("[target.'cfg(unix)'.dependencies]\nsinks = { package = 'danube-sink' }", Some("sinks")),
            ("[dependencies]\nours.workspace = true", Some("ours")),
            ("[dependencies]\nserde = '1'", None),
        ] {
            let found = name(&manifest.parse().unwrap(), || Some(Value::Table(workspace.clone())));
            assert_eq!(found.as_deref(), expected, "{manifest}");
        }
    }
}
