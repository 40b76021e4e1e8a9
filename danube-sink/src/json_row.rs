//! A record as a row of JSON.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use serde::{
    Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;

use crate::{
    error::{ConnectorError, ConnectorResult},
    fields::Fields,
    record::{Field, Metadata, SinkRecord},
};

/// A record as a JSON object on one line, for a target that takes such rows. Values of the payload are the producer's own
/// text, so that no number changes.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use danube_sink::{JsonRow, Metadata, SinkRecord};
///
/// let record = SinkRecord::builder("/default/t").offset(7).payload(r#"{"user":{"id":1},"price":0.10}"#).build();
/// let columns = BTreeMap::from([("user".to_owned(), "/user/id".parse().unwrap())]);
/// let row = |columns| {
///     let mut row = Vec::new();
///     JsonRow::new(columns, &[Metadata::Offset]).write(&record, &mut row).unwrap();
///     String::from_utf8(row).unwrap()
/// };
/// assert_eq!(row(Some(&columns)), r#"{"user":1,"offset":7}"#);
/// assert_eq!(row(None), r#"{"user":{"id":1},"price":0.10,"offset":7}"#);
/// ```
#[derive(Debug, Clone)]
pub struct JsonRow {
    /// Whether the row begins with all that the payload has.
    whole: bool,
    /// Of each field, as JSON has it, and the colon.
    names: Vec<String>,
    fields: Fields,
    /// The names that a row has whatever the payload is.
    own: HashSet<String>,
    /// One that it would have twice.
    twice: Option<String>,
}

impl JsonRow {
    /// A row of these columns, by their names, else of the fields of the payload; with metadata behind them.
    pub fn new(columns: Option<&BTreeMap<String, Field>>, metadata: &[Metadata]) -> Self {
        let columns_of_payload = columns.into_iter().flatten().map(|(name, field)| (name.as_str(), field.clone()));
        let of_message = metadata.iter().map(|which| (which.as_str(), Field::Metadata(*which)));
        let metadata = metadata.iter().map(|which| which.as_str());
        let all = columns_of_payload.chain(of_message).map(|(name, field)| (format!("{}:", Value::from(name)), field));
        let (names, fields): (_, Vec<_>) = all.unzip();
        let (mut own, mut twice) = (HashSet::new(), None);
        for name in columns.into_iter().flat_map(BTreeMap::keys).map(String::as_str).chain(metadata) {
            if !own.insert(name.to_owned()) {
                twice = Some(name.to_owned());
            }
        }
        Self { whole: columns.is_none(), names, fields: fields.into_iter().collect(), own, twice }
    }

    /// Appends the row of a record. What the record does not have is left out.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the payload is no JSON object and there are no columns, or as
    /// [`Fields::json_of`], or if the row would have a name twice: of two fields of the payload, or of one and metadata.
    /// Nothing is appended then.
    pub fn write(&self, record: &SinkRecord, row: &mut Vec<u8>) -> ConnectorResult<()> {
        let invalid = |reason: &str| ConnectorError::invalid_record(record, reason);
        let whole = if self.whole { record.as_json()? } else { "{}".into() };
        let inner = whole.strip_prefix('{').and_then(|json| json.strip_suffix('}'));
        let inner = inner.ok_or_else(|| invalid("the payload is not a JSON object"))?;
        let values = self.fields.json_of(record)?;
        if let Some(name) = &self.twice {
            return Err(invalid(&format!("the row would have `{name}` twice")));
        }
        if self.whole && serde_json::Deserializer::from_str(&whole).deserialize_map(NamesOnce(&self.own)).is_err() {
            return Err(invalid("the payload has a field twice, or one that is among the metadata"));
        }
        row.push(b'{');
        let begin = row.len();
        row.extend_from_slice(inner.trim_ascii().as_bytes());
        for (name, value) in self.names.iter().zip(values) {
            let Some(value) = value else { continue };
            row.extend_from_slice(if row.len() > begin { b"," } else { b"" });
            row.extend_from_slice(name.as_bytes());
            row.extend_from_slice(value.as_bytes());
        }
        row.push(b'}');
        Ok(())
    }
}

/// Goes through an object whose names are neither these nor one of them twice.
struct NamesOnce<'n>(&'n HashSet<String>);

impl<'de> Visitor<'de> for NamesOnce<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with each name once")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            fields.next_value::<IgnoredAny>()?;
            if self.0.contains(&name) || !seen.insert(name) {
                return Err(A::Error::custom("a name twice"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[(&str, &str)], payload: &'static str) -> ConnectorResult<String> {
        let columns: BTreeMap<_, _> =
            columns.iter().map(|(name, field)| ((*name).to_owned(), field.parse().unwrap())).collect();
        let columns = (!columns.is_empty()).then_some(&columns);
        let record = SinkRecord::builder("/default/t").offset(7).attribute("op", "\"c\"").payload(payload).build();
        let mut row = Vec::new();
        JsonRow::new(columns, &[Metadata::Offset, Metadata::Key]).write(&record, &mut row)?;
        Ok(String::from_utf8(row).unwrap())
    }

    #[test]
    fn it_has_columns_in_their_order_and_leaves_out_what_is_not_there() {
        let columns = [("\"a\"", "/a"), ("b", "/b/0"), ("c", "/c"), ("op", "attribute:op"), ("no", "attribute:no")];
        let expected = r#"{"\"a\"":1.0e0,"b":{"x": "\n"},"op":"\"c\"","offset":7,"key":null}"#;
        assert_eq!(row(&columns, "{\"b\":[{\"x\":\n\"\\n\"}],\"a\":1.0e0}").unwrap(), expected);
        assert_eq!(row(&[("all", "")], "[1]").unwrap(), r#"{"all":[1],"offset":7,"key":null}"#);
        assert_eq!(row(&[("op", "attribute:op")], "no JSON").unwrap(), r#"{"op":"\"c\"","offset":7,"key":null}"#);
    }

    #[test]
    fn a_record_without_a_row_is_told() {
        for (columns, payload) in [(&[][..], "[]"), (&[], "text"), (&[("a", "/a")], "{\"b\":1}"), (&[("a", "/a")], "1")]
        {
            assert!(matches!(row(columns, payload), Err(ConnectorError::InvalidRecord { .. })), "{payload}");
        }
        assert_eq!(row(&[], " { } ").unwrap(), r#"{"offset":7,"key":null}"#);
    }

    #[test]
    fn a_row_with_a_name_twice_is_rejected() {
        for payload in [r#"{"offset":1}"#, r#"{"\u006fffset":1}"#, r#"{"a":1,"b":{"offset":1},"\u0061":1}"#] {
            assert!(matches!(row(&[], payload), Err(ConnectorError::InvalidRecord { .. })), "{payload}");
        }
        assert!(matches!(row(&[("offset", "/a")], r#"{"a":1}"#), Err(ConnectorError::InvalidRecord { .. })));
        assert!(row(&[], r#"{"a":{"offset":1},"Offset":1}"#).is_ok());
    }
}
