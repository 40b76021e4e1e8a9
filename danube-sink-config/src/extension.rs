//! One value that a runtime hands to the connector together with its configuration.

use std::{any::Any, fmt, sync::Arc};

/// Holds the value without knowing its type: this crate knows no runtime. It takes no part in comparisons.
#[derive(Clone, Default)]
pub(crate) struct Extension(Option<Arc<dyn Any + Send + Sync>>);

impl Extension {
    pub(crate) fn new<T: Any + Send + Sync>(value: T) -> Self {
        Self(Some(Arc::new(value)))
    }

    pub(crate) fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone()?.downcast().ok()
    }
}

impl PartialEq for Extension {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extension").finish_non_exhaustive()
    }
}
