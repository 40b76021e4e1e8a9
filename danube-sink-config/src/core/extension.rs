//! A value that the runtime adds to the configuration for the connector.

use std::{any::Any, fmt, sync::Arc};

/// The value, without its type: this crate knows no runtime. Comparisons ignore it.
#[derive(Clone, Default)]
pub(crate) struct Extension(pub(super) Option<Arc<dyn Any + Send + Sync>>);

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
