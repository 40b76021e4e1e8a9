//! The actions of a bulk request: one for each record, as lines of JSON.

use std::{borrow::Cow, io::Write, time::Instant};

use danube_sink::{JsonRow, change::Operation, json, prelude::*};

use super::{
    index::Index,
    name::{Indexes, violation},
};

/// The longest id of a document, in bytes.
const LONGEST_ID: usize = 512;
/// The bits of a version from the position that hold the offset, below the publish time.
const OFFSET_BITS: u32 = 20;

/// Writes the actions of a mapping's records.
pub(crate) struct Actions<'t> {
    index: &'t Index,
    indexes: &'t Indexes,
    /// When the batch began.
    began: Instant,
    /// `None` if the payload is the document.
    row: Option<JsonRow>,
    operation: Option<Fields>,
    version: Option<Fields>,
    /// Whether the index has the same name for all records.
    is_constant: bool,
    /// The begin of a line that writes a document, and of one that deletes it: up to the name of the index, and with a constant one.
    writes: Vec<u8>,
    deletes: Vec<u8>,
}

impl<'t> Actions<'t> {
    pub(crate) fn new(index: &'t Index, indexes: &'t Indexes) -> Self {
        let one = |field: &Option<Field>| field.clone().map(|field| Fields::from_iter([field]));
        let (operation, version) = (one(&index.operation), one(&index.version));
        let (began, row, name) = (Instant::now(), index.row(), index.index.constant());
        let [writes, deletes] = [verb(index), "delete"].map(|verb| begin(verb, name.as_deref()));
        Self { index, indexes, began, row, operation, version, is_constant: name.is_some(), writes, deletes }
    }

    /// Appends the lines of a record, without the last line break.
    ///
    /// # Errors
    /// [`ConnectorError::InvalidRecord`] if the record has no action that a server could take.
    pub(crate) fn write(&self, record: &SinkRecord, body: &mut Vec<u8>) -> ConnectorResult<()> {
        let deletes = self.deletes(record)?;
        body.extend_from_slice(if deletes { &self.deletes } else { &self.writes });
        if !self.is_constant {
            write_string(&self.name(record)?, body);
        }
        if let Some(id) = &self.index.id {
            let id = id.fill(record, Some)?;
            if id.is_empty() || id.len() > LONGEST_ID {
                return Err(invalid(record, "its id is empty, or longer than 512 bytes"));
            }
            body.extend_from_slice(b",\"_id\":");
            write_string(&id, body);
            if !self.index.only_creates() {
                let (version, kind) = (self.version(record)?, self.index.version_type.as_str());
                // Writing to a vector does not fail.
                let _ = write!(body, ",\"version\":{version},\"version_type\":\"{kind}\"");
            }
        }
        let pipeline = self.index.pipeline.as_ref().filter(|_| !deletes);
        for (key, template) in [("routing", self.index.routing.as_ref()), ("pipeline", pipeline)] {
            if let Some(template) = template {
                let _ = write!(body, ",\"{key}\":");
                write_string(&template.fill(record, Some)?, body);
            }
        }
        body.extend_from_slice(b"}}");
        if deletes {
            return Ok(());
        }
        body.push(b'\n');
        self.write_document(record, body)
    }

    fn write_document(&self, record: &SinkRecord, body: &mut Vec<u8>) -> ConnectorResult<()> {
        if let Some(row) = &self.row {
            return row.write(record, body);
        }
        let document = record.as_json()?;
        if !document.starts_with('{') {
            return Err(invalid(record, "the payload is not a JSON object"));
        }
        body.extend_from_slice(document.as_bytes());
        Ok(())
    }

    /// The index of a record, where records have different ones.
    fn name(&self, record: &SinkRecord) -> ConnectorResult<String> {
        let (template, most) = (&self.index.index, self.index.max_open_indexes);
        let name = template.fill(record, Some)?;
        if self.indexes.use_again(&name, self.began) {
            return Ok(name);
        }
        if let Some(reason) = violation(&name) {
            return Err(invalid(record, &format!("no index can have its name by `{template}`: {reason}")));
        }
        if !self.indexes.admit(&name, most, self.began) {
            let reason =
                format!("its index by `{template}` would be one too many: {most} are in use (`max_open_indexes`)");
            return Err(invalid(record, &reason));
        }
        Ok(name)
    }

    /// Whether a record deletes its document.
    fn deletes(&self, record: &SinkRecord) -> ConnectorResult<bool> {
        if record.is_tombstone() {
            return match self.index.id.is_some() && !self.index.only_creates() {
                true => Ok(true),
                false => Err(invalid(record, "a tombstone deletes by `id`, and this mapping only adds documents")),
            };
        }
        let (Some(field), Some(fields)) = (&self.index.operation, &self.operation) else { return Ok(false) };
        let operation = value_of(fields, record).and_then(|json| Operation::of_json(&json));
        let unknown = || invalid(record, &format!("`{field}` is not a known operation"));
        operation.and_then(Operation::deletes).ok_or_else(unknown)
    }

    /// The version of a record's document.
    fn version(&self, record: &SinkRecord) -> ConnectorResult<i64> {
        let milliseconds = u128::from(record.publish_time() / 1000);
        let number = match (&self.index.version, &self.version) {
            (Some(Field::Metadata(Metadata::PublishTime)), _) => Some(record.publish_time().into()),
            (_, Some(fields)) => value_of(fields, record)
                .and_then(|json| json::string(&json).as_deref().unwrap_or(&json).parse::<u128>().ok()),
            (_, None) => {
                let offset = u128::from(record.offset() & ((1 << OFFSET_BITS) - 1));
                Some(milliseconds << OFFSET_BITS | offset)
            }
        };
        let what = || self.index.version.as_ref().map_or("publish_time".to_owned(), Field::to_string);
        let reason = || format!("`{}` is no version: an integer from 0 to {}", what(), i64::MAX);
        number.and_then(|number| i64::try_from(number).ok()).ok_or_else(|| invalid(record, &reason()))
    }
}

/// The value of a single field.
fn value_of<'r>(fields: &Fields, record: &'r SinkRecord) -> Option<Cow<'r, str>> {
    fields.json_of(record).ok()?.pop()?
}

fn invalid(record: &SinkRecord, reason: &str) -> ConnectorError {
    ConnectorError::invalid_record(record, reason)
}

fn write_string(text: &str, body: &mut Vec<u8>) {
    // Writing a string to a vector does not fail.
    let _ = serde_json::to_writer(body, text);
}

/// What documents are written with.
fn verb(index: &Index) -> &'static str {
    if index.only_creates() { "create" } else { "index" }
}

/// The begin of a line with this verb, up to the name of the index.
fn begin(verb: &str, name: Option<&str>) -> Vec<u8> {
    let mut line = format!("{{\"{verb}\":{{\"_index\":").into_bytes();
    if let Some(name) = name {
        write_string(name, &mut line);
    }
    line
}

/// The action that a server refuses for its document alone, so that it shows whether one could be written: it is cut off. Its id is
/// no record's. It goes through the pipeline of the index, since without that no document can be written, and which could make a
/// document of anything that is whole.
pub(crate) fn probe(index: &Index, name: &str) -> Vec<u8> {
    let mut body = begin(verb(index), Some(name));
    for (key, template) in [("_id", &index.id), ("routing", &index.routing)] {
        if template.is_some() {
            body.extend_from_slice(
                format!(",\"{key}\":\"danube-sink-opensearch: no document has this id\"").as_bytes(),
            );
        }
    }
    body.extend_from_slice(b"}}\n{\n");
    body
}
