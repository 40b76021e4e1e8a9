//! The connector's instances, shared by all mappings: each makes one call at a time.

use std::{
    fmt,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use crate::{
    batch,
    config::{ConnectorConfig, ConsumerConfig},
    connector::SinkConnector,
    error::{ConnectorError, ConnectorResult},
    record::SinkRecord,
};

/// After so long, a start that has not ended is reported.
const LONG_START: Duration = Duration::from_secs(10);

/// One connector instance. Calls its methods, one at a time; a panic becomes a fatal error.
#[derive(Clone)]
pub(crate) struct Writer {
    connector: Arc<AsyncMutex<Box<dyn SinkConnector>>>,
}

/// A pool of connector instances, with a timeout for each call.
#[derive(Clone)]
pub(crate) struct WriterPool {
    /// Idle instances, and one permit for each.
    idle: Arc<Mutex<Vec<Writer>>>,
    permits: Arc<Semaphore>,
    /// One permit for each instance that calls which may hang until the timeout may have at a time.
    probing: Arc<Semaphore>,
    instances: usize,
    timeout: Duration,
}

/// An instance taken out of the pool; dropping it returns it.
pub(crate) struct Taken<'p> {
    pool: &'p WriterPool,
    writer: Writer,
    _permit: OwnedSemaphorePermit,
    _probing: Option<OwnedSemaphorePermit>,
}

/// One attempt to write a batch.
pub(crate) struct Attempt<'p> {
    pub(crate) answer: ConnectorResult<()>,
    /// The next write begins once it is dropped.
    pub(crate) instance: Option<Taken<'p>>,
    /// How long it waited for an instance.
    pub(crate) waited: Duration,
    pub(crate) took: Duration,
}

impl Writer {
    pub(crate) fn new(connector: Box<dyn SinkConnector>) -> Self {
        Self { connector: Arc::new(AsyncMutex::new(connector)) }
    }

    /// Initializes the connector, for as long as that takes: `waits` is called every [`LONG_START`], with how long it has taken.
    pub(crate) async fn initialize(
        &self,
        config: ConnectorConfig,
        mut waits: impl FnMut(Duration),
    ) -> ConnectorResult<()> {
        let started = Instant::now();
        let mut connector = self.connector.lock().await;
        let call = caught("initialize", connector.initialize(config));
        tokio::pin!(call);
        loop {
            match timeout(LONG_START, &mut call).await {
                Ok(initialized) => return initialized,
                Err(_) => waits(started.elapsed()),
            }
        }
    }

    pub(crate) async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
        caught("consumer_configs", self.connector.lock().await.consumer_configs()).await
    }

    pub(crate) async fn health_check(&self) -> ConnectorResult<()> {
        caught("health_check", self.connector.lock().await.health_check()).await
    }

    pub(crate) async fn shutdown(&self) -> ConnectorResult<()> {
        caught("shutdown", self.connector.lock().await.shutdown()).await
    }

    async fn write(&self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        caught("process_batch", self.connector.lock().await.process_batch(records)).await
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl WriterPool {
    /// `timeout` bounds each write and each health check.
    pub(crate) fn new(writers: Vec<Writer>, timeout: Duration) -> Self {
        let instances = writers.len();
        let [permits, probing] = [instances, instances.div_ceil(2)].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { idle: Arc::new(Mutex::new(writers)), permits, probing, instances, timeout }
    }

    pub(crate) fn instances(&self) -> usize {
        self.instances
    }

    /// Whether an instance is idle, so that a write starts at once.
    pub(crate) fn is_idle(&self) -> bool {
        self.permits.available_permits() > 0
    }

    /// Returns when an instance is idle, in turn with the calls that wait for one.
    pub(crate) async fn idle(&self) {
        // The pool is never closed.
        drop(self.permits.acquire().await);
    }

    /// Makes one attempt to write a batch, which may hang or not. The timeout excludes the wait for an instance; what `begin`
    /// returns is kept from the end of that wait to the answer. `None` if it returns none: the write does not begin.
    pub(crate) async fn write<G>(
        &self,
        records: Vec<SinkRecord>,
        may_hang: bool,
        begin: impl FnOnce() -> Option<G>,
    ) -> Option<Attempt<'_>> {
        let asked = Instant::now();
        let Some(taken) = self.take(may_hang).await else {
            let (instance, waited, took) = (None, Duration::ZERO, Duration::ZERO);
            return Some(Attempt { answer: Err(no_instance()), instance, waited, took });
        };
        let _begun = begin()?;
        let started = Instant::now();
        let answer = attempt(self.timeout, taken.writer.write(records)).await;
        let (waited, took) = (started.duration_since(asked), started.elapsed());
        Some(Attempt { answer, instance: Some(taken), waited, took })
    }

    /// Asks an instance whether the target can be written to, for a batch that fails.
    pub(crate) async fn health_check(&self) -> ConnectorResult<()> {
        let taken = self.take(true).await.ok_or_else(no_instance)?;
        in_time("health check", self.timeout, taken.writer.health_check()).await
    }

    /// Takes an instance. Calls that may hang wait for each other first, so that no other call waits for more of their timeouts
    /// than one.
    async fn take(&self, may_hang: bool) -> Option<Taken<'_>> {
        let probing = if may_hang { Some(Arc::clone(&self.probing).acquire_owned().await.ok()?) } else { None };
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        let writer = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Taken { pool: self, writer, _permit: permit, _probing: probing })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.writer.clone());
    }
}

/// The pool is never closed, and each permit stands for an instance.
fn no_instance() -> ConnectorError {
    ConnectorError::fatal("the connector has no instance left")
}

/// Makes one attempt to write, within the timeout.
pub(crate) async fn attempt(timeout: Duration, call: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    in_time("write", timeout, batch::attempt(timeout, call)).await
}

async fn in_time(what: &str, limit: Duration, call: impl Future<Output = ConnectorResult<()>>) -> ConnectorResult<()> {
    timeout(limit, call).await.unwrap_or_else(|_| {
        let limit = limit.as_millis();
        Err(ConnectorError::retryable(format!("the {what} took longer than write_timeout_ms = {limit}")))
    })
}

async fn caught<T>(method: &str, call: impl Future<Output = ConnectorResult<T>>) -> ConnectorResult<T> {
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|panic| {
        // Its message may show values of a payload.
        drop(panic);
        Err(ConnectorError::fatal(format!("the connector panicked in {method}; the line before says where")))
    })
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    struct Slow;

    #[async_trait::async_trait]
    impl SinkConnector for Slow {
        async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
            sleep(Duration::from_secs(25)).await;
            Ok(())
        }

        async fn consumer_configs(&self) -> ConnectorResult<Vec<ConsumerConfig>> {
            Ok(Vec::new())
        }

        async fn process(&mut self, _: SinkRecord) -> ConnectorResult<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_initialize_that_takes_long_is_reported_and_waited_for() {
        let mut reported = Vec::new();
        let (writer, config) = (Writer::new(Box::new(Slow)), ConnectorConfig::new("", "c"));
        let initialized = writer.initialize(config, |took| reported.push(took.as_secs()));
        initialized.await.expect("it ends");
        assert_eq!(reported, [10, 20]);
    }
}
