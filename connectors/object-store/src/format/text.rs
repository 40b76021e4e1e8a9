//! Files of text: JSON lines and CSV.

use std::{
    io::{self, Write},
    mem,
};

use danube_sink::{Fields, PartialFailure, prelude::*};
use flate2::write::GzEncoder;

use super::super::{
    content::{BLOCK, Content},
    failure,
    mapping::Compression,
};

/// The buffer of one row in bytes.
const CSV_BUFFER: usize = 512;

/// The lines of a file, which are handed over in blocks.
struct Lines<'c> {
    block: Vec<u8>,
    to: To<'c>,
}

enum To<'c> {
    Content(&'c mut Content),
    Gzip(GzEncoder<&'c mut Content>),
    Zstd(zstd::Encoder<'static, &'c mut Content>),
}

impl<'c> Lines<'c> {
    fn new(first: Vec<u8>, compression: Compression, content: &'c mut Content) -> io::Result<Self> {
        let to = match compression {
            Compression::None | Compression::Snappy => To::Content(content),
            Compression::Gzip => To::Gzip(GzEncoder::new(content, flate2::Compression::default())),
            Compression::Zstd => To::Zstd(zstd::Encoder::new(content, zstd::DEFAULT_COMPRESSION_LEVEL)?),
        };
        Ok(Self { block: first, to })
    }

    fn hand_over(&mut self) -> io::Result<()> {
        match &mut self.to {
            To::Content(content) => {
                let room = Vec::with_capacity(self.block.capacity());
                content.push(mem::replace(&mut self.block, room));
                return Ok(());
            }
            To::Gzip(encoder) => encoder.write_all(&self.block)?,
            To::Zstd(encoder) => encoder.write_all(&self.block)?,
        }
        self.block.clear();
        Ok(())
    }

    fn finish(self) -> io::Result<()> {
        match self.to {
            To::Content(content) => content.write_all(&self.block),
            To::Gzip(mut encoder) => {
                encoder.write_all(&self.block)?;
                encoder.finish().map(drop)
            }
            To::Zstd(mut encoder) => {
                encoder.write_all(&self.block)?;
                encoder.finish().map(drop)
            }
        }
    }
}

pub(super) fn json_lines(
    records: &[SinkRecord],
    compression: Compression,
    content: &mut Content,
    write: impl Fn(&SinkRecord, &mut Vec<u8>) -> ConnectorResult<()>,
) -> Result<PartialFailure, Failure> {
    encode(records, compression, content, Vec::new(), |record, lines| {
        write(record, lines)?;
        lines.push(b'\n');
        Ok(())
    })
}

pub(super) fn csv(
    records: &[SinkRecord],
    compression: Compression,
    content: &mut Content,
    header: Option<&[String]>,
    row: impl Fn(&SinkRecord) -> ConnectorResult<Vec<String>>,
) -> Result<PartialFailure, Failure> {
    // A row is quoted as RFC 4180 says. Writing to memory does not fail.
    let write = |row: &[String], lines: &mut Vec<u8>| {
        let mut line = csv::WriterBuilder::new().buffer_capacity(CSV_BUFFER).from_writer(lines);
        line.write_record(row).and_then(|()| Ok(line.flush()?)).fatal("write a row of CSV")
    };
    let mut lines = Vec::new();
    if let Some(names) = header {
        write(names, &mut lines).map_err(|_| failure::data("write the header of CSV"))?;
    }
    encode(records, compression, content, lines, |record, lines| write(&row(record)?, lines))
}

/// The values of a row: strings as they are, everything else as JSON text, nothing for what is missing or null.
pub(super) fn row(
    record: &SinkRecord,
    names: &[String],
    fields: &Fields,
    required: &[bool],
) -> ConnectorResult<Vec<String>> {
    let values = fields.json_of(record)?;
    let mut row = Vec::with_capacity(values.len());
    for ((value, name), required) in values.into_iter().zip(names).zip(required) {
        row.push(match value.as_deref() {
            None | Some("null") if *required => {
                return Err(ConnectorError::invalid_record(record, format!("it has no value for column `{name}`")));
            }
            None | Some("null") => String::new(),
            Some(json) if json.starts_with('"') => serde_json::from_str(json).unwrap_or_default(),
            Some(json) => json.to_owned(),
        });
    }
    Ok(row)
}

/// Appends lines to the first ones of a file. Returns the records that `append` rejects.
fn encode(
    records: &[SinkRecord],
    compression: Compression,
    content: &mut Content,
    first: Vec<u8>,
    append: impl Fn(&SinkRecord, &mut Vec<u8>) -> ConnectorResult<()>,
) -> Result<PartialFailure, Failure> {
    let mut rejected = PartialFailure::default();
    let encoded = (|| {
        let mut lines = Lines::new(first, compression, content)?;
        for record in records {
            let begin = lines.block.len();
            if let Err(error) = append(record, &mut lines.block) {
                lines.block.truncate(begin);
                rejected.invalid(record, error.into_reason());
            }
            if lines.block.len() >= BLOCK {
                lines.hand_over()?;
            }
        }
        lines.finish()
    })();
    encoded.map_err(|error: io::Error| failure::io(&error, "compress a file"))?;
    Ok(rejected)
}
