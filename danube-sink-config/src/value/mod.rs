//! A configuration file as values, with their places in it.

mod document;
mod quote;
#[cfg(feature = "runtime")]
mod toml;
#[allow(clippy::module_inception, reason = "the type that the module is named after")]
mod value;

pub(crate) use self::{
    document::Document,
    quote::quoted_key,
    value::{Content, Entry, Origin, Table},
};
pub use self::{quote::quoted, value::Value};
