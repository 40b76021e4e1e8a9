//! Secrets.

use std::fmt;

use super::Setting;
use crate::{
    report::Diagnostics,
    schema::ValueType,
    value::{Content, Value},
};

/// A password, token or key. It comes from the environment, never from the file, and does not print.
///
/// It has no `Display`, so that no text holds `***` in its place by mistake:
///
/// ```compile_fail
/// let header = format!("Bearer {}", danube_sink_config::Secret::new("key"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A secret from another source, such as a vault or a test.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret value. Hand it to the client of the target, and to nothing that prints.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Setting for Secret {
    const VALUE_TYPE: ValueType = ValueType::Secret;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        match &value.content {
            Content::Secret(secret) => Ok(Self(secret.clone())),
            _ => value.validate(&Self::VALUE_TYPE).map(|()| Self(String::new())).map_err(Into::into),
        }
    }
}

/// `***`.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
