//! Serialization of records as rows of JSON.

use serde_json::Value;

use crate::{
    error::{ConnectorError, ConnectorResult},
    fields::Fields,
    json::{fields, has_duplicate},
    record::{Field, MetadataColumns, NamedFields, SinkRecord},
};

/// Serializer of records as JSON rows: one object on one line. Payload values stay as the producer wrote them, so that no
/// number changes.
///
/// ```
/// use danube_sink::{JsonRow, Metadata, NamedFields, SinkRecord};
///
/// let record = SinkRecord::builder("/default/t").offset(7).payload(r#"{"user":{"id":1},"price":0.10}"#).build();
/// let columns = NamedFields::from_iter([("user", "/user/id".parse().unwrap())]);
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
    /// Whether the row begins with all fields of the payload.
    whole: bool,
    /// The quoted name of each field and the colon.
    names: Vec<String>,
    fields: Fields,
    /// Names of the configured columns and metadata.
    reserved: Vec<String>,
    /// A name that is configured twice.
    duplicate: Option<String>,
    /// Names of fields without which a record has no row, and their indices.
    required: Vec<(usize, String)>,
}

impl JsonRow {
    /// Creates a serializer for these columns, by name, or without them for all fields of the payload; metadata follows.
    pub fn new(columns: Option<&NamedFields>, metadata: impl Into<MetadataColumns>) -> Self {
        let metadata = metadata.into();
        Self::of(columns.is_none(), columns.into_iter().flat_map(NamedFields::fields).chain(metadata.fields()))
    }

