//! What is printed of a connector's configuration, from the lists that its readers go by.
//!
//! ```text
//!  keys of the core, of mappings, of the connector ──▶ entries ──▶ template, JSON Schema
//! ```

mod entry;
mod environment;
mod example;
mod json_schema;
mod spelling;
mod template;

pub use self::{environment::environment, json_schema::json_schema, template::template};
