//! Files of text: JSON lines and CSV.

use std::io::{self, Write};

use bytes::Bytes;
use danube_sink::{Fields, PartialFailure, prelude::*};
use flate2::write::GzEncoder;

use super::{
    super::{failure, mapping::Compression},
    Encoded,
};

/// Compresses what is written.
enum Compressor {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Compressor {
    fn new(compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None | Compression::Snappy => Self::Plain(Vec::new()),
            Compression::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::default())),
            Compression::Zstd => Self::Zstd(zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?),
        })
    }

    fn finish(self) -> io::Result<Bytes> {
        let content = match self {
            Self::Plain(content) => content,
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        Ok(content.into())
    }
}

impl Write for Compressor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(content) => content.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn json_lines(
    records: &[SinkRecord],
    compression: Compression,
    write: impl Fn(&SinkRecord, &mut Vec<u8>) -> ConnectorResult<()>,
) -> Result<Encoded, Failure> {
    let mut line = Vec::new();
    encoded(
        records,
        compression,
        |_| Ok(()),
        |record, file| {
            line.clear();
            let written = write(record, &mut line);
            if written.is_ok() {
                line.push(b'\n');
                file.write_all(&line)?;
            }
            Ok(written)
        },
    )
}

pub(super) fn csv(
    records: &[SinkRecord],
    compression: Compression,
    header: Option<&[String]>,
    row: impl Fn(&SinkRecord) -> ConnectorResult<Vec<String>>,
) -> Result<Encoded, Failure> {
    // A row is quoted as RFC 4180 says, and written to the file when it is complete.
    let write = |row: &[String], file: &mut Compressor| {
        let mut line = csv::Writer::from_writer(Vec::new());
        line.write_record(row)?;
        file.write_all(&line.into_inner().map_err(|error| error.into_error())?)
    };
    let begin = |file: &mut Compressor| header.map_or(Ok(()), |names| write(names, file));
    encoded(records, compression, begin, |record, file| match row(record) {
        Ok(row) => write(&row, file).map(Ok),
        Err(error) => Ok(Err(error)),
    })
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

/// The content of a file, without the records that `write` rejects before it has written anything.
fn encoded(
    records: &[SinkRecord],
    compression: Compression,
    begin: impl FnOnce(&mut Compressor) -> io::Result<()>,
    mut write: impl FnMut(&SinkRecord, &mut Compressor) -> io::Result<ConnectorResult<()>>,
) -> Result<Encoded, Failure> {
    let (mut written, mut rejected) = (Vec::with_capacity(records.len()), PartialFailure::default());
    let content = (|| {
        let mut file = Compressor::new(compression)?;
        begin(&mut file)?;
        for record in records {
            match write(record, &mut file)? {
                Ok(()) => written.push(record.clone()),
                Err(ConnectorError::InvalidRecord { reason, .. }) => drop(rejected.invalid(record, reason)),
                Err(error) => drop(rejected.invalid(record, error.report())),
            }
        }
        file.finish()
    })();
    let content = content.map_err(|error: io::Error| failure::io(&error, "compress a file"))?;
    Ok(Encoded { content, written, rejected })
}
