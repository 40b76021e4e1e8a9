//! Locations of stores in the configuration: a folder, or the URL of a bucket.

use std::collections::BTreeMap;

use danube_sink::config::Diagnostic;

/// Schemes of URLs in which the name before the `@` is that of the container: `abfss://container@account.dfs.core.windows.net`.
const WITH_CONTAINER: [&str; 2] = ["abfs", "abfss"];

/// Validates a location, the value of the setting `key`: a folder, or a URL. Credentials have no place in it, since it is in logs
/// and in `/status`.
///
/// # Errors
/// An empty one, a `~`, which nothing expands, and a URL with a user, a password, a query or a fragment. No text shows the value.
pub fn validate_location(location: &str, key: &str) -> Result<(), Diagnostic> {
    if location.trim().is_empty() {
        let help = "name a folder, or a URL such as `s3://bucket/prefix`";
        return Err(Diagnostic::of_key(key, "the string is empty", help));
    }
    if location.starts_with('~') {
        let help = "write the whole path, such as `/home/me/lake`";
        return Err(Diagnostic::of_key(key, "`~` is not expanded", help));
    }
    if is_plain(location) {
        return Ok(());
    }
    let help =
        "remove them: credentials are set by variables, such as AWS_SECRET_ACCESS_KEY; `template` prints them all";
    Err(Diagnostic::of_key(key, "a URL must not have a user, a password, `?` or `#`, which logs would show", help))
}

/// Validates the URLs among the options of a store, such as its endpoint; `key` is the setting.
///
/// # Errors
/// A URL with a user, a password, a query or a fragment. No text shows the value.
pub fn validate_endpoints(options: &BTreeMap<String, String>, key: &str) -> Result<(), Diagnostic> {
    match options.iter().find(|(_, value)| !is_plain(value)) {
        Some((name, value)) => validate_location(value, &format!("{key}.{name}")),
        None => Ok(()),
    }
}

/// Whether a URL has nothing that may be a secret. A folder has nothing in any case.
fn is_plain(location: &str) -> bool {
    let Some((scheme, rest)) = location.split_once("://") else { return true };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let has_user = match authority.rsplit_once('@') {
        Some((user, _)) => user.contains(':') || !WITH_CONTAINER.iter().any(|known| scheme.eq_ignore_ascii_case(known)),
        None => false,
    };
    !has_user && !rest.contains(['?', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_has_no_credentials() {
        for location in [
            "s3://KID:s3cret@lake/x",
            "s3://s3cret@lake",
            "s3://lake/x?X-Amz-Signature=s3cret",
            "az://c/x?sig=s3cret",
            "gs://lake#s3cret",
            "abfss://c:s3cret@account.dfs.core.windows.net/x",
            "file:///data?s3cret",
            "",
            " ",
            "~/lake",
            "~",
        ] {
            let report = format!("{:?}", validate_location(location, "url").unwrap_err());
            assert!(report.contains("\"url\"") && !report.contains("s3cret"), "{location}: {report}");
        }
        for location in
            ["s3://lake/a@b", "abfss://c@account.dfs.core.windows.net/x", "/data/a?b#c@d", "a~b", "file:///data"]
        {
            assert_eq!(validate_location(location, "url"), Ok(()), "{location}");
        }
    }

    #[test]
    fn an_endpoint_has_no_credentials() {
        let options = |value: &str| BTreeMap::from([("aws_endpoint".to_owned(), value.to_owned())]);
        for value in ["http://user:s3cret@minio:9000", "http://minio?s3cret"] {
            let report = format!("{:?}", validate_endpoints(&options(value), "storage_options").unwrap_err());
            assert!(report.contains("storage_options.aws_endpoint") && !report.contains("s3cret"), "{report}");
        }
        for value in ["http://minio:9000", "a?b", ""] {
            assert_eq!(validate_endpoints(&options(value), "storage_options"), Ok(()), "{value}");
        }
    }
}
