//! What the impl says, unchecked and checked.

use syn::{Ident, ImplItemFn, ItemImpl};

/// The impl as it is written.
pub(crate) struct RawImpl {
    pub(crate) item: ItemImpl,
    pub(crate) methods: Vec<RawMethod>,
    /// Whether the author applied `async_trait` too.
    pub(crate) has_async_trait: bool,
}

pub(crate) struct RawMethod {
    pub(crate) name: Ident,
    pub(crate) whole: ImplItemFn,
}

/// What is to be written into an impl without mistakes.
pub(crate) struct CheckedImpl {
    pub(crate) needs_consumer_configs: bool,
    pub(crate) needs_process: bool,
}

impl RawImpl {
    pub(crate) fn has(&self, method: &str) -> bool {
        self.methods.iter().any(|own| own.name == method)
    }
}

/// The methods of `SinkConnector`.
pub(crate) const METHODS: [&str; 6] =
    ["initialize", "consumer_configs", "process", "process_batch", "shutdown", "health_check"];
