//! A value that the runtime adds to the configuration for the connector.

use std::{any::Any, fmt, sync::Arc};

/// The value, without its type: this crate knows no runtime. Comparisons ignore it.
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
