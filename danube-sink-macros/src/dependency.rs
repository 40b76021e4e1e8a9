//! The name of `danube-sink` in the author's package.

use std::{env, fs, path::Path};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use toml::de::{DeTable, DeValue};

const PACKAGE: &str = "danube-sink";

/// `::danube_sink`, or the name that the package's `Cargo.toml` gives it with `package = "danube-sink"`.
pub(crate) fn path() -> TokenStream {
    let renamed = env::var_os("CARGO_MANIFEST_DIR").and_then(|folder| name_in(Path::new(&folder)));
    let name = format_ident!("{}", renamed.as_deref().unwrap_or(PACKAGE).replace('-', "_"));
    quote!(::#name)
}

/// None for its own name, or if the manifest cannot be read.
fn name_in(package: &Path) -> Option<String> {
    name(&read(package)?, || package.ancestors().filter_map(read).find(|text| of_workspace(text).is_some()))
}

fn read(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join("Cargo.toml")).ok()
}

/// The table `workspace` of a manifest.
fn of_workspace(manifest: &str) -> Option<DeTable<'_>> {
    match DeTable::parse(manifest).ok()?.into_inner().remove("workspace")?.into_inner() {
        DeValue::Table(workspace) => Some(workspace),
        _ => None,
    }
}

fn name(manifest: &str, workspace: impl Fn() -> Option<String>) -> Option<String> {
    let manifest = DeTable::parse(manifest).ok()?.into_inner();
    let targets = table(&manifest, "target").into_iter().flat_map(DeTable::values);
    let tables = std::iter::once(&manifest).chain(targets.filter_map(|target| target.get_ref().as_table()));
    let dependencies: Vec<_> = tables
        .flat_map(|found| ["dependencies", "dev-dependencies"].map(|key| table(found, key)))
        .flatten()
        .flatten()
        .map(|(name, dependency)| (&**name.get_ref(), dependency.get_ref()))
        .collect();
    if dependencies.iter().any(|(name, _)| *name == PACKAGE) {
        return None;
    }
    let is_renamed = |(name, dependency): &&(&str, &DeValue<'_>)| {
        let inherited = dependency.get("workspace").and_then(|value| value.get_ref().as_bool()) == Some(true);
        if !inherited {
            return is_ours(dependency);
        }
        let manifest = workspace().unwrap_or_default();
        of_workspace(&manifest).is_some_and(|workspace| {
            table(&workspace, "dependencies")
                .and_then(|all| all.get(*name))
                .is_some_and(|found| is_ours(found.get_ref()))
        })
    };
    dependencies.iter().find(is_renamed).map(|(name, _)| (*name).to_owned())
}

fn table<'a, 'i>(of: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    of.get(key)?.get_ref().as_table()
}

fn is_ours(dependency: &DeValue<'_>) -> bool {
    dependency.get("package").and_then(|value| value.get_ref().as_str()) == Some(PACKAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_names_the_dependency() {
        let workspace = "[workspace.dependencies]\nours = { package = 'danube-sink', path = 'x' }";
        for (manifest, expected) in [
            ("[dependencies]\ndanube-sink = '1'\nother = { package = 'danube-sink' }", None),
            ("[dependencies]\nsinks = { package = 'danube-sink', version = '1' }", Some("sinks")),
            ("[dev-dependencies]\nsinks = { package = 'danube-sink', version = '1' }", Some("sinks")),
            ("[target.'cfg(unix)'.dependencies]\nsinks = { package = 'danube-sink' }", Some("sinks")),
            ("[dependencies]\nours.workspace = true", Some("ours")),
            ("[dependencies]\nserde = '1'", None),
        ] {
            let found = name(manifest, || Some(workspace.to_owned()));
            assert_eq!(found.as_deref(), expected, "{manifest}");
        }
    }
}
