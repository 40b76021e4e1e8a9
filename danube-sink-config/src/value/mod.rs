//! A configuration file as values, with their places in it.

pub(super) mod document;
pub(super) mod quote;
#[cfg(feature = "runtime")]
pub(super) mod toml;
#[allow(clippy::module_inception, reason = "the type that the module is named after")]
pub(super) mod value;
