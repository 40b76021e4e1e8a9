//! How many bytes of payload the process may hold.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes that are left of `max_buffered_bytes`. Clones share them.
#[derive(Clone)]
pub(crate) struct Budget {
    left: Arc<Semaphore>,
    limit: usize,
}

/// Bytes taken from a [`Budget`]; dropping them gives them back.
pub(crate) type Bytes = OwnedSemaphorePermit;

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self { left: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Waits until so many bytes are free. A message larger than the whole budget takes all of it.
    ///
    /// Reading pauses meanwhile, but what is in hand is written and gives its bytes back without needing an answer from
    /// the broker, so that this cannot wait for itself.
    pub(crate) async fn reserve(&self, bytes: usize) -> Option<Bytes> {
        let bytes = u32::try_from(bytes.min(self.limit)).unwrap_or(u32::MAX);
        Arc::clone(&self.left).acquire_many_owned(bytes).await.ok()
    }

    /// Waits until a good part of it is free.
    pub(crate) async fn eased(&self) {
        drop(self.reserve(self.limit / 4).await);
    }
}
