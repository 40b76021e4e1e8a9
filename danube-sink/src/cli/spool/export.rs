//! `spool export`: writes the records in the spool as JSON lines, and settles none.

use std::{
    collections::BTreeMap,
    io::{self, BufWriter, Write, stdout},
    path::Path,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;
use serde_json::value::RawValue;

use super::lines_of_unreadable;
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

/// An export that is being written.
struct Export<W> {
    out: W,
    records: u64,
    /// Records that cannot be read.
    unreadable: u64,
    /// Why files cannot be read, each once.
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
        (Err(error), Some(path)) => return Err(not_written(path, &error)),
        (Err(error), None) => return written(Err(error)),
    }
    if let Some(path) = file {
        print_progress(&format!("{} records written to {}\n", export.records, path.display()));
    }
    export.complete()
}

impl<W: Write> Export<W> {
    /// # Errors
    /// If the output cannot be written.
    fn write(&mut self, survey: &Survey) -> io::Result<()> {
        for log in survey.logs() {
            for exported in log.export() {
                self.add(&log.key().subscription, &exported)?;
            }
        }
        for path in &survey.damaged {
            match Exported::of_copy(path) {
                Ok(Some((subscription, exported))) => self.add(&subscription, &exported)?,
                Ok(None) => self.unreadable_file(format!("{}: its beginning is damaged", path.display())),
                Err(error) => self.unreadable_file(error.to_string()),
            }
        }
        self.out.flush()
    }

    fn add(&mut self, subscription: &str, exported: &Exported) -> io::Result<()> {
        for record in &exported.records {
            serde_json::to_writer(&mut self.out, &Line::of(subscription, record))?;
            self.out.write_all(b"\n")?;
        }
        self.records += exported.records.len() as u64;
        self.unreadable += exported.unreadable;
        if let Some(error) = &exported.error {
            self.unreadable_file(error.to_string());
        }
        Ok(())
    }

    /// The survey has the first segment of a log already.
    fn unreadable_file(&mut self, error: String) {
        if !self.unreadable_files.contains(&error) {
            self.unreadable_files.push(error);
        }
    }

    /// # Errors
    /// If there is more than was exported.
    fn complete(&self) -> ConnectorResult<()> {
        let Self { unreadable, unreadable_files, .. } = self;
        if *unreadable == 0 && unreadable_files.is_empty() {
            return Ok(());
        }
        // How many records a log has is unknown without its last segment.
        let records = if *unreadable > 0 { format!("{unreadable} records") } else { "some records".to_owned() };
        let files = lines_of_unreadable(unreadable_files.iter().map(String::as_str));
        Err(ConnectorError::fatal(format!("{records} cannot be read and are not exported{files}")))
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::spool::tests::{Folder, with_unreadable_segment};

    #[test]
    fn what_is_before_a_last_segment_that_cannot_be_read_is_exported() {
        let folder = Folder::new();
        let (records, segment) = with_unreadable_segment(&folder, 3);
        let survey = Survey::read(&folder.0, "sink").unwrap();
        let file = folder.0.join("export.jsonl");
        let error = run(&survey, Some(&file)).unwrap_err().to_string();
        let exported = fs::read_to_string(&file).unwrap().lines().count() as u64;
        assert_eq!(exported, survey.records());
        assert!(exported > 0 && exported < records, "{exported} of {records}");
        assert!(error.starts_with("some records cannot be read"), "{error}");
        assert_eq!(error.matches(segment.to_str().unwrap()).count(), 1, "{error}");
    }

    #[test]
    fn a_segment_that_cannot_be_read_is_counted_and_the_others_are_exported() {
        for index in [0, 1] {
            let folder = Folder::new();
            let (records, segment) = with_unreadable_segment(&folder, index);
            let survey = Survey::read(&folder.0, "sink").unwrap();
            assert_eq!(survey.records(), records);
            let file = folder.0.join("export.jsonl");
            let error = run(&survey, Some(&file)).unwrap_err().to_string();
            let exported = fs::read_to_string(&file).unwrap().lines().count() as u64;
            assert!(exported > 0 && exported < records, "{exported} of {records}");
            assert!(error.contains(&format!("{} records cannot be read", records - exported)), "{error}");
            assert_eq!(error.matches(segment.to_str().unwrap()).count(), 1, "{error}");
        }
    }
}
