//! The name of a project.

use std::fmt;

use danube_sink::config::private::reserved;

/// A valid name of a package and of its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// The most characters of a name.
const LONGEST: usize = 64;
/// Names that cargo or the compiler give another meaning, and those of the project's dependencies.
const TAKEN: &str = "abstract alloc as async await become box break build const continue core crate danube-sink danube_sink \
    deps do dyn else enum examples extern false final fn for gen if impl in incremental let loop macro match \
    mod move mut override priv proc-macro proc_macro pub ref return self serde static std struct super test \
    tokio trait true try type typeof union unsafe unsized use virtual where while yield";

/// Parses a name.
///
/// # Errors
/// Why it is none, and what to write.
pub(crate) fn parse(text: &str) -> Result<Name, String> {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    let begins = text.bytes().next().is_some_and(|first| first.is_ascii_lowercase());
    if !begins || text.len() > LONGEST || !text.bytes().all(is_letter) {
        return Err(format!(
            "write a name of lower-case letters, digits, `-` and `_` that begins with a letter, of {LONGEST} characters at most, \
             such as orders-sink"
        ));
    }
    let name = Name(text.to_owned());
    if TAKEN.split(' ').any(|taken| taken == text) || reserved::is_root_key(&name.section()) {
        return Err(format!("the name is taken by Rust, a dependency or a common setting; try {text}-sink"));
    }
    Ok(name)
}

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the connector's table in a configuration.
    pub(crate) fn section(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_name_is_one_of_a_package() {
        for name in ["orders-sink", "a", "s3_copy2"] {
            assert_eq!(parse(name).unwrap().as_str(), name);
        }
        assert_eq!(parse("orders-to-s3").unwrap().section(), "orders_to_s3");
        for name in ["", "9lives", "-x", "Orders", "a/b", "..", "ö", "a b", &"a".repeat(65)] {
            assert!(parse(name).unwrap_err().contains("such as orders-sink"), "{name}");
        }
    }

    #[test]
    fn a_name_with_another_meaning_is_refused_with_one_that_is_free() {
        for name in ["test", "fn", "serde", "danube-sink", "tasks", "batch-size"] {
            let error = parse(name).unwrap_err();
            assert!(error.contains(&format!("try {name}-sink")), "{name}: {error}");
            parse(&format!("{name}-sink")).unwrap();
        }
    }
}
