//! The encoding of an insert's body.

use std::{
    io::{self, Write},
    mem,
};

use bytes::Bytes;
use danube_sink::{Failure, TargetFailure};
use flate2::{Compression, write::GzEncoder};

/// Encodes the body of an insert, in parts: with gzip of some level, or as it is.
#[derive(Debug)]
pub(super) struct Encoder(Option<GzEncoder<Vec<u8>>>);

impl Encoder {
    pub(super) fn new(gzip: Option<Compression>) -> Self {
        Self(gzip.map(|level| GzEncoder::new(Vec::new(), level)))
    }

    /// What can be sent after a part of the rows. Some of it may be kept for later.
    ///
    /// # Errors
    /// A failure of the compression.
    pub(super) fn encode(&mut self, rows: Bytes) -> Result<Bytes, Failure> {
        let Some(encoder) = &mut self.0 else { return Ok(rows) };
        encoder.write_all(&rows).map_err(failed)?;
        Ok(mem::take(encoder.get_mut()).into())
    }

    /// The rest of the body, with the last part of the rows.
    ///
    /// # Errors
    /// A failure of the compression.
    pub(super) fn finish(self, rows: Bytes) -> Result<Bytes, Failure> {
        let Some(mut encoder) = self.0 else { return Ok(rows) };
        encoder.write_all(&rows).and_then(|()| encoder.finish()).map(Bytes::from).map_err(failed)
    }
}

fn failed(error: io::Error) -> Failure {
    Failure::new(TargetFailure::Busy, format!("compress rows: {error}"))
}
