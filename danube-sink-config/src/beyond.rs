//! What is beyond the file: certificates, a token, decoders; and who looks at them.

use std::{fmt, path::PathBuf};

use super::{decoding::DecodeOptions, secret::Secret, settings::ConnectorConfig};

/// The token by which the broker knows the connector: a JWT, as `danube-admin security tokens create` prints it.
///
/// It is sent over TLS only, and is in no text, log or error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// The token itself, from the variable `DANUBE_TOKEN`. It stays the same until the process ends.
    Value(Secret),
    /// A file that holds it, from the variable `DANUBE_TOKEN_FILE`. A token that is put in its place later is used from
    /// the next call on.
    File(PathBuf),
}

impl fmt::Display for Token {
    /// Where it comes from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(_) => f.write_str("the token"),
            Self::File(path) => write!(f, "the token in {}", path.display()),
        }
    }
}

/// Looks at what a mapping says of reading payloads.
pub type CheckDecoding = fn(&DecodeOptions) -> Vec<Problem>;

/// Who looks at what a file only names.
#[derive(Debug, Clone, Copy)]
pub struct Beyond {
    /// The broker, with its certificates and token.
    pub destination: Destination,
    /// The decoders.
    pub decoding: CheckDecoding,
}

impl Beyond {
    /// Nobody looks.
    pub const UNSEEN: Self = Self { destination: Destination::Unseen, decoding: |_| Vec::new() };
}

/// The broker that a configuration is read for.
#[derive(Debug, Clone, Copy)]
pub enum Destination {
    /// The one of `danube_service_url`. The function looks at the certificates, keys and token.
    Configured(fn(&ConnectorConfig) -> Vec<Problem>),
    /// The same, where nobody looks: the files may be on another machine.
    Unseen,
    /// One inside the process, which needs neither certificates nor a token.
    Embedded,
}

/// One thing that is wrong with what the file names.
#[derive(Debug)]
pub struct Problem {
    /// The setting to blame.
    pub part: Part,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// A setting that names something beyond the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `danube_service_url`.
    Url,
    /// `tls_ca_file`.
    Ca,
    /// `tls_cert_file`.
    Certificate,
    /// `tls_key_file`.
    Key,
    /// The token.
    Token,
    /// `avro_reader_schema`.
    ReaderSchema,
    /// `validate_json_schema`.
    Validation,
}
