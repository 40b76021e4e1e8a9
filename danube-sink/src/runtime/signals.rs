//! Signal handling: the first SIGTERM or SIGINT begins a graceful shutdown, the second ends the process.

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::{ConnectorResult, ErrorExt};

/// The exit code after a second signal.
const EXIT_CODE: i32 = 1;

/// Cancels `shutdown` at the first signal, until the guard is dropped.
///
/// A thread of their own receives the signals: a connector that blocks the threads of its async runtime must still be
/// interruptible.
pub(super) fn listen(shutdown: CancellationToken) -> ConnectorResult<DropGuard> {
    let done = CancellationToken::new();
    let over = done.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().fatal("listen to signals")?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::listen()?
    };
    let on_signals = async move {
        signals.next().await;
        tracing::info!("shutting down; a second signal ends at once");
        shutdown.cancel();
        signals.next().await;
        tracing::error!("ended by a second signal; the broker redelivers what was not acknowledged");
        // Returning would not end a program whose connector blocks a thread: its async runtime waits for that.
        std::process::exit(EXIT_CODE)
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(over.run_until_cancelled(on_signals)))
        .fatal("listen to signals")?;
    Ok(done.drop_guard())
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
