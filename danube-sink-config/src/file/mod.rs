//! Where a configuration comes from: which file, what it says and where, and the environment.

pub(super) mod document;
pub(super) mod environment;
pub(super) mod source;
pub(super) mod value;
