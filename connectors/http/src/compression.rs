//! Compression of request bodies.

use std::io::{self, Write};

use danube_sink::{ConnectorResult, ErrorExt, Setting};
use flate2::write::GzEncoder;
use reqwest::header::HeaderValue;

/// Compression of request bodies, as a setting: `none` (the default), `gzip` or `zstd`. The header `content-encoding` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setting)]
pub enum Compression {
    /// None.
    #[default]
    None,
    /// Gzip, which most servers can read.
    Gzip,
    /// Zstandard: smaller and faster, for servers that can read it.
    Zstd,
}

impl Compression {
    /// The value of the header `content-encoding`; none without compression.
    pub fn header(self) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Gzip => Some(HeaderValue::from_static("gzip")),
            Self::Zstd => Some(HeaderValue::from_static("zstd")),
        }
    }

    /// Compresses a body, at the fastest level of gzip and at the default level of Zstandard.
    ///
    /// # Errors
    /// A fatal error if there is no memory for it.
    pub fn apply(self, body: &[u8]) -> ConnectorResult<Vec<u8>> {
        self.compress(body).fatal("compress the body of a request")
    }

    fn compress(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(body.to_vec()),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Zstd => zstd::encode_all(body, zstd::DEFAULT_COMPRESSION_LEVEL),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_compressed_body_is_smaller_and_can_be_read() {
        let body = br#"{"number":1,"text":"the same words"}"#.repeat(100);
        let mut text = Vec::new();
        let gzip = Compression::Gzip.apply(&body).unwrap();
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut text).unwrap();
        let zstd = Compression::Zstd.apply(&body).unwrap();
        assert_eq!((&text, zstd::decode_all(&zstd[..]).unwrap()), (&body, body.clone()));
        assert!(gzip.len() < body.len() / 10 && zstd.len() < body.len() / 10);
        assert_eq!(Compression::None.apply(&body).unwrap(), body);
    }
}
