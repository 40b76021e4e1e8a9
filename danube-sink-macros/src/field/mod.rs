//! One field: a setting, a secret, the topic mappings, or state.
//!
//! ```text
//!  #[setting(…)] ──▶ arguments ──▶ literal, constraint, source, default ──▶ CheckedField ──▶ code
//!                                                                           └▶ claims on the type, for the compiler
//! ```

pub(crate) mod arguments;
pub(crate) mod check;
mod constraint;
mod default;
pub(crate) mod emit;
mod literal;
mod mappings;
pub(crate) mod model;
pub(crate) mod setting;
mod source;
pub(crate) mod syntax;
