//! Where a project gets the framework from.

use std::path::Path;

use danube_sink::config::private::quoted;

/// The branch or tag of the repository, as cargo writes it, for projects of this version.
const REFERENCE: &str = r#"branch = "main""#;

/// The keys of the dependency `danube-sink` in a project's `Cargo.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Framework(String);

impl Framework {
    /// This version, from the repository that `Cargo.toml` names.
    pub(crate) fn published() -> Self {
        let (repository, version) = (env!("CARGO_PKG_REPOSITORY"), env!("CARGO_PKG_VERSION"));
        Self(format!(r#"git = "{repository}", {REFERENCE}, version = "{version}""#))
    }

    /// A checkout of the repository, or of a fork.
    ///
    /// # Errors
    /// It is no checkout, and what one is.
    pub(crate) fn in_checkout(folder: &Path) -> Result<Self, String> {
        let package = folder.join("danube-sink");
        let absolute = match package.canonicalize() {
            Ok(absolute) if absolute.join("Cargo.toml").is_file() => absolute,
            _ => {
                let (folder, package) = (folder.display(), package.display());
                return Err(format!(
                    "--path {folder}: there is no {package}/Cargo.toml; name the root of a checkout of {}",
                    env!("CARGO_PKG_REPOSITORY")
                ));
            }
        };
        let path = absolute.to_str();
        let path = path.ok_or_else(|| format!("--path {}: a path in UTF-8 is needed", absolute.display()))?;
        Ok(Self(format!("path = {}", quoted(path))))
    }

    pub(crate) fn keys(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_shows_the_dependency_of_a_project() {
        let page = include_str!("../../../danube-sink/src/guide/first_connector.md");
        let keys = Framework::published().0;
        assert!(page.contains(&format!("danube-sink = {{ {keys} }}")), "{keys}");
    }
}
