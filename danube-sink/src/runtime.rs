//! Starts a connector, supervises it, and drains it.

use std::{collections::HashSet, net::SocketAddr, sync::Arc};

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{ConnectorConfig, MappingSettings, OnInvalidRecord, OnRetriesExhausted},
    connector::{ConsumerConfig, SinkConnector},
    danube::DanubeBroker,
    error::{ConnectorError, ConnectorResult, ErrorExt},
    observe::{Observer, Phase, Server, serve},
    pipeline::{Pipeline, Writer},
};

/// The part of a shutdown that is kept for the connector's own `shutdown`.
const SHARE_OF_SHUTDOWN: u32 = 5;

/// Runs one connector until it is told to stop or cannot go on.
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
    writer: Writer,
    config: ConnectorConfig,
    observer: Observer,
    server: Server,
    shutdown: CancellationToken,
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

    /// Records that are done for good: delivered, skipped, or written to a dead-letter topic.
    pub fn settled(&self) -> u64 {
        self.observer.settled()
    }

    /// Where `/live`, `/ready` and `/metrics` are served.
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics_address
    }
}

impl SinkRuntime {
    /// Prepares to run. Connects to nothing yet, but opens `metrics_port`.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the port cannot be had.
    pub async fn new(connector: impl SinkConnector + 'static, config: ConnectorConfig) -> ConnectorResult<Self> {
        let observer = Observer::new(&config.connector_name);
        let server = serve(config.metrics_port, observer.clone()).await?;
        tracing::info!(connector = %config.connector_name, "metrics and health on http://{}", server.address());
        let writer = Writer::new(Box::new(connector), config.write_timeout);
        Ok(Self { writer, config, observer, server, shutdown: CancellationToken::new() })
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
    /// `shutdown_timeout_ms`. A second signal ends at once.
    ///
    /// A broker that is away or a topic that is missing is waited for.
    ///
    /// # Errors
    /// What made the connector end, if it was not asked to.
    pub async fn run(self) -> ConnectorResult<()> {
        let second_signal = signals(self.shutdown.clone())?;
        // In a task of its own, so that signals are heard while a connector blocks its thread.
        let mut living = tokio::spawn(async move { self.live().await });
        tokio::select! {
            outcome = &mut living => outcome.fatal("run the connector")?,
            () = second_signal => {
                living.abort();
                Err(ConnectorError::fatal("ended at once by a second signal"))
            }
        }
    }

    async fn live(&self) -> ConnectorResult<()> {
        let outcome = self.deliver().await;
        if let Err(error) = &outcome {
            tracing::error!("the connector ends: {}", error.report());
        }
        self.observer.phase(Phase::Draining);
        let limit = self.config.shutdown_timeout / SHARE_OF_SHUTDOWN;
        let closed = timeout(limit, self.writer.shutdown())
            .await
            .unwrap_or_else(|_| Err(ConnectorError::fatal("the connector's shutdown took too long")));
        if let Err(error) = &closed {
            tracing::error!("shutdown: {}", error.report());
        }
        outcome.and(closed)
    }

    async fn deliver(&self) -> ConnectorResult<()> {
        let prepare = async {
            self.writer.initialize(self.config.clone()).await?;
            self.writer.consumer_configs().await
        };
        let Some(consumers) = self.shutdown.run_until_cancelled(prepare).await else { return Ok(()) };
        let mappings = self.mappings(consumers?)?;
        let broker = Arc::new(DanubeBroker::new(&self.config));
        let mut pipeline = Pipeline::start(broker, &self.writer, &self.config, mappings, &self.observer);
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

    /// What each consumer's mapping says; the core settings where there is no mapping.
    fn mappings(&self, consumers: Vec<ConsumerConfig>) -> ConnectorResult<Vec<MappingSettings>> {
        if consumers.is_empty() {
            return Err(ConnectorError::configuration("consumer_configs names no topic to read"));
        }
        let mut seen = HashSet::new();
        for ConsumerConfig { topic, subscription, .. } in &consumers {
            if !seen.insert((topic, subscription)) {
                let text = format!("consumer_configs names {topic} with subscription {subscription} twice");
                return Err(ConnectorError::configuration(text));
            }
        }
        consumers.into_iter().map(|consumer| self.mapping(consumer)).collect()
    }

    fn mapping(&self, consumer: ConsumerConfig) -> ConnectorResult<MappingSettings> {
        let known = self.config.mappings.iter().find(|mapping| {
            mapping.consumer.topic == consumer.topic && mapping.consumer.subscription == consumer.subscription
        });
        let settings = match known {
            Some(mapping) => MappingSettings { consumer, ..mapping.clone() },
            None => MappingSettings::new(consumer, &self.config),
        };
        let dead_letters = settings.on_invalid_record == OnInvalidRecord::DeadLetter
            || self.config.on_retries_exhausted == OnRetriesExhausted::DeadLetter;
        if dead_letters && settings.dead_letter_topic.is_none() {
            let topic = &settings.consumer.topic;
            let text = format!(
                "on_invalid_record or on_retries_exhausted is \"dead_letter\", so that {topic} needs a dead_letter_topic"
            );
            return Err(ConnectorError::configuration(text));
        }
        Ok(settings)
    }
}

/// Cancels `shutdown` at the first SIGTERM or SIGINT; the future returned ends at the second.
fn signals(shutdown: CancellationToken) -> ConnectorResult<impl Future<Output = ()>> {
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
