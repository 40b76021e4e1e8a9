//! One field: a setting, a secret, the topic mappings, or state.
//!
//! ```text
//!  #[setting(…)] ──▶ arguments ──▶ literal, limit ──▶ fits the shape of the type's words? ──▶ CheckedField ──▶ code
//!                                                      └ unknown: the compiler is asked
//! ```

pub(crate) mod arguments;
pub(crate) mod check;
pub(crate) mod emit;
mod limit;
mod literal;
mod mappings;
pub(crate) mod model;
mod setting;
mod shape;
pub(crate) mod syntax;
