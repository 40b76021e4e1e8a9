//! Credentials of the broker connection: TLS certificates, private keys and tokens.
//!
//! ```text
//!  at startup    settings ──check──▶ problems with files and token
//!  at a call     token file ──TokenSupply──▶ the current token
//!  at an error   TLS error, response of the broker ──explain──▶ cause and help
//! ```
//!
//! No message contains a token or a private key.

mod certificates;
mod check;
mod explain;
mod files;
mod token;

#[cfg(test)]
mod tests;

pub use self::files::TlsFiles;
pub(crate) use self::{
    certificates::ca_file,
    check::{check, uses_tls},
    explain::{missing_permission, tls_reason},
    token::TokenSupply,
};
