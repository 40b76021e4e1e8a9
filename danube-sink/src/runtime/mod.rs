//! Runs a connector: start, supervision, graceful shutdown.
//!
//! ```text
//!  initialize (retried) ──▶ mappings ──▶ pipeline ──▶ drain ──▶ shutdown
//!                                 └── audit        └── signal, handle, or fatal error
//! ```

mod engine;
pub(crate) mod mappings;
mod signals;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, join_all, try_join_all};
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::engine::{Ended, Engine, Source};
use crate::{
    audit,
    config::{ConnectorConfig, MappingSettings},
    connector::SinkConnector,
    credentials,
    danube::DanubeBroker,
    error::{ConnectorError, ConnectorResult},
    observe::{Observer, Phase, Server, serve},
    pipeline::{Backoff, Broker, TakeoverWait, Writer, WriterPool},
};

/// The connector's own `shutdown` has a fifth of `shutdown_timeout_ms`, the drain before it the rest.
const SHUTDOWN_DIVISOR: u32 = 5;

/// Runs one connector until a shutdown or a fatal error.
///
/// ```no_run
/// # async fn example(connector: impl danube_sink::SinkConnector + 'static) -> danube_sink::ConnectorResult<()> {
/// use danube_sink::{ConnectorConfig, SinkRuntime};
///
/// let config = ConnectorConfig::new("http://localhost:6650", "my-sink");
/// SinkRuntime::new(connector, config).await?.run().await
/// # }
/// ```
#[derive(Debug)]
pub struct SinkRuntime {
    /// The instances, one for each of `tasks`.
    writers: Vec<Writer>,
    config: ConnectorConfig,
    observer: Observer,
    server: Server,
    shutdown: CancellationToken,
    audit_interval: Duration,
    /// Whether a failed `initialize` is retried while the target is unreachable.
    waits_for_target: bool,
    source: Source,
    /// Tells the handles, when it is dropped, that no more records are settled.
    ended: DropGuard,
}

/// Handle of a running [`SinkRuntime`]: its readiness and progress, and its shutdown.
#[derive(Debug, Clone)]
pub struct RuntimeHandle {
    observer: Observer,
    metrics_address: SocketAddr,
    shutdown: CancellationToken,
    ended: CancellationToken,
}

impl RuntimeHandle {
    /// Begins a graceful shutdown, as SIGTERM does. Returns at once.
    pub fn shutdown(&self) {
        self.shutdown.cancel();
    }

    /// Whether every subscription is attached and records are being delivered.
    pub fn is_ready(&self) -> bool {
        self.observer.is_ready()
    }

    /// Returns when every subscription is attached and records are being delivered.
    ///
    /// `false` if the runtime ends first.
    pub async fn ready(&self) -> bool {
        self.ended.run_until_cancelled(self.observer.ready()).await.is_some()
    }

    /// The number of records settled: delivered, filtered, skipped, or written to a dead-letter topic.
    pub fn settled(&self) -> u64 {
        self.observer.settled()
    }

    /// Returns `true` when so many records are settled, as [`settled`](Self::settled) counts them; `false` if the runtime ends
    /// first.
    pub async fn settled_at_least(&self, records: u64) -> bool {
        let settled = self.ended.run_until_cancelled(self.observer.settled_at_least(records)).await;
        settled.is_some() || self.settled() >= records
    }

    /// Settled records that the target does not have.
    #[cfg(feature = "dev")]
    pub(crate) fn undelivered(&self) -> crate::observe::Undelivered {
        self.observer.undelivered()
    }

    /// The address on which `/live`, `/ready`, `/status` and `/metrics` are served.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics_address
    }
}

impl SinkRuntime {
    /// Creates the runtime of a connector: opens `metrics_port` on `metrics_address`, and connects to nothing yet.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the port cannot be opened, if `tasks` is more than one, or if a certificate, a key
    /// or the token is invalid.
    pub async fn new(connector: impl SinkConnector + 'static, config: ConnectorConfig) -> ConnectorResult<Self> {
        Self::with_tasks(vec![connector], config).await
    }

