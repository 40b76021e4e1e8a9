//! Ids of points: unsigned integers, and UUIDs.

use std::fmt;

use uuid::Uuid;

/// The id of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum PointId {
    Number(u64),
    Uuid(Uuid),
}

impl PointId {
    /// The id that a JSON value stands for; `None` for anything but an integer or a string that is not empty.
    pub(crate) fn of_json(json: &str) -> Option<Self> {
        match json.as_bytes().first()? {
            b'"' => Self::of_text(&serde_json::from_str::<String>(json).ok()?),
            b'-' | b'0'..=b'9' if !json.contains(['.', 'e', 'E']) => Self::of_text(json),
            _ => None,
        }
    }

    /// The id that a text stands for: a number or a UUID as it is; of any other text, the UUID of version 5 in the namespace of
    /// URLs, as [`RecordId::uuid`](danube_sink::RecordId::uuid) makes it of a record's id. `None` for an empty text.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        // Digits such as `007` are another key than `7`.
        if let Some(number) = text.parse().ok().filter(|number: &u64| number.to_string() == text) {
            return Some(Self::Number(number));
        }
        let uuid = || Uuid::try_parse(text).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()));
        (!text.is_empty()).then(|| Self::Uuid(uuid()))
    }
}

/// Formats the id as JSON.
impl fmt::Display for PointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Uuid(uuid) => write!(f, "\"{}\"", uuid.hyphenated()),
        }
    }
}

#[cfg(test)]
mod tests {
    use danube_sink::SinkRecord;

    use super::*;

    fn of(json: &str) -> Option<String> {
        PointId::of_json(json).map(|id| id.to_string())
    }

    #[test]
    fn numbers_and_uuids_are_ids_as_they_are_also_as_strings() {
        for (json, id) in [
            ("7", "7"),
            ("\"7\"", "7"),
            ("0", "0"),
            ("18446744073709551615", "18446744073709551615"),
            ("\"2D1306F5-c50d-558f-a059-782bf319261f\"", "\"2d1306f5-c50d-558f-a059-782bf319261f\""),
            ("\"2d1306f5c50d558fa059782bf319261f\"", "\"2d1306f5-c50d-558f-a059-782bf319261f\""),
        ] {
            assert_eq!(of(json).as_deref(), Some(id), "{json}");
        }
    }

    #[test]
    fn any_other_integer_or_string_becomes_the_same_uuid_each_time() {
        let record = SinkRecord::builder("/default/t").offset(7).build();
        let id = serde_json::Value::from(record.id().to_string()).to_string();
        assert_eq!(of(&id), Some(format!("\"{}\"", record.id().uuid())));
        let ids: Vec<_> =
            ["-7", "\"007\"", "\"+7\"", "18446744073709551616", "\" 7\"", "\"a\"", "\"A\"", "\"\\u0000\""]
                .map(of)
                .into();
        for (number, id) in ids.iter().enumerate() {
            assert!(id.as_ref().is_some_and(|id| id.len() == 38) && !ids[..number].contains(id), "{ids:?}");
        }
        assert_eq!(of("-7"), of("\"-7\""));
    }

    #[test]
    fn nothing_else_is_an_id() {
        for json in ["\"\"", "null", "true", "1.0", "1e3", "[1]", "{}", ""] {
            assert_eq!(of(json), None, "{json}");
        }
    }
}
