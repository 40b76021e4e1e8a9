//! `spool export`: writes the records in the spool as JSON lines, and settles none.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write, stdout},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    cli::output::{print_progress, written},
    error::{ConnectorError, ConnectorResult},
    spool::{Exported, ExportedRecord, StoredRecord, Survey, create_private},
};

/// A line of the export.
#[derive(Serialize)]
struct Line<'a> {
    /// The partition's own topic name.
    topic: &'a str,
    subscription: &'a str,
    offset: u64,
    producer: &'a str,
    sequence: u64,
    /// Microseconds since 1970.
    publish_time: u64,
    key: Option<&'a str>,
    attributes: BTreeMap<&'a str, &'a str>,
    schema_id: Option<u64>,
    schema_version: Option<u32>,
    /// The checksum of the record is wrong.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    damaged: bool,
    /// One of these three.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// Why an export ended early.
enum ExportError {
    Read(io::Error),
    Write(io::Error),
}

/// An export that is being written.
struct Export<W> {
    out: W,
    records: u64,
    /// Records that cannot be read.
    unreadable: u64,
    /// Files that cannot be read.
    unreadable_files: Vec<String>,
}

/// Writes the unsettled records of all logs, and what can be read of damaged ones, to a new file or to standard output.
///
/// # Errors
/// [`ConnectorError::Fatal`] if the file exists or cannot be written, and if there are records that cannot be read.
pub(super) fn run(survey: &Survey, file: Option<&Path>) -> ConnectorResult<()> {
    let out: Box<dyn Write> = match file {
        Some(path) => Box::new(create_private(path).map_err(|error| not_written(path, &error))?),
        None => Box::new(stdout().lock()),
    };
    let unreadable_files = survey.unreadable().map(str::to_owned).collect();
    let mut export = Export { out: BufWriter::new(out), records: 0, unreadable: 0, unreadable_files };
    match (export.write(survey), file) {
        (Ok(()), _) => {}
        (Err(ExportError::Read(error)), _) => {
            return Err(ConnectorError::fatal(format!("the export is not complete: {error}")));
        }
        (Err(ExportError::Write(error)), Some(path)) => return Err(not_written(path, &error)),
        (Err(ExportError::Write(error)), None) => return written(Err(error)),
    }
    if let Some(path) = file {
        print_progress(&format!("{} records written to {}\n", export.records, path.display()));
    }
    export.complete()
}

impl<W: Write> Export<W> {
    fn write(&mut self, survey: &Survey) -> Result<(), ExportError> {
        for log in survey.logs() {
            for exported in log.export() {
                self.add(&log.key().subscription, &exported.map_err(ExportError::Read)?)?;
            }
        }
        for path in &survey.damaged {
            match Exported::of_copy(path).map_err(ExportError::Read)? {
                Some((subscription, exported)) => self.add(&subscription, &exported)?,
                None => self.unreadable_files.push(format!("{}: its beginning is damaged", path.display())),
            }
        }
        self.out.flush().map_err(ExportError::Write)
    }

    fn add(&mut self, subscription: &str, exported: &Exported) -> Result<(), ExportError> {
        for record in &exported.records {
            let line = serde_json::to_writer(&mut self.out, &Line::of(subscription, record));
            line.map_err(io::Error::from).and_then(|()| self.out.write_all(b"\n")).map_err(ExportError::Write)?;
        }
        self.records += exported.records.len() as u64;
        self.unreadable += exported.unreadable;
        Ok(())
    }

    /// # Errors
    /// If there is more than was exported.
    fn complete(&self) -> ConnectorResult<()> {
        let Self { unreadable, unreadable_files, .. } = self;
        if *unreadable == 0 && unreadable_files.is_empty() {
            return Ok(());
        }
        let files: String = unreadable_files.iter().map(|error| format!("\n  cannot be read: {error}")).collect();
        Err(ConnectorError::fatal(format!("{unreadable} damaged records cannot be read and are not exported{files}")))
    }
}

impl<'a> Line<'a> {
    fn of(subscription: &'a str, ExportedRecord { record, is_damaged }: &'a ExportedRecord) -> Self {
        let StoredRecord { position: _, offset, sequence, publish_time, attributes, key, payload, source } = record;
        let text = std::str::from_utf8(payload);
        let json = text.ok().and_then(json_in_one_line);
        Self {
            topic: &source.topic,
            subscription,
            offset: *offset,
            producer: &source.producer,
            sequence: *sequence,
            publish_time: *publish_time,
            key: key.as_deref(),
            attributes: attributes.iter().flat_map(|map| map.iter()).map(|(key, value)| (&**key, &**value)).collect(),
            schema_id: source.schema.map(|(id, _)| id),
            schema_version: source.schema.and_then(|(_, version)| version),
            damaged: *is_damaged,
            payload_text: text.ok().filter(|_| json.is_none()),
            payload_base64: text.is_err().then(|| BASE64_STANDARD.encode(payload)),
            payload: json,
        }
    }
}

/// A text without line breaks, if it is JSON; there they are between the tokens only.
fn json_in_one_line(text: &str) -> Option<Box<RawValue>> {
    let json: &RawValue = serde_json::from_str(text).ok()?;
    RawValue::from_string(json.get().replace(['\n', '\r'], " ")).ok()
}

fn not_written(path: &Path, error: &io::Error) -> ConnectorError {
    ConnectorError::fatal(format!("the export cannot be written to {}: {error}", path.display()))
}