    /// Creates the runtime of several connector instances, one for each of `tasks`, which all mappings share.
    ///
    /// One consumer reads each partition, and any idle instance writes its batches. The batches of a partition (Exclusive,
    /// Failover) or of a routing key (KeyShared) are written one after the other, which preserves their order; batches of a
    /// Shared subscription are written in parallel. The first instance's `consumer_configs` names the topics to read.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the port cannot be opened, if the number of instances is not `tasks`, or if a
    /// certificate, a key or the token is invalid.
    pub async fn with_tasks(
        connectors: Vec<impl SinkConnector + 'static>,
        config: ConnectorConfig,
    ) -> ConnectorResult<Self> {
        let boxed = |connector| Box::new(connector) as Box<dyn SinkConnector>;
        Self::boxed(connectors.into_iter().map(boxed).collect(), config).await
    }

    pub(crate) async fn boxed(
        connectors: Vec<Box<dyn SinkConnector>>,
        config: ConnectorConfig,
    ) -> ConnectorResult<Self> {
        if connectors.len() != config.tasks {
            let (tasks, instances) = (config.tasks, connectors.len());
            let text = format!(
                "tasks = {tasks} needs as many connector instances, not {instances}: pass them to SinkRuntime::with_tasks"
            );
            return Err(ConnectorError::configuration(text));
        }
        check_connection(&config)?;
        audit::check(&config.broker_metrics_urls)?;
        let observer = Observer::new(&config.connector_name);
        let server = serve(config.metrics_address, config.metrics_port, observer.clone()).await?;
        let config = observer.with_metrics(config);
        tracing::info!(connector = %config.connector_name, "metrics and health on http://{}", server.address());
        let writers = connectors.into_iter().map(Writer::new).collect();
        let (shutdown, audit_interval) = (CancellationToken::new(), audit::INTERVAL);
        Ok(Self {
            writers,
            config,
            observer,
            server,
            shutdown,
            audit_interval,
            waits_for_target: true,
            source: Source::Broker,
            ended: CancellationToken::new().drop_guard(),
        })
    }

    /// Reads nothing from the broker: delivers what is in the spool, and ends once that is empty.
    pub(crate) fn draining_spool(self) -> Self {
        Self { source: Source::Spool, ..self }
    }

    /// Ends with an error if the target is unreachable at start.
    #[cfg(feature = "dev")]
    pub(crate) fn without_waiting_for_target(self) -> Self {
        Self { waits_for_target: false, ..self }
    }

    /// Sets the interval of the loss audit.
    #[cfg(all(test, feature = "dev"))]
    pub(crate) fn with_audit_interval(self, audit_interval: Duration) -> Self {
        Self { audit_interval, ..self }
    }

    /// A handle, which observes this runtime and shuts it down while it runs.
    pub fn handle(&self) -> RuntimeHandle {
        RuntimeHandle {
            observer: self.observer.clone(),
            metrics_address: self.server.address(),
            shutdown: self.shutdown.clone(),
            ended: self.ended.token().clone(),
        }
    }

    /// Runs until SIGTERM, SIGINT, [`RuntimeHandle::shutdown`] or a fatal error. Then drains within `shutdown_timeout_ms`:
    /// stops receiving, writes the records in flight, acknowledges them, and calls the connector's `shutdown`. A second
    /// signal ends the process at once, with exit code 1.
    ///
    /// An unreachable broker or a missing topic is no error: the runtime retries until it is there.
    ///
    /// # Errors
    /// The fatal error, or that of the connector's `shutdown`. It is also logged, when it occurs.
    pub async fn run(self) -> ConnectorResult<()> {
        let _signals = signals::listen(self.shutdown.clone()).inspect_err(log_fatal)?;
        self.run_boxed().await
    }

