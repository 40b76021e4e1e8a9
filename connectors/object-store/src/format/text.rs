//! Files of text: JSON lines and CSV.

use std::{
    borrow::Cow,
    io::{self, Write},
    mem,
};

use danube_sink::{PartialFailure, prelude::*};
use flate2::write::GzEncoder;

use super::super::{
    content::{BLOCK, Content},
    failure,
    mapping::Compression,
};

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
    append: impl Fn(&SinkRecord, &mut Vec<u8>) -> ConnectorResult<()>,
) -> Result<PartialFailure, Failure> {
    let mut lines = Vec::new();
    if let Some(names) = header {
        row(names.iter().map(|name| name.as_str().into()), &mut lines);
    }
    encode(records, compression, content, lines, append)
}

/// Appends a row of CSV, quoted as RFC 4180 says.
pub(super) fn row<'v>(values: impl Iterator<Item = Cow<'v, str>>, lines: &mut Vec<u8>) {
    let begin = lines.len();
    for (number, value) in values.enumerate() {
        lines.extend_from_slice(if number > 0 { b"," } else { b"" });
        if value.contains(['"', ',', '\n', '\r']) {
            lines.push(b'"');
            lines.extend_from_slice(value.replace('"', "\"\"").as_bytes());
            lines.push(b'"');
        } else {
            lines.extend_from_slice(value.as_bytes());
        }
    }
    // An empty line is no row of one empty value.
    if lines.len() == begin {
        lines.extend_from_slice(b"\"\"");
    }
    lines.push(b'\n');
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
