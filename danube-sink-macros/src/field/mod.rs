//! One field: a setting, a secret, the topic mappings, or state.

pub(crate) mod arguments;
pub(crate) mod check;
pub(crate) mod default;
pub(crate) mod emit;
pub(crate) mod model;
pub(crate) mod syntax;
