//! The signals between the tasks of a pipeline, and its first error.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use super::consumer::Takeover;
use crate::error::{ConnectorError, ConnectorResult};

/// The signals of a pipeline. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    /// Consumers take no more messages.
    pub(crate) stop: CancellationToken,
    /// No more settlements follow: consumers send the remaining acknowledgements and end.
    pub(crate) finish: CancellationToken,
    /// Another process attached, while this one has a spool.
    pub(crate) takeover: Takeover,
    /// The first error that ends the connector.
    pub(super) failure: Arc<OnceLock<Failure>>,
}

pub(super) struct Failure {
    text: String,
    /// Until it is taken.
    error: Mutex<Option<ConnectorError>>,
}

impl Signals {
    /// Stops the pipeline with an error. Logs it at once, as the writes in flight may take long, unless it is the first one again.
    pub(crate) fn fail(&self, error: ConnectorError) {
        let (text, mut is_first) = (error.report(), false);
        let first = self.failure.get_or_init(|| {
            is_first = true;
            Failure { text: text.clone(), error: Mutex::new(Some(error)) }
        });
        if is_first {
            tracing::error!("the connector ends: {text}");
        } else if first.text != text {
            tracing::error!("another error, while the connector ends: {text}");
        }
        self.stop.cancel();
    }

    /// The first error, unless it was taken already.
    pub(crate) fn take_failure(&self) -> ConnectorResult<()> {
        let taken = |first: &Failure| first.error.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.failure.get().and_then(taken).map_or(Ok(()), Err)
    }
}
