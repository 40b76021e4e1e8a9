//! What is printed of a connector's configuration, from the lists that its readers go by.
//!
//! ```text
//!  keys of the core, of mappings, of the connector ──▶ entries ──▶ template, JSON Schema
//! ```

mod entry;
mod environment;
mod example;
#[cfg(feature = "start")]
mod json_schema;
mod spelling;
mod template;

#[cfg(feature = "start")]
pub use self::json_schema::{json_schema, json_schema_of};
pub use self::{
    environment::environment,
    template::{template, template_of},
};
