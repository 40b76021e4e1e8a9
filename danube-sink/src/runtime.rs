//! Starts a connector, supervises it, and drains it.

pub(crate) mod mappings;
mod signals;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, join_all, try_join_all};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    audit,
    config::{ConnectorConfig, MappingSettings},
    connector::SinkConnector,
    credentials,
    danube::DanubeBroker,
    error::{ConnectorError, ConnectorResult},
    observe::{Observer, Phase, Server, serve},
    pipeline::{Backoff, Broker, Pipeline, Writer, WriterPool},
};

/// The part of a shutdown that is kept for the connector's own `shutdown`.
const SHARE_OF_SHUTDOWN: u32 = 5;

/// Runs one connector until it is asked to stop or cannot go on.
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
    /// Whether a target that is not there at start is waited for.
    waits_for_target: bool,
}

/// Watches and stops a [`SinkRuntime`] from elsewhere in the program.
#[derive(Debug, Clone)]
pub struct RuntimeHandle {
    observer: Observer,
    metrics_address: SocketAddr,
    shutdown: CancellationToken,
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
    /// `false` if the runtime ends before.
    pub async fn ready(&self) -> bool {
        self.observer.ready().await
    }

    /// Records settled: delivered, skipped, or written to a dead-letter topic.
    pub fn settled(&self) -> u64 {
        self.observer.settled()
    }

    /// Where `/live`, `/ready`, `/status` and `/metrics` are served.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics_address
    }
}

impl SinkRuntime {
    /// Prepares to run. Connects to nothing yet, but opens `metrics_port` on `metrics_address`.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the port cannot be had, if `tasks` asks for more than one instance, or if a
    /// certificate, a key or the token cannot be used.
    pub async fn new(connector: impl SinkConnector + 'static, config: ConnectorConfig) -> ConnectorResult<Self> {
        Self::with_tasks(vec![connector], config).await
    }

    /// The same with several instances of a connector, one for each of `tasks`: all mappings share them.
    ///
    /// Each partition is read by one consumer, and its batches are written by whichever instance is idle. The records of a
    /// partition (Exclusive, Failover) or of a routing key (KeyShared) are written one batch after the other, so that their
    /// order holds; batches of a Shared subscription are written side by side. The first instance's `consumer_configs`
    /// says which topics are read.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the port cannot be had, if there are not as many instances as `tasks` says, or
    /// if a certificate, a key or the token cannot be used.
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
            let (tasks, given) = (config.tasks, connectors.len());
            let text = format!(
                "tasks = {tasks} needs as many instances of the connector, not {given}: SinkRuntime::with_tasks takes them"
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
        Ok(Self { writers, config, observer, server, shutdown, audit_interval, waits_for_target: true })
    }

    /// Ends where the target is not there at start.
    #[cfg(feature = "dev")]
    pub(crate) fn without_waiting_for_target(self) -> Self {
        Self { waits_for_target: false, ..self }
    }

    /// How often the loss audit looks.
    #[cfg(all(test, feature = "dev"))]
    pub(crate) fn with_audit_interval(self, audit_interval: Duration) -> Self {
        Self { audit_interval, ..self }
    }

    /// Watches and stops this runtime while it runs.
    pub fn handle(&self) -> RuntimeHandle {
        RuntimeHandle {
            observer: self.observer.clone(),
            metrics_address: self.server.address(),
            shutdown: self.shutdown.clone(),
        }
    }

    /// Runs until SIGTERM, SIGINT, [`RuntimeHandle::shutdown`] or a fatal error. Then takes no more records, writes what
    /// is in hand, acknowledges what was written, and calls the connector's `shutdown`, all within
    /// `shutdown_timeout_ms`. A second signal ends the process at once, with exit code 1.
    ///
    /// A broker that is away or a topic that is missing is waited for.
    ///
    /// # Errors
    /// What made the connector end, if it was not asked to.
    pub async fn run(self) -> ConnectorResult<()> {
        let _signals = signals::listen(self.shutdown.clone())?;
        self.compiled_here().await
    }

    /// A boxed future is compiled where it is boxed, and not again with every connector.
    fn compiled_here(&self) -> BoxFuture<'_, ConnectorResult<()>> {
        Box::pin(self.live())
    }

    async fn live(&self) -> ConnectorResult<()> {
        let outcome = self.deliver().await;
        if let Err(error) = &outcome {
            tracing::error!("the connector ends: {}", error.report());
        }
        self.observer.phase(Phase::Draining);
        let limit = self.config.shutdown_timeout / SHARE_OF_SHUTDOWN;
        let closed = timeout(limit, join_all(self.writers.iter().map(Writer::shutdown))).await.map_or_else(
            |_| Err(ConnectorError::fatal("the connector's shutdown took too long")),
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
        let mappings = mappings?;
        let _audit = audit::start(&self.config, &mappings, &self.observer, self.audit_interval);
        let mut pipeline = Pipeline::start(&broker, &pool, mappings, &self.config, &self.observer);
        self.observer.phase(Phase::Running);
        let outcome = self.shutdown.run_until_cancelled(pipeline.ended()).await.unwrap_or(Ok(()));
        self.observer.phase(Phase::Draining);
        tracing::info!("no more records are taken; what is in hand is written");
        let limit = self.config.shutdown_timeout - self.config.shutdown_timeout / SHARE_OF_SHUTDOWN;
        let drained = timeout(limit, pipeline.drain()).await.unwrap_or_else(|_| {
            tracing::warn!("not everything in hand was written in time; the broker has it still");
            Ok(())
        });
        outcome.and(drained)
    }

    /// Initializes every instance; the first one says which topics all of them write.
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
    /// A target that will be reachable soon is waited for, so that it need not start before the connector.
    async fn initialize(&self, writer: &Writer) -> ConnectorResult<()> {
        let mut delays = Backoff::new(self.config.retry_backoff, self.config.max_backoff);
        loop {
            let error = match writer.initialize(self.config.clone()).await {
                Err(error @ ConnectorError::Retryable { .. }) if self.waits_for_target => error,
                outcome => {
                    self.observer.start_failed(None);
                    return outcome;
                }
            };
            self.observer.start_failed(Some(error.report()));
            let mut delay = delays.next().unwrap_or_default();
            if let ConnectorError::Retryable { retry_after: Some(wait), .. } = error {
                delay = delay.max(wait).min(self.config.max_backoff);
            }
            tracing::warn!("initialize: {}; next attempt in {delay:.1?}", error.report());
            sleep(delay).await;
        }
    }
}

/// For a configuration that was made without a file.
fn check_connection(config: &ConnectorConfig) -> ConnectorResult<()> {
    let problems = credentials::check(config);
    let lines: Vec<_> =
        problems.iter().map(|problem| format!("{} (help: {})", problem.message, problem.help)).collect();
    if lines.is_empty() { Ok(()) } else { Err(ConnectorError::configuration(lines.join("; "))) }
}
