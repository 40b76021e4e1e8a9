//! What a connector proves who it is with, and by whom it knows the broker: certificates, keys, tokens.
//!
//! ```text
//!  at start    settings ──check──▶ everything that is wrong with files and token
//!  at a call   token file ──TokenSupply──▶ the token of now
//!  afterwards  TLS error, answer of the broker ──explain──▶ what is wrong, what to do
//! ```
//!
//! Neither a token nor a private key is in any text that comes from here.

mod certificates;
mod check;
mod explain;
mod token;

#[cfg(test)]
mod tests;

pub(crate) use self::{
    certificates::trusted,
    check::{check, is_safe},
    explain::{missing_right, tls_reason},
    token::TokenSupply,
};
