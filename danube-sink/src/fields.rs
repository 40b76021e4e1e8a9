//! Several fields of a record, read in one pass over the payload.

use std::borrow::Cow;

use crate::{
    error::{ConnectorError, ConnectorResult},
    record::{Field, Pointers, SinkRecord},
};

/// Several fields of a record, read in one pass as JSON text. Payload values stay as the producer wrote them, so that no
/// number changes.
///
/// ```
/// use danube_sink::{Field, Fields, SinkRecord};
///
/// let fields: Fields = ["/user/id", "/price", "/user/name", "offset"].map(|text| text.parse().unwrap()).into_iter().collect();
/// let record = |payload| SinkRecord::builder("/default/t").offset(7).payload(payload).build();
/// let found = record(r#"{"user":{"name":"Ada"},"price":0.10}"#);
/// let values: Vec<_> = fields.json_of(&found).unwrap().into_iter().map(|value| value.unwrap_or_default()).collect();
/// assert_eq!(values, ["", "0.10", "\"Ada\"", "7"]);
/// assert!(fields.json_of(&record(r#"{"other":1}"#)).is_err());
/// ```
#[derive(Debug, Clone)]
pub struct Fields {
    fields: Vec<Field>,
    /// Whether all fields are metadata, which every record has.
    all_metadata: bool,
    /// Whether every payload field is the whole payload, which may be plain text.
    whole_payload: bool,
    /// Pointers of the payload fields.
    pointers: Pointers,
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        let fields: Vec<_> = fields.into_iter().collect();
        let pointers = fields.iter().filter_map(|field| match field {
            Field::Payload(pointer) => Some(pointer),
            _ => None,
        });
        let all_metadata = fields.iter().all(|field| matches!(field, Field::Metadata(_)));
        let whole_payload = pointers.clone().all(|pointer| pointer.to_string().is_empty());
        Self { pointers: pointers.collect(), all_metadata, whole_payload, fields }
    }
}

