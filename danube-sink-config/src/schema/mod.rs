//! The schema of a configuration: which keys a table has, and which values a key takes, as constants.
//!
//! ```text
//!  ValueType + ValueRef ──▶ Violation    one value                (const: the validator and the compiler run it)
//!  KeySpec[] + keys ──────▶ Violation    unknown and missing keys (const as well)
//! ```
//!
//! The validator, the compiler, the template, the JSON Schema and the help all go by it.

pub mod const_str;
pub mod constraint;
mod each;
pub mod format;
pub mod key_spec;
pub mod quantity;
pub mod suggest;
mod url;
pub mod validate;
pub mod value_ref;
pub mod value_type;

pub(crate) use self::each::{any, each};
#[cfg(feature = "runtime")]
pub(crate) use self::format::LEVELS;
pub use self::{
    const_str::ConstStr,
    constraint::{Constraint, InvalidConstraint},
    format::http_statuses,
    key_spec::{KeyDefault, KeySpec, TableKeys, ValueSource},
    quantity::{byte_size, duration},
    validate::Violation,
    value_ref::ValueRef,
    value_type::ValueType,
};
