//! Files of text: JSON lines and CSV.

use std::io::{self, Write};

use bytes::Bytes;
use danube_sink::{Fields, PartialFailure, prelude::*};
use flate2::write::GzEncoder;

use super::{
    super::{failure, mapping::Compression},
    Encoded,
};

/// Uncompressed bytes after which they are compressed.
const CHUNK: usize = 64 * 1024;
/// The buffer of one row in bytes.
const CSV_BUFFER: usize = 512;

/// A file of lines, which are compressed some at a time.
struct Lines {
    /// Those that are not compressed: all of them without compression.
    plain: Vec<u8>,
    compressor: Option<Compressor>,
}

enum Compressor {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Lines {
    fn new(compression: Compression) -> io::Result<Self> {
        let compressor = match compression {
            Compression::None | Compression::Snappy => None,
            Compression::Gzip => Some(Compressor::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default()))),
            Compression::Zstd => {
                Some(Compressor::Zstd(zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?))
            }
        };
        Ok(Self { plain: Vec::new(), compressor })
    }

    /// Compresses the lines if they are enough.
    fn compress(&mut self, enough: usize) -> io::Result<()> {
        let Some(compressor) = self.compressor.as_mut().filter(|_| self.plain.len() >= enough) else { return Ok(()) };
        match compressor {
            Compressor::Gzip(encoder) => encoder.write_all(&self.plain)?,
            Compressor::Zstd(encoder) => encoder.write_all(&self.plain)?,
        }
        self.plain.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<Bytes> {
        self.compress(0)?;
        let content = match self.compressor {
            None => self.plain,
            Some(Compressor::Gzip(encoder)) => encoder.finish()?,
            Some(Compressor::Zstd(encoder)) => encoder.finish()?,
        };
        Ok(content.into())
    }
}

pub(super) fn json_lines(
    records: &[SinkRecord],
    compression: Compression,
    write: impl Fn(&SinkRecord, &mut Vec<u8>) -> ConnectorResult<()>,
) -> Result<Encoded, Failure> {
    encoded(records, compression, Vec::new(), |record, lines| {
        write(record, lines)?;
        lines.push(b'\n');
        Ok(())
    })
}

pub(super) fn csv(
    records: &[SinkRecord],
    compression: Compression,
    header: Option<&[String]>,
    row: impl Fn(&SinkRecord) -> ConnectorResult<Vec<String>>,
) -> Result<Encoded, Failure> {
    // A row is quoted as RFC 4180 says. Writing to memory does not fail.
    let write = |row: &[String], lines: &mut Vec<u8>| {
        let mut line = csv::WriterBuilder::new().buffer_capacity(CSV_BUFFER).from_writer(lines);
        line.write_record(row).and_then(|()| Ok(line.flush()?)).fatal("write a row of CSV")
    };
    let mut lines = Vec::new();
    if let Some(names) = header {
        write(names, &mut lines).map_err(|_| failure::data("write the header of CSV"))?;
    }
    encoded(records, compression, lines, |record, lines| write(&row(record)?, lines))
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

/// The content of a file after its first lines, without the records that `append` rejects.
fn encoded(
    records: &[SinkRecord],
    compression: Compression,
    first: Vec<u8>,
    append: impl Fn(&SinkRecord, &mut Vec<u8>) -> ConnectorResult<()>,
) -> Result<Encoded, Failure> {
    let mut rejected = PartialFailure::default();
    let content = (|| {
        let mut lines = Lines { plain: first, ..Lines::new(compression)? };
        // A file that is not compressed is about as large as its payloads, and is not moved while it grows.
        let payloads = || records.iter().map(|record| record.bytes().len() + 1).sum();
        lines.plain.reserve(if lines.compressor.is_some() { 2 * CHUNK } else { payloads() });
        for record in records {
            let begin = lines.plain.len();
            if let Err(error) = append(record, &mut lines.plain) {
                lines.plain.truncate(begin);
                rejected.invalid(record, error.into_reason());
            }
            lines.compress(CHUNK)?;
        }
        lines.finish()
    })();
    let content = content.map_err(|error: io::Error| failure::io(&error, "compress a file"))?;
    Ok(Encoded { content, rejected })
}
