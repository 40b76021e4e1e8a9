//! One field: a setting, a secret, the topic mappings, or state.
//!
//! ```text
//!  #[setting(…)] ──▶ arguments ──▶ literal, constraint ──▶ CheckedField ──▶ code
//!                                                          └▶ claims on the type, for the compiler
//! ```

pub(crate) mod arguments;
pub(crate) mod check;
mod constraint;
pub(crate) mod emit;
mod literal;
mod mappings;
pub(crate) mod model;
mod setting;
pub(crate) mod syntax;
