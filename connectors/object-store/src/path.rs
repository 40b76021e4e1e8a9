//! Names of objects: the folder by template, and the file by the positions of its records.

use danube_sink::{RecordId, config::Diagnostic, prelude::*};

/// The longest name of a folder on most file systems, in bytes.
const SEGMENT: usize = 255;
/// The longest folder path: object stores take 1024 bytes, and the file's name needs a part.
const FOLDER: usize = 700;

/// Validates the constant parts of a path template.
pub(crate) fn validate(path: &Template) -> Result<(), Diagnostic> {
    let text = path.to_string();
    if !text.split('/').any(|segment| segment == "." || segment == "..") && !text.contains(['\\', '\0']) {
        return Ok(());
    }
    Err(Diagnostic::of_key(
        "path",
        "`.`, `..` and `\\` are not allowed in a path",
        "write folder names, with `/` between",
    ))
}

/// The folder of a record, without slashes around it. A value of the record never adds a level: what is not a letter, a digit or
/// one of `-_.` is percent-encoded, as Hive does, and so are `.` and `_` at the beginning, which would hide the folder.
pub(crate) fn folder(path: &Template, record: &SinkRecord) -> ConnectorResult<String> {
    let filled = path.fill_each(record, |field, value| match field {
        // What the configuration and the topic say may have slashes.
        None | Some(Field::Metadata(Metadata::Topic)) => Some(each_segment(&value)),
        Some(_) => Some(encoded(&value)).filter(|value| !value.is_empty()),
    })?;
    let folder = filled.trim_matches('/');
    let reason = if folder.split('/').any(|segment| segment.is_empty()) && !folder.is_empty() {
        "a segment of its path is empty"
    } else if folder.len() > FOLDER || folder.split('/').any(|segment| segment.len() > SEGMENT) {
        "its path is too long"
    } else {
        return Ok(folder.to_owned());
    };
    Err(ConnectorError::invalid_record(record, format!("{reason}, by the template `{path}`")))
}

fn each_segment(value: &str) -> String {
    value.split('/').map(|segment| percent_encoded(segment, &[])).collect::<Vec<_>>().join("/")
}

fn encoded(value: &str) -> String {
    percent_encoded(value, b"._")
}

/// The value with everything percent-encoded that a folder name should not have; `not_first` also where they come first.
fn percent_encoded(value: &str, not_first: &[u8]) -> String {
    let mut text = String::with_capacity(value.len());
    for (index, byte) in value.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        if is_plain && !(index == 0 && not_first.contains(&byte)) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The topic or partition as a part of a name: `default+events-part-1`. Topics have no `+`.
fn topic(name: &str) -> String {
    name.trim_start_matches('/').replace('/', "+")
}

/// The journal of a topic or partition.
pub(crate) fn journal(subscription: &str, name: &str) -> String {
    format!("{DANUBE}/{}/{}.json", encoded(subscription), topic(name))
}

/// The folder with what is not data. Readers of tables skip it for its `_`.
pub(crate) const DANUBE: &str = "_danube";

/// The file of records: `default+events+000000000001-000000000100+3f2a9c41.parquet`, with the lowest and the highest offset,
/// and what distinguishes offsets that restart.
pub(crate) fn file(records: &[SinkRecord], epoch: Option<&str>, extension: &str) -> String {
    let offsets = || records.iter().map(SinkRecord::offset);
    let (first, last) = (offsets().min().unwrap_or_default(), offsets().max().unwrap_or_default());
    let topic = topic(records.first().map_or("", |record| record.id().topic()));
    let id = epoch.map_or_else(|| RecordId::of_batch(records).chars().take(16).collect(), str::to_owned);
    format!("{topic}+{first:012}-{last:012}+{id}.{extension}")
}

/// A name within a folder, which may be the root.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(path: &str, payload: &'static str) -> ConnectorResult<String> {
        let path: Template = path.parse().unwrap();
        validate(&path).unwrap();
        let record = SinkRecord::builder("/default/events").publish_time(1_517_966_773_840);
        folder(&path, &record.payload(payload).attribute("a", "x/y").build())
    }

    #[test]
    fn a_folder_has_topics_dates_and_values() {
        let path = "{topic}/{publish_time:%Y/%m/%d}/hour={publish_time:%H:00}/kind={/kind}/{attribute:a}";
        let expected = "default/events/2018/02/07/hour=01%3A00/kind=a%20b/x%2Fy";
        assert_eq!(folder_of(path, r#"{"kind":"a b"}"#).unwrap(), expected);
        assert_eq!(folder_of("", "").unwrap(), "");
        assert_eq!(folder_of("/a/", "").unwrap(), "a");
    }

    #[test]
    fn a_value_makes_no_level_and_hides_nothing() {
        for (value, expected) in [
            ("..", "a/%2E./b"),
            (".", "a/%2E/b"),
            ("../../etc", "a/%2E.%2F..%2Fetc/b"),
            ("/", "a/%2F/b"),
            ("_danube", "a/%5Fdanube/b"),
            ("%2E", "a/%252E/b"),
            ("\\u0000\\n\\\\", "a/%00%0A%5C/b"),
            ("ü", "a/%C3%BC/b"),
        ] {
            let payload: &'static str = format!(r#"{{"v":"{value}"}}"#).leak();
            assert_eq!(folder_of("a/{/v}/b", payload).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn a_value_without_a_folder_is_rejected() {
        let long: &'static str = format!(r#"{{"v":"{}"}}"#, "x".repeat(300)).leak();
        for payload in [r#"{"v":""}"#, r#"{"v":null}"#, r#"{"v":[]}"#, r#"{"w":1}"#, long] {
            let error = folder_of("a/{/v}/b", payload).unwrap_err();
            assert!(matches!(error, ConnectorError::InvalidRecord { .. }), "{error}");
            assert!(!error.report().contains("xxx") && error.report().contains("a/{/v}/b"), "{error}");
        }
    }

    #[test]
    fn constant_parts_stay_below_the_root() {
        for path in ["../{topic}", "a/./b", "a\\b", ".."] {
            assert!(validate(&path.parse().unwrap()).is_err(), "{path}");
        }
    }

    #[test]
    fn a_file_is_named_by_positions() {
        let record = |offset| {
            SinkRecord::builder("/default/t").partition(Some(1), "/default/t-part-1".into()).offset(offset).build()
        };
        let records = [record(7), record(9)];
        assert_eq!(file(&records, Some("00c0ffee"), "csv"), "default+t-part-1+000000000007-000000000009+00c0ffee.csv");
        let name = file(&records, None, "csv");
        assert!(name.len() == "default+t-part-1+000000000007-000000000009+0123456789abcdef.csv".len(), "{name}");
        assert_ne!(name, file(&[record(7), record(8), record(9)], None, "csv"));
        assert_eq!(journal("a b", "/default/t-part-1"), "_danube/a%20b/default+t-part-1.json");
    }
}
