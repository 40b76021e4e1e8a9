//! Paths and URLs by template, in which no value of a record adds a level.

use danube_sink::{ConnectorError, ConnectorResult, Field, Metadata, SinkRecord, Template, config::Diagnostic};

/// The longest name of a folder on most file systems, in bytes.
const SEGMENT: usize = 255;
/// The longest path: object stores take 1024 bytes, and a file's name needs a part.
const PATH: usize = 700;

/// Validates the constant parts of a path template, the value of the setting `key`.
///
/// # Errors
/// `.` or `..` as a folder, or a backslash.
pub fn validate_path(path: &Template, key: &'static str) -> Result<(), Diagnostic> {
    let text = path.to_string();
    if !text.split('/').any(|segment| segment == "." || segment == "..") && !text.contains(['\\', '\0']) {
        return Ok(());
    }
    Err(Diagnostic::of_key(key, "`.`, `..` and `\\` are not allowed in a path", "write folder names, with `/` between"))
}

/// Renders a path for a record, without slashes around it. A value of the record never adds a level: what is not a letter, a digit
/// or one of `-_.=` is percent-encoded, as Hive does, and so are `.` and `_` at the beginning, which would hide the folder. Topics
/// and dates may have slashes.
///
/// # Errors
/// [`ConnectorError::InvalidRecord`] if the record has no value for a placeholder, or its path is longer than stores allow.
pub fn fill_path(path: &Template, record: &SinkRecord) -> ConnectorResult<String> {
    Ok(filled(path, record, '%')?.trim_matches('/').to_owned())
}

/// Renders a location for a record, a folder or a URL, with values as in [`fill_path`], but with `!` for the percent sign: `a!20b`.
/// So it means the same as a path and as a URL, however often a library decodes it.
///
/// # Errors
/// Those of [`fill_path`].
pub fn fill_url(location: &Template, record: &SinkRecord) -> ConnectorResult<String> {
    filled(location, record, '!')
}

fn filled(template: &Template, record: &SinkRecord, escape: char) -> ConnectorResult<String> {
    let filled = template.fill_each(record, |field, value| match field {
        None | Some(Field::Metadata(Metadata::Topic)) => {
            let segments: Vec<_> = value.split('/').map(|segment| encoded(segment, &[], escape)).collect();
            Some(segments.join("/"))
        }
        Some(_) => Some(encoded(&value, b"._", escape)).filter(|value| !value.is_empty()),
    })?;
    let (scheme, path) = filled.split_once("://").map_or(("", filled.as_str()), |(scheme, path)| (scheme, path));
    if path.len() > PATH || path.split('/').any(|segment| segment.len() > SEGMENT) {
        let reason = format!("its path is too long, by the template `{template}`");
        return Err(ConnectorError::invalid_record(record, reason));
    }
    // A topic begins with a slash.
    let mut path: Vec<u8> = path.into();
    path.dedup_by(|one, other| *one == b'/' && *other == b'/');
    let path = String::from_utf8_lossy(&path);
    Ok(if scheme.is_empty() { path.into_owned() } else { format!("{scheme}://{path}") })
}

/// A value of a record as a part of a path, as [`fill_path`] encodes it.
pub fn path_value(value: &str) -> String {
    encoded(value, b"._", '%')
}

/// The value with everything encoded that a folder name should not have; `not_first` also where they come first.
fn encoded(value: &str, not_first: &[u8], escape: char) -> String {
    let mut text = String::with_capacity(value.len());
    for (index, byte) in value.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte);
        if is_plain && !(index == 0 && not_first.contains(&byte)) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("{escape}{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: String) -> SinkRecord {
        let record = SinkRecord::builder("/default/events").publish_time(1_517_966_773_840);
        record.payload(payload).attribute("a", "x/y").build()
    }

    fn path_of(path: &str, payload: &str) -> ConnectorResult<String> {
        let path: Template = path.parse().unwrap();
        validate_path(&path, "path").unwrap();
        fill_path(&path, &record(payload.to_owned()))
    }

    #[test]
    fn a_path_has_topics_dates_and_values() {
        let path = "{topic}/{publish_time:%Y/%m/%d}/hour={publish_time:%H:00}/kind={/kind}/{attribute:a}";
        let expected = "default/events/2018/02/07/hour=01%3A00/kind=a%20b/x%2Fy";
        assert_eq!(path_of(path, r#"{"kind":"a b"}"#).unwrap(), expected);
        assert_eq!(path_of("", "").unwrap(), "");
        assert_eq!(path_of("/a/", "").unwrap(), "a");
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
            assert_eq!(path_of("a/{/v}/b", &format!(r#"{{"v":"{value}"}}"#)).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn a_location_means_the_same_as_a_folder_and_as_a_url() {
        let record = record(r#"{"v":"../a b"}"#.to_owned());
        for (location, expected) in [
            ("/data/{/v}", "/data/!2E.!2Fa!20b"),
            ("data/{/v}/", "data/!2E.!2Fa!20b/"),
            ("s3://lake/{topic}/v={/v}", "s3://lake/default/events/v=!2E.!2Fa!20b"),
            ("s3://lake{topic}/{/v}", "s3://lake/default/events/!2E.!2Fa!20b"),
        ] {
            assert_eq!(fill_url(&location.parse().unwrap(), &record).unwrap(), expected);
        }
    }

    #[test]
    fn a_value_without_a_folder_is_rejected() {
        let long = format!(r#"{{"v":"{}"}}"#, "x".repeat(300));
        for payload in [r#"{"v":""}"#, r#"{"v":null}"#, r#"{"v":[]}"#, r#"{"w":1}"#, &long] {
            let error = path_of("a/{/v}/b", payload).unwrap_err();
            assert!(matches!(error, ConnectorError::InvalidRecord { .. }), "{error}");
            assert!(!error.report().contains("xxx") && error.report().contains("a/{/v}/b"), "{error}");
        }
    }

    #[test]
    fn constant_parts_stay_below_the_root() {
        for path in ["../{topic}", "a/./b", "a\\b", ".."] {
            assert!(validate_path(&path.parse().unwrap(), "path").is_err(), "{path}");
        }
    }
}
