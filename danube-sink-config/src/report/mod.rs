//! Diagnostics of a configuration, and the report that shows them.
//!
//! ```text
//! error: connector.toml:7:1: unknown key `tabel` in `[my_sink]`
//!    7 | tabel = "users"
//!      | ^^^^^
//!    help: did you mean `table`?
//! ```

mod diagnostic;
mod error;
mod location;
mod redact;

pub use self::{
    diagnostic::{Diagnostic, Diagnostics},
    error::{ConfigError, ReportEntry},
};
pub(crate) use self::{
    location::{Location, SourceFile},
    redact::{SecretNames, looks_sensitive, redact_urls, secrets_in},
};
