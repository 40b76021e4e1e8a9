//! The bodies of a mapping's requests.

use danube_sink::{config::Diagnostic, prelude::*};

use super::{
    endpoint::{Body, Endpoint},
    envelope::Envelope,
};

/// How the records of a mapping become the body of a request.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) content_type: &'static str,
    /// What precedes the records, stands between two, and follows them.
    delimiters: [String; 3],
    is_json: bool,
    /// The object that is sent for a record; `None` if it is the payload.
    row: Option<JsonRow>,
    /// Whether the payload has to be JSON, although the row would take any text.
    is_payload_checked: bool,
    /// What is around each record.
    envelope: Option<Envelope>,
}

impl Content {
    /// The bodies of a mapping's requests.
    ///
    /// # Errors
    /// The key that does not go with the others.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, Diagnostic> {
        let Endpoint { body, fields, metadata, envelope, .. } = endpoint;
        let keys = [("fields", fields.is_some()), ("metadata", !metadata.is_empty()), ("envelope", envelope.is_some())];
        if let (Body::Bytes, Some((key, _))) = (body, keys.iter().find(|(_, is_set)| *is_set)) {
            let help =
                "remove it, or choose another `body`; a header can hold metadata, too: `x-offset = \"{offset}\"`";
            return Err(Diagnostic::of_key(*key, format!("`body = \"bytes\"` cannot carry {key}"), help));
        }
        match fields {
            Some(fields) => metadata.differ_from(fields.names())?,
            None => metadata.differ_from(["payload"])?,
        }
        let is_left_out = envelope.as_ref().is_some_and(|envelope| !envelope.has_record());
        if let (true, Some((key, _))) = (is_left_out, keys[..2].iter().find(|(_, is_set)| *is_set)) {
            let help = "write `\"{record}\"` where the record belongs";
            return Err(Diagnostic::of_key("envelope", format!("what `{key}` selects is not in it"), help));
        }
        let whole = Field::Payload(Pointer::default());
        let row = match fields {
            None if metadata.is_empty() => None,
            None => Some(JsonRow::of_fields([("payload", whole.clone())].into_iter().chain(metadata.fields()))),
            Some(fields) => Some(JsonRow::new(Some(fields), metadata)),
        };
        let (content_type, delimiters) = match body {
            Body::Bytes => ("application/octet-stream", ["", "", ""]),
            Body::Json => ("application/json", ["", "", ""]),
            Body::JsonArray => ("application/json", ["[", ",", "]"]),
            Body::Ndjson => ("application/x-ndjson", ["", "\n", "\n"]),
        };
        let mut content = Self {
            content_type,
            delimiters: delimiters.map(str::to_owned),
            is_json: *body != Body::Bytes,
            row,
            is_payload_checked: fields.as_ref().is_none_or(|fields| fields.fields().any(|(_, field)| field == whole)),
            envelope: envelope.clone(),
        };
        if let (Body::JsonArray, Some(envelope)) = (body, envelope) {
            let outside = |placeholder| {
                let message =
                    format!("`{placeholder}` differs between records, and is not in the array of `{{record}}`");
                Diagnostic::of_key("envelope", message, "move it into the array, or remove it")
            };
            if let Some((open, item, close)) = envelope.split().map_err(outside)? {
                content.delimiters = [open, ",".to_owned(), close];
                content.envelope = Some(item);
            }
        }
        Ok(content)
    }

    /// The body of a request.
    ///
    /// # Errors
    /// Those of [`Batch::joined`].
    pub(crate) fn of(&self, batch: &mut Batch<'_, Endpoint>) -> ConnectorResult<Vec<u8>> {
        let [open, between, close] = &self.delimiters;
        batch.joined(Joined { open, between, close }, |_, record, body| match &self.envelope {
            Some(envelope) => envelope.write(record, body, |body| self.write(record, body)),
            None => self.write(record, body),
        })
    }

    fn write(&self, record: &SinkRecord, body: &mut Vec<u8>) -> ConnectorResult<()> {
        if !self.is_json {
            body.extend_from_slice(record.bytes());
            return Ok(());
        }
        let payload = if self.is_payload_checked { record.as_json()? } else { "".into() };
        match &self.row {
            Some(row) => row.write(record, body),
            None => {
                body.extend_from_slice(payload.as_bytes());
                Ok(())
            }
        }
    }
}
