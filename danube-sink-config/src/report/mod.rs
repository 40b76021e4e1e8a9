//! What is wrong with a configuration, and how it is told.
//!
//! ```text
//! error: connector.toml:7:1: unknown key `tabel` in `[my_sink]`
//!    7 | tabel = "users"
//!      | ^^^^^
//!    help: did you mean `table`?
//! ```

pub(super) mod error;
pub(super) mod mistake;
pub(super) mod render;
pub(super) mod wording;