    /// Creates a serializer for all fields of the payload and, after them, these fields by name: metadata under names of the
    /// user's choice.
    ///
    /// ```
    /// use danube_sink::{Field, JsonRow, Metadata, SinkRecord};
    ///
    /// let row = JsonRow::whole_with([("_at", Field::Metadata(Metadata::Offset))]);
    /// let record = SinkRecord::builder("/default/t").offset(7).payload(r#"{"id":1}"#).build();
    /// let mut line = Vec::new();
    /// row.write(&record, &mut line).unwrap();
    /// assert_eq!(line, br#"{"id":1,"_at":7}"#);
    /// ```
    pub fn whole_with<'n>(fields: impl IntoIterator<Item = (&'n str, Field)>) -> Self {
        Self::of(true, fields)
    }

    /// Creates a serializer for these fields by name, in this order.
    pub fn of_fields<'n>(fields: impl IntoIterator<Item = (&'n str, Field)>) -> Self {
        Self::of(false, fields)
    }

    fn of<'n>(whole: bool, fields: impl IntoIterator<Item = (&'n str, Field)>) -> Self {
        let (mut names, mut reserved, mut duplicate) = (Vec::new(), Vec::new(), None);
        let of_name = |(name, field): (&str, Field)| {
            names.push(quoted(name));
            if reserved.iter().any(|earlier| earlier == name) {
                duplicate = Some(name.to_owned());
            }
            reserved.push(name.to_owned());
            field
        };
        let fields = fields.into_iter().map(of_name).collect();
        Self { whole, names, fields, reserved, duplicate, required: Vec::new() }
    }

    /// Rejects records that have no value, or null, for one of these names.
    ///
    /// ```
    /// use danube_sink::{JsonRow, SinkRecord};
    ///
    /// let fields = ["id", "text"].map(|name| (name, format!("/{name}").parse().unwrap()));
    /// let row = JsonRow::of_fields(fields).with_required(["id"]);
    /// let write = |payload| row.write(&SinkRecord::builder("/default/t").payload(payload).build(), &mut Vec::new());
    /// assert!(write(r#"{"id":1}"#).is_ok());
    /// assert!(write(r#"{"id":null,"text":"a"}"#).is_err());
    /// ```
    #[must_use]
    pub fn with_required<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        let index_of = |name: &str| self.names.iter().position(|known| *known == quoted(name));
        let required = names.into_iter().filter_map(|name| Some((index_of(name)?, name.to_owned())));
        self.required = required.collect();
        self
    }

    /// Appends the row of a record, without the fields that it does not have.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the payload is not a JSON object and no columns are configured, if
    /// [`Fields::json_of`] fails, if a [required](Self::with_required) value is missing, or if the row would have a duplicate name: of two payload fields, or of one and metadata.
    /// Nothing is appended then.
    pub fn write(&self, record: &SinkRecord, row: &mut Vec<u8>) -> ConnectorResult<()> {
        let invalid = |reason: &str| ConnectorError::invalid_record(record, reason);
        let whole = if self.whole { record.as_json()? } else { "{}".into() };
        let inner = whole.strip_prefix('{').and_then(|json| json.strip_suffix('}'));
        let inner = inner.ok_or_else(|| invalid("the payload is not a JSON object"))?;
        let values = self.fields.json_of(record)?;
        let is_null = |index: usize| values[index].as_deref().is_none_or(|value| value == "null");
        if let Some((_, name)) = self.required.iter().find(|(index, _)| is_null(*index)) {
            return Err(invalid(&format!("it has no value for column `{name}`")));
        }
        if let Some(name) = &self.duplicate {
            return Err(invalid(&format!("the row would have the duplicate field `{name}`")));
        }
        if self.whole && has_twice(&whole, &self.reserved) {
            return Err(invalid("the payload has a duplicate field, or one with the name of a metadata field"));
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

/// What a field begins with.
fn quoted(name: &str) -> String {
    format!("{}:", Value::from(name))
}

/// Whether an object has a name twice, or one of these names.
fn has_twice(json: &str, reserved: &[String]) -> bool {
    let fields: Vec<_> = fields(json).into_iter().flatten().collect();
    has_duplicate(&fields) || fields.iter().any(|(name, _)| reserved.iter().any(|reserved| reserved == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Metadata;

    fn row(columns: &[(&str, &str)], payload: &'static str) -> ConnectorResult<String> {
        let columns: NamedFields = columns.iter().map(|(name, field)| (*name, field.parse().unwrap())).collect();
        let columns = (!columns.is_empty()).then_some(&columns);
        let record = SinkRecord::builder("/default/t").offset(7).attribute("op", "\"c\"").payload(payload).build();
        let mut row = Vec::new();
        JsonRow::new(columns, &[Metadata::Offset, Metadata::Key]).write(&record, &mut row)?;
        Ok(String::from_utf8(row).unwrap())
    }

    #[test]
    fn a_row_has_its_columns_in_order_without_missing_fields() {
        let columns = [("\"a\"", "/a"), ("b", "/b/0"), ("c", "/c"), ("op", "attribute:op"), ("no", "attribute:no")];
        let expected = r#"{"\"a\"":1.0e0,"b":{"x": "\n"},"op":"\"c\"","offset":7,"key":null}"#;
        assert_eq!(row(&columns, "{\"b\":[{\"x\":\n\"\\n\"}],\"a\":1.0e0}").unwrap(), expected);
        assert_eq!(row(&[("all", "")], "[1]").unwrap(), r#"{"all":[1],"offset":7,"key":null}"#);
        assert_eq!(row(&[("op", "attribute:op")], "no JSON").unwrap(), r#"{"op":"\"c\"","offset":7,"key":null}"#);
    }

    #[test]
    fn a_payload_that_has_no_row_is_invalid() {
        for (columns, payload) in [(&[][..], "[]"), (&[], "text"), (&[("a", "/a")], "{\"b\":1}"), (&[("a", "/a")], "1")]
        {
            assert!(matches!(row(columns, payload), Err(ConnectorError::InvalidRecord { .. })), "{payload}");
        }
        assert_eq!(row(&[], " { } ").unwrap(), r#"{"offset":7,"key":null}"#);
    }

    #[test]
    fn a_row_with_a_duplicate_name_is_invalid() {
        for payload in [r#"{"offset":1}"#, r#"{"\u006fffset":1}"#, r#"{"a":1,"b":{"offset":1},"\u0061":1}"#] {
            assert!(matches!(row(&[], payload), Err(ConnectorError::InvalidRecord { .. })), "{payload}");
        }
        assert!(matches!(row(&[("offset", "/a")], r#"{"a":1}"#), Err(ConnectorError::InvalidRecord { .. })));
        assert!(row(&[], r#"{"a":{"offset":1},"Offset":1}"#).is_ok());
    }
}