    /// A boxed future is compiled where it is boxed, and not again with every connector.
    fn run_boxed(&self) -> BoxFuture<'_, ConnectorResult<()>> {
        Box::pin(self.run_and_close())
    }

    async fn run_and_close(&self) -> ConnectorResult<()> {
        let outcome = self.deliver().await;
        self.observer.phase(Phase::Draining);
        let limit = self.config.shutdown_timeout / SHUTDOWN_DIVISOR;
        let closed = timeout(limit, join_all(self.writers.iter().map(Writer::shutdown))).await.map_or_else(
            |_| Err(ConnectorError::fatal("the connector's shutdown timed out")),
            |closed| closed.into_iter().collect(),
        );
        if let Err(error) = &closed {
            tracing::error!("shutdown: {}", error.report());
        }
        outcome.and(closed)
    }

    async fn deliver(&self) -> ConnectorResult<()> {
        let Some(mappings) = self.shutdown.run_until_cancelled(self.prepare()).await else { return Ok(()) };
        let broker: Arc<dyn Broker> = Arc::new(DanubeBroker::new(&self.config));
        let pool = WriterPool::new(self.writers.clone(), self.config.write_timeout);
        let mappings = mappings.inspect_err(log_fatal)?;
        let audit = || audit::start(&self.config, &mappings, &self.observer, self.audit_interval);
        let _audit = (self.source == Source::Broker).then(audit);
        let mut wait = TakeoverWait::default();
        loop {
            let start = Engine::start(&broker, &pool, &mappings, &self.config, &self.observer, self.source);
            // The disk of a spool may take long to answer.
            let Some(started) = self.shutdown.run_until_cancelled(start).await else { return Ok(()) };
            let mut engine = started.inspect_err(log_fatal)?;
            self.observer.phase(Phase::Running);
            let ended = self.shutdown.run_until_cancelled(engine.ended()).await;
            // The pipelines log their errors when they occur.
            let ended = ended.unwrap_or(Ok(Ended::Shutdown));
            self.observer.phase(Phase::Draining);
            tracing::info!("draining: no more records are received, those in flight are written");
            let limit = self.config.shutdown_timeout - self.config.shutdown_timeout / SHUTDOWN_DIVISOR;
            let drained = engine.drain(limit).await;
            let ended = ended?;
            drained?;
            let Ended::TakenOver(takeover, successors) = ended else { return Ok(()) };
            self.observer.phase(Phase::Standby);
            if takeover.is_attached() {
                tracing::warn!(
                    "another process of this connector took over: this one waits, to be stopped or to continue after it"
                );
            } else {
                tracing::warn!("another process of this connector has spooled meanwhile: this one continues after it");
            }
            if self.shutdown.run_until_cancelled(takeover.ended(&successors, &mut wait)).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Initializes every instance; the mappings are those of the first one's `consumer_configs`.
    async fn prepare(&self) -> ConnectorResult<Vec<MappingSettings>> {
        try_join_all(self.writers.iter().map(|writer| self.initialize(writer))).await?;
        let consumers = match self.writers.first() {
            Some(writer) => writer.consumer_configs().await?,
            None => Vec::new(),
        };
        mappings::of(&self.config, consumers)
    }
}

impl SinkRuntime {
    /// Retries while the target is unreachable, so that it need not start before the connector.
    async fn initialize(&self, writer: &Writer) -> ConnectorResult<()> {
        let mut backoff = Backoff::new(self.config.retry_backoff, self.config.max_backoff);
        loop {
            let waits = |took: Duration| {
                let text = long_start(took);
                tracing::warn!("{text}");
                self.observer.start_failed(Some(text));
            };
            let error = match writer.initialize(self.config.clone(), waits).await {
                Err(error @ ConnectorError::Retryable { .. }) if self.waits_for_target => error,
                outcome => {
                    self.observer.start_failed(None);
                    return outcome;
                }
            };
            self.observer.start_failed(Some(error.report()));
            let mut delay = backoff.delay();
            if let ConnectorError::Retryable { retry_after: Some(wait), .. } = error {
                delay = delay.max(wait).min(self.config.max_backoff);
            }
            tracing::warn!("initialize: {}; next attempt in {delay:.1?}", error.report());
            sleep(delay).await;
        }
    }
}

/// What is reported of an `initialize` that takes long.
pub(crate) fn long_start(took: Duration) -> String {
    format!("initialize has not ended for {} s: the target may not answer", took.as_secs())
}

fn log_fatal(error: &ConnectorError) {
    tracing::error!("the connector ends: {}", error.report());
}

/// Checks a configuration that was not loaded from a file.
fn check_connection(config: &ConnectorConfig) -> ConnectorResult<()> {
    let problems = credentials::check(config);
    let lines: Vec<_> =
        problems.iter().map(|problem| format!("{} (help: {})", problem.message, problem.help)).collect();
    if lines.is_empty() { Ok(()) } else { Err(ConnectorError::configuration(lines.join("; "))) }
}
