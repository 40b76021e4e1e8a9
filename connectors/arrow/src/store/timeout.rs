//! The time of a request to a store.

use std::{collections::BTreeMap, time::Duration};

/// What the option may be called: by its own name, or with that of a store.
const NAMES: [&str; 4] = ["timeout", "aws_timeout", "azure_timeout", "google_timeout"];
/// The library's own limit. Work in the background has no less time, however short writes are.
const LEAST: Duration = Duration::from_secs(30);

/// The option by which a request to a store may take as long as a write, and at least 30 seconds: the library's own limit would end it
/// after 30 seconds, whatever `write_timeout_ms` is. `None` if `storage_options` has a limit.
pub fn request_timeout(
    storage_options: &BTreeMap<String, String>,
    write_timeout: Duration,
) -> Option<(String, String)> {
    let is_set = storage_options.keys().any(|name| NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)));
    (!is_set).then(|| ("timeout".to_owned(), format!("{}ms", write_timeout.max(LEAST).as_millis())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_time_of_a_write_unless_an_option_sets_it() {
        let timeout = |options: &[&str], seconds| {
            let options = options.iter().map(|name| ((*name).to_owned(), "5s".to_owned())).collect();
            request_timeout(&options, Duration::from_secs(seconds)).map(|(name, value)| format!("{name} = {value}"))
        };
        assert_eq!(timeout(&["aws_region"], 120).as_deref(), Some("timeout = 120000ms"));
        assert_eq!(timeout(&[], 20).as_deref(), Some("timeout = 30000ms"));
        for name in ["timeout", "aws_timeout", "AZURE_TIMEOUT", "google_timeout"] {
            assert_eq!(timeout(&["aws_region", name], 120), None, "{name}");
        }
    }
}
