//! Several fields of a record, read together.

use std::borrow::Cow;

use crate::{
    error::{ConnectorError, ConnectorResult},
    record::{Field, Pointers, SinkRecord},
};

/// Several fields of a record, whose values are read together as JSON text: those of the payload as the producer wrote them,
/// so that no number changes.
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
    /// Whether each record has all of them.
    are_metadata: bool,
    /// Whether those of the payload are the whole of it.
    takes_text: bool,
    /// Those that stand in the payload.
    pointers: Pointers,
}

impl FromIterator<Field> for Fields {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        let fields: Vec<_> = fields.into_iter().collect();
        let pointers = fields.iter().filter_map(|field| match field {
            Field::Payload(pointer) => Some(pointer),
            _ => None,
        });
        let are_metadata = fields.iter().all(|field| matches!(field, Field::Metadata(_)));
        let takes_text = pointers.clone().all(|pointer| pointer.to_string().is_empty());
        Self { pointers: pointers.collect(), are_metadata, takes_text, fields }
    }
}

impl Fields {
    /// The value of each field, in their order; `None` for one that is not there.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has none of the fields of the payload, or, where no field is of the
    /// payload or metadata, none of the attributes; and if the payload is [not JSON](SinkRecord::as_json). A field that is the
    /// whole payload takes any text but one that begins as JSON and is not.
    pub fn json_of<'r>(&self, record: &'r SinkRecord) -> ConnectorResult<Vec<Option<Cow<'r, str>>>> {
        let values = match self.json(record)? {
            Cow::Borrowed(json) => self.values(record, self.pointers.of_json(json), Cow::Borrowed),
            Cow::Owned(json) => self.values(record, self.pointers.of_json(&json), |value| value.to_owned().into()),
        };
        values.ok_or_else(|| {
            let wanted: Vec<_> = self.wanted().map(|field| format!("`{field}`")).collect();
            ConnectorError::invalid_record(record, format!("it has no value for {}", wanted.join(", ")))
        })
    }

    /// The payload's text, if it is needed.
    fn json<'r>(&self, record: &'r SinkRecord) -> ConnectorResult<Cow<'r, str>> {
        if !self.needs_payload() {
            return Ok("".into());
        }
        let is_text = self.takes_text && !matches!(record.bytes().trim_ascii_start().first(), Some(b'{' | b'['));
        if is_text { Ok(record.json()) } else { record.as_json() }
    }

    /// The fields of which a record must have one.
    fn wanted(&self) -> impl Iterator<Item = &Field> {
        let of_payload = self.needs_payload();
        self.fields.iter().filter(move |field| match field {
            Field::Payload(_) => true,
            Field::Attribute(_) => !of_payload,
            Field::Metadata(_) => false,
        })
    }

    fn needs_payload(&self) -> bool {
        self.fields.iter().any(|field| matches!(field, Field::Payload(_)))
    }

    fn values<'r, 'j>(
        &self,
        record: &'r SinkRecord,
        of_payload: Vec<Option<&'j str>>,
        text: fn(&'j str) -> Cow<'r, str>,
    ) -> Option<Vec<Option<Cow<'r, str>>>> {
        let needs_payload = !of_payload.is_empty();
        let (mut of_payload, mut is_there) = (of_payload.into_iter(), self.are_metadata);
        let value = |field: &Field| match field {
            Field::Payload(_) => {
                let value = of_payload.next().flatten().map(text);
                is_there |= value.is_some();
                value
            }
            _ => {
                let value = record.field(field).map(|value| value.to_string().into());
                is_there |= !needs_payload && value.is_some() && matches!(field, Field::Attribute(_));
                value
            }
        };
        let values = self.fields.iter().map(value).collect();
        is_there.then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(fields: &[&str], payload: &'static str) -> ConnectorResult<Vec<Option<String>>> {
        let fields: Fields = fields.iter().map(|text| text.parse::<Field>().unwrap()).collect();
        let record = SinkRecord::builder("/default/t").offset(7).attribute("op", "\"c\"").payload(payload).build();
        Ok(fields.json_of(&record)?.into_iter().map(|value| value.map(Cow::into_owned)).collect())
    }

    #[test]
    fn each_has_its_place_wherever_it_stands() {
        let text = |text: &str| Some(text.to_owned());
        let fields = ["/b/0", "attribute:op", "/a", "offset", "attribute:no", "/a/c", "/a/b"];
        let expected = [text("1.0e0"), text(r#""\"c\"""#), text(r#"{"b": null}"#), text("7"), None, None, text("null")];
        assert_eq!(values(&fields, "{\"a\":{\"b\":\nnull},\"b\":[1.0e0]}").unwrap(), expected);
        assert_eq!(values(&[""], "no JSON").unwrap(), [text("\"no JSON\"")]);
    }

    #[test]
    fn a_record_with_none_of_them_is_not_valid() {
        let lacks = [
            (&["/a"][..], "`/a`"),
            (&["/a", "offset", "attribute:op", "/b"], "`/a`, `/b`"),
            (&["attribute:no"], "`attribute:no`"),
        ];
        for (fields, named) in lacks {
            let text = values(fields, "{\"c\":1}").unwrap_err().to_string();
            assert!(text.ends_with(&format!("it has no value for {named}")), "{text}");
        }
        for fields in [&["offset"][..], &[], &["attribute:op"], &["/a", "/c"]] {
            values(fields, "{\"c\":null}").unwrap();
        }
    }

    #[test]
    fn a_payload_that_is_not_json_has_no_fields() {
        for payload in [r#"{"a":1,"b":"\ud83d"}"#, r#"{"a":NaN}"#, "{\"a\":1", "[1e400]", "", "text"] {
            for fields in [&["/a", "attribute:op"][..], &["/a", "", "offset"]] {
                let text = values(fields, payload).unwrap_err().to_string();
                assert!(text.contains("not JSON"), "{payload}: {text}");
            }
            let looks_like_json = payload.starts_with(['{', '[']);
            assert_eq!(values(&["", "offset"], payload).is_err(), looks_like_json, "{payload}");
        }
        assert!(values(&["offset", "attribute:op"], "{").is_ok());
    }
}
