//! From a file and the environment to a configuration, with a diagnostic for each error.
//!
//! ```text
//!  file ──▶ tables ──▶ resolve: aliases, variables, secrets ──▶ validate ──▶ defaults ──▶ convert ──▶ connector
//!                       (a value knows its origin)          (schema)                           └▶ ConnectorConfig
//! ```

pub(super) mod connector;
pub(super) mod core_keys;
pub(super) mod cross_checks;
pub(super) mod effective;
pub(super) mod environment;
#[allow(clippy::module_inception, reason = "the function that the module is named after")]
pub(super) mod load;
pub(super) mod mappings;
pub(super) mod own_keys;
pub(super) mod reader;
pub(super) mod root;
pub(super) mod secrets;
pub(super) mod source;
pub(super) mod validate;
