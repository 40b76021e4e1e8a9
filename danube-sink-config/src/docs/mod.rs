//! Documentation of a connector's configuration, generated from its declarations.
//!
//! ```text
//!  core keys, mapping keys, the connector's keys ──▶ template, JSON Schema, help for variables
//! ```

mod environment;
mod example;
#[cfg(feature = "runtime")]
mod json_schema;
mod key;
mod template;

#[cfg(feature = "runtime")]
pub use self::json_schema::{json_schema, json_schema_of};
pub use self::{
    environment::{environment, environment_of},
    template::{TemplateKind, template, template_of},
};
