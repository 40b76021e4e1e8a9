//! Diagnostics of a configuration, and the report that shows them.
//!
//! ```text
//! error: connector.toml:7:1: unknown key `tabel` in `[my_sink]`
//!    7 | tabel = "users"
//!      | ^^^^^
//!    help: did you mean `table`?
//! ```

pub(super) mod diagnostic;
pub(super) mod error;
pub(super) mod location;
pub(super) mod redact;
