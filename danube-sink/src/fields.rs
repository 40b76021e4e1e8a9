//! Several fields of a record, read together.

use std::borrow::Cow;

use crate::{
    config::{Field, Pointers},
    record::SinkRecord,
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
/// assert!(fields.json_of(&record(r#"{"other":1}"#)).is_none());
/// ```
#[derive(Debug, Clone)]
pub struct Fields {
    fields: Vec<Field>,
    /// Whether each record has all of them.
    are_metadata: bool,
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
        Self { pointers: pointers.collect(), are_metadata, fields }
    }
}

impl Fields {
    /// The value of each field, in their order; `None` for one that is not there. There are no values at all where the record
    /// has none of the fields that it may lack: metadata are always there.
    pub fn json_of<'r>(&self, record: &'r SinkRecord) -> Option<Vec<Option<Cow<'r, str>>>> {
        let json = if self.are_metadata { "".into() } else { record.json() };
        match json {
            Cow::Borrowed(json) => self.values(record, self.pointers.of_json(json), Cow::Borrowed),
            Cow::Owned(json) => self.values(record, self.pointers.of_json(&json), |value| value.to_owned().into()),
        }
    }

    fn values<'r, 'j>(
        &self,
        record: &'r SinkRecord,
        of_payload: Vec<Option<&'j str>>,
        text: fn(&'j str) -> Cow<'r, str>,
    ) -> Option<Vec<Option<Cow<'r, str>>>> {
        let (mut of_payload, mut is_there) = (of_payload.into_iter(), self.are_metadata);
        let value = |field: &Field| {
            let value = match field {
                Field::Payload(_) => of_payload.next().flatten().map(text),
                _ => record.field(field).map(|value| value.to_string().into()),
            };
            is_there |= value.is_some() && !matches!(field, Field::Metadata(_));
            value
        };
        let values = self.fields.iter().map(value).collect();
        is_there.then_some(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(fields: &[&str], payload: &'static str) -> Option<Vec<Option<String>>> {
        let fields: Fields = fields.iter().map(|text| text.parse::<Field>().unwrap()).collect();
        let record = SinkRecord::builder("/default/t").offset(7).attribute("op", "\"c\"").payload(payload).build();
        Some(fields.json_of(&record)?.into_iter().map(|value| value.map(Cow::into_owned)).collect())
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
    fn a_record_may_have_none_of_them() {
        for fields in [&["/a"][..], &["/a", "offset"], &["attribute:no"]] {
            assert_eq!(values(fields, "{\"b\":1}"), None, "{fields:?}");
        }
        for fields in [&["offset"][..], &[], &["/a", "attribute:op"], &["/c"]] {
            assert!(values(fields, "{\"c\":null}").is_some(), "{fields:?}");
        }
    }
}