impl Fields {
    /// The value of each field as JSON text, in order; `None` for a missing one.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has none of the payload fields (without payload and metadata fields:
    /// none of the attributes), or if the payload is [not JSON](SinkRecord::as_json). A field that selects the whole payload
    /// accepts any text, unless it begins like JSON and is invalid, or is empty, as that of a tombstone.
    pub fn json_of<'r>(&self, record: &'r SinkRecord) -> ConnectorResult<Vec<Option<Cow<'r, str>>>> {
        let values = match self.json(record)? {
            Cow::Borrowed(json) => self.values(record, self.pointers.of_json(json), Cow::Borrowed),
            Cow::Owned(json) => self.values(record, self.pointers.of_json(&json), |value| value.to_owned().into()),
        };
        values.ok_or_else(|| self.missing(record))
    }

    /// Like [`json_of`](Self::json_of), for a caller who has the record's [JSON text](SinkRecord::as_json) already.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has none of the fields.
    pub fn json_in<'r>(&self, record: &'r SinkRecord, json: &'r str) -> ConnectorResult<Vec<Option<Cow<'r, str>>>> {
        self.values(record, self.pointers.of_json(json), Cow::Borrowed).ok_or_else(|| self.missing(record))
    }

    fn missing(&self, record: &SinkRecord) -> ConnectorError {
        let expected: Vec<_> = self.expected().map(|field| format!("`{field}`")).collect();
        ConnectorError::invalid_record(record, format!("it has no value for {}", expected.join(", ")))
    }

    /// The payload as JSON text, if a field needs it.
    fn json<'r>(&self, record: &'r SinkRecord) -> ConnectorResult<Cow<'r, str>> {
        if !self.needs_payload() {
            return Ok("".into());
        }
        let looks_like_json = matches!(record.bytes().trim_ascii_start().first(), Some(b'{' | b'['));
        let is_text = self.whole_payload && !looks_like_json && !record.bytes().is_empty();
        if is_text { Ok(record.json()) } else { record.as_json() }
    }

    /// The fields of which a record must have at least one.
    fn expected(&self) -> impl Iterator<Item = &Field> {
        let of_payload = self.needs_payload();
        self.fields.iter().filter(move |field| match field {
            Field::Payload(_) => true,
            Field::Attribute(_) => !of_payload,
            Field::Metadata(_) => false,
        })
    }

    /// Whether a field is of the payload.
    pub(crate) fn needs_payload(&self) -> bool {
        self.fields.iter().any(|field| matches!(field, Field::Payload(_)))
    }

    fn values<'r, 'j>(
        &self,
        record: &'r SinkRecord,
        of_payload: Vec<Option<&'j str>>,
        text: fn(&'j str) -> Cow<'r, str>,
    ) -> Option<Vec<Option<Cow<'r, str>>>> {
        let needs_payload = !of_payload.is_empty();
        let (mut of_payload, mut is_found) = (of_payload.into_iter(), self.all_metadata);
        let value = |field: &Field| match field {
            Field::Payload(_) => {
                let value = of_payload.next().flatten().map(text);
                is_found |= value.is_some();
                value
            }
            _ => {
                let value = record.field(field).map(|value| value.to_string().into());
                is_found |= !needs_payload && value.is_some() && matches!(field, Field::Attribute(_));
                value
            }
        };
        let values = self.fields.iter().map(value).collect();
        is_found.then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType};

    fn values(fields: &[&str], payload: &'static str) -> ConnectorResult<Vec<Option<String>>> {
        let fields: Fields = fields.iter().map(|text| text.parse::<Field>().unwrap()).collect();
        let record = SinkRecord::builder("/default/t").offset(7).attribute("op", "\"c\"").payload(payload).build();
        Ok(fields.json_of(&record)?.into_iter().map(|value| value.map(Cow::into_owned)).collect())
    }

    #[test]
    fn values_are_in_the_order_of_the_fields() {
        let text = |text: &str| Some(text.to_owned());
        let fields = ["/b/0", "attribute:op", "/a", "offset", "attribute:no", "/a/c", "/a/b"];
        let expected = [text("1.0e0"), text(r#""\"c\"""#), text(r#"{"b": null}"#), text("7"), None, None, text("null")];
        assert_eq!(values(&fields, "{\"a\":{\"b\":\nnull},\"b\":[1.0e0]}").unwrap(), expected);
        assert_eq!(values(&[""], "no JSON").unwrap(), [text("\"no JSON\"")]);
    }

    #[test]
    fn a_record_without_any_of_the_fields_is_invalid() {
        let missing = [
            (&["/a"][..], "`/a`"),
            (&["/a", "offset", "attribute:op", "/b"], "`/a`, `/b`"),
            (&["attribute:no"], "`attribute:no`"),
        ];
        for (fields, listed) in missing {
            let text = values(fields, "{\"c\":1}").unwrap_err().to_string();
            assert!(text.ends_with(&format!("it has no value for {listed}")), "{text}");
        }
        for fields in [&["offset"][..], &[], &["attribute:op"], &["/a", "/c"]] {
            values(fields, "{\"c\":null}").unwrap();
        }
    }

    #[test]
    fn a_payload_that_is_not_json_has_no_fields() {
        for (payload, reason) in [
            (r#"{"a":1,"b":"\ud83d"}"#, "lone surrogate"),
            (r#"{"a":NaN}"#, "not JSON"),
            ("{\"a\":1", "not JSON"),
            ("[1e400]", "a number is beyond the range"),
            ("", "not JSON"),
            ("text", "not JSON"),
        ] {
            for fields in [&["/a", "attribute:op"][..], &["/a", "", "offset"]] {
                let text = values(fields, payload).unwrap_err().to_string();
                assert!(text.contains(reason), "{payload}: {text}");
            }
            assert_eq!(values(&["", "offset"], payload).is_err(), payload != "text", "{payload}");
        }
        assert!(values(&["offset", "attribute:op"], "{").is_ok());
    }

    #[test]
    fn an_empty_payload_is_a_value_where_the_schema_is_text() {
        let fields: Fields = [Field::Payload("".parse().unwrap())].into_iter().collect();
        let info = |schema_type| SchemaInfo {
            subject: String::new(),
            version: 1,
            schema_type,
            definition: String::new(),
            fingerprint: String::new(),
        };
        let record = |schema_type| {
            let decoder = Decoder::new(info(schema_type), &DecodeOptions::default());
            SinkRecord::builder("/default/t").decoder(decoder).build()
        };
        assert_eq!(fields.json_of(&record(SchemaType::String)).unwrap(), [Some("\"\"".into())]);
        assert!(fields.json_of(&record(SchemaType::Number)).is_err());
    }
}
