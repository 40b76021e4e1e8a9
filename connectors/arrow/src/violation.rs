//! Why a column does not take a value.

use std::fmt::Display;

/// The reason for a number or a time that the column's type cannot hold.
pub(super) const OUT_OF_RANGE: &str = "is out of the column's range";

/// Why a column does not take a value, with the path within the value. It never contains the value.
#[derive(Debug)]
pub(super) struct Violation {
    path: String,
    reason: &'static str,
    /// The name of a field, if the type has none of it.
    new_field: Option<String>,
}

const NEW: &str = "has a field that the column's type has none for: add it, or set `on_new_field`";

impl Violation {
    pub(super) fn new(reason: &'static str) -> Self {
        Self { path: String::new(), reason, new_field: None }
    }

    /// The violation of an object with a field that its type lacks. The name is data of the payload, and is not shown.
    pub(super) fn new_field(name: &str) -> Self {
        Self { new_field: Some(name.to_owned()), ..Self::new(NEW) }
    }

    /// The name of the field, if the type lacks one.
    pub(super) fn into_new_field(self) -> Option<String> {
        self.new_field
    }

    /// The violation seen from the parent value, in which this one has a name or an index.
    pub(super) fn below(mut self, name: impl Display) -> Self {
        self.path.insert_str(0, &format!("/{name}"));
        self
    }

    /// The message, with the field that the whole value comes from.
    pub(super) fn reason(&self, field: &impl Display) -> String {
        format!("the value at \"{field}{}\" {}", self.path, self.reason)
    }
}
