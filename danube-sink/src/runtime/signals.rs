//! SIGTERM and SIGINT.

use tokio_util::sync::CancellationToken;

use crate::error::{ConnectorResult, ErrorExt};

/// Cancels `shutdown` at the first SIGTERM or SIGINT; the future returned ends at the second.
pub(super) fn listen(shutdown: CancellationToken) -> ConnectorResult<impl Future<Output = ()>> {
    let mut signals = Signals::listen()?;
    Ok(async move {
        signals.next().await;
        tracing::info!("shutting down; a second signal ends at once");
        shutdown.cancel();
        signals.next().await;
    })
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> ConnectorResult<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            terminate: signal(SignalKind::terminate()).fatal("listen to SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).fatal("listen to SIGINT")?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> ConnectorResult<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
