//! Markers by which the kit recognizes its messages and their values.

/// Attribute with the index of a message within its scenario.
pub(super) const MESSAGE: &str = "conformance-message";
/// Occurs in values of records that no error may repeat.
pub(super) const SECRET: &str = "c0nf1dent1al";
/// First number of payloads whose rows are checked separately.
pub(super) const FOREIGN: u64 = 9_000;
