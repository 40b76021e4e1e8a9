//! Compression of request bodies.

use std::io::{self, Write};

use danube_sink::Setting;
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

/// How bodies are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip(flate2::Compression),
    Zstd,
}

impl Compression {
    /// The encoding, at the fastest level of gzip or the default level of Zstandard.
    pub(crate) fn encoding(self) -> Option<Encoding> {
        match self {
            Self::None => None,
            Self::Gzip => Some(Encoding::Gzip(flate2::Compression::fast())),
            Self::Zstd => Some(Encoding::Zstd),
        }
    }
}

impl Encoding {
    /// The value of the header `content-encoding`.
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Gzip(_) => "gzip",
            Self::Zstd => "zstd",
        })
    }

    /// Compresses a body.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(crate) fn apply(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(level) => {
                let mut encoder = GzEncoder::new(Vec::new(), level);
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
        let compressed = |how: Compression| how.encoding().unwrap().apply(&body).unwrap();
        let gzip = compressed(Compression::Gzip);
        flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut text).unwrap();
        let zstd = compressed(Compression::Zstd);
        assert_eq!((&text, zstd::decode_all(&zstd[..]).unwrap()), (&body, body.clone()));
        assert!(gzip.len() < body.len() / 10 && zstd.len() < body.len() / 10);
        assert_eq!(Compression::None.encoding(), None);
    }
}
