//! Ports on which a server listens again.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use tokio::time::sleep;

/// How long a server that restarts waits for its port: a connection of another program may use it for a while.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(50);

/// The wait of a server that restarts for the release of its port.
pub(crate) struct PortRelease {
    /// By the system's clock: a test may pause that of its runtime.
    until: Instant,
}

impl PortRelease {
    pub(crate) fn begin() -> Self {
        Self { until: Instant::now() + PATIENCE }
    }

    /// Pauses after an attempt to listen that failed for this reason.
    ///
    /// # Errors
    /// The error of the attempt, if its reason is not a port in use, or the port is not released in time.
    pub(crate) async fn pause<E>(&self, reason: ErrorKind, error: E) -> Result<(), E> {
        if reason != ErrorKind::AddrInUse || Instant::now() >= self.until {
            return Err(error);
        }
        sleep(PAUSE).await;
        Ok(())
    }
}
