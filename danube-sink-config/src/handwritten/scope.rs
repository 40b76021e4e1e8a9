//! What `load` and the `Deserialize` impls tell each other: serde itself has no way to pass anything along.

use std::cell::RefCell;

use crate::{
    beyond::CheckDecoding,
    file::value::Table,
    report::mistake::Mistakes,
    settings::{ConnectorConfig, MappingSettings},
};

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// One call of `load`.
pub(super) struct Scope {
    /// The file with its places.
    pub(super) root: Table,
    pub(super) core: ConnectorConfig,
    pub(super) host: String,
    pub(super) decoding: CheckDecoding,
    pub(super) found: Found,
}

/// What the `Deserialize` impls leave.
#[derive(Default)]
pub(super) struct Found {
    /// The keys that reached the flattened core settings.
    pub(super) unclaimed: Vec<String>,
    /// What the mappings say, for the core settings: flattened fields are read last.
    pub(super) mappings: Vec<MappingSettings>,
    pub(super) mistakes: Mistakes,
}

impl Scope {
    pub(super) fn new(root: Table, core: ConnectorConfig, host: String, decoding: CheckDecoding) -> Self {
        Self { root, core, host, decoding, found: Found::default() }
    }

    /// Runs `body` in this scope, and gives what it left.
    pub(super) fn run<T>(self, body: impl FnOnce() -> T) -> (T, Found) {
        /// Puts the outer scope back, also when `body` panics.
        struct Restore(Option<Scope>);

        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.replace(self.0.take());
            }
        }

        let _restore = Restore(CURRENT.replace(Some(self)));
        let value = body();
        let found = CURRENT.take().map(|scope| scope.found).unwrap_or_default();
        (value, found)
    }
}

/// Lets `look` see the scope, if there is one.
pub(super) fn with<T>(look: impl FnOnce(&mut Scope) -> T) -> Option<T> {
    CURRENT.with_borrow_mut(|scope| scope.as_mut().map(look))
}
