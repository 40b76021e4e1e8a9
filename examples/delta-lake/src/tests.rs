//! Single batches, handed over by hand.

#[path = "../tests/common/mod.rs"]
pub(crate) mod common;
