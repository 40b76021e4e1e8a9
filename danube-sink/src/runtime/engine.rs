//! The engine: one pipeline, or two with a spool between them, or the second one of these.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep, timeout_at},
};

use super::mappings::smallest_window;
use crate::{
    config::{ConnectorConfig, MappingSettings, SubscriptionType},
    error::{ConnectorError, ConnectorResult},
    observe::{MappingObserver, Observer},
    pipeline::{Broker, Pipeline, Takeover, WriterPool},
    spool::{LogKey, MappingSpool, Spool, SpoolSize, SpooledMapping, Successors},
};

/// The interval at which the size of the spool is reported.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// The part of a drain's time that is left to close the spool, after a drain that timed out too.
const CLOSE_DIVISOR: u32 = 10;

/// The running pipelines.
pub(super) struct Engine {
    /// With a spool.
    intake: Option<Intake>,
    /// To the target: from the spool, or from the broker.
    delivery: Pipeline,
}

struct Intake {
    /// From the broker to the spool; none while the spool is only drained.
    pipeline: Option<Pipeline>,
    spool: Arc<Spool>,
    /// Adopts the spools of processes that end; aborted when it is dropped.
    watch: JoinSet<()>,
    /// Reports the size of the spool; aborted when it is dropped.
    report: JoinSet<()>,
}

/// Where an engine gets its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The broker; with a spool, that too.
    Broker,
    /// The spool alone, until it is empty.
    Spool,
}

/// Why an engine ended without an error.
pub(super) enum Ended {
    Shutdown,
    TakenOver(Takeover, Successors),
}

impl Engine {
    pub(super) async fn start(
        broker: &Arc<dyn Broker>,
        pool: &WriterPool,
        mappings: &[MappingSettings],
        config: &ConnectorConfig,
        observer: &Observer,
        source: Source,
    ) -> ConnectorResult<Self> {
        let Some(data_dir) = &config.data_dir else {
            let delivery = Pipeline::start(broker, pool, mappings.to_vec(), config, observer);
            return Ok(Self { intake: None, delivery });
        };
        let spool = open(data_dir, mappings, config).await?;
        let delivery = Pipeline::delivery(broker, &spool, pool, mappings.to_vec(), config, observer);
        let intake = || Pipeline::intake(broker, &spool, mappings.to_vec(), config, observer);
        let pipeline = (source == Source::Broker).then(intake);
        let (mut watch, mut report) = (JoinSet::new(), JoinSet::new());
        watch.spawn(Arc::clone(&spool).watch());
        report.spawn(SpoolReport::new(&spool, mappings, observer).run());
        Ok(Self { intake: Some(Intake { pipeline, spool, watch, report }), delivery })
    }

    /// Waits for a fatal error, for another process to take over, or for an empty spool that is only drained.
    pub(super) async fn ended(&mut self) -> ConnectorResult<Ended> {
        let Some(Intake { pipeline, spool, .. }) = &mut self.intake else {
            return self.delivery.ended().await.map(|()| Ended::Shutdown);
        };
        let Some(pipeline) = pipeline else {
            return tokio::select! {
                ended = self.delivery.ended() => ended.map(|()| Ended::Shutdown),
                () = Arc::clone(spool).drained() => Ok(Ended::Shutdown),
            };
        };
        let takeover = pipeline.takeover();
        tokio::select! {
            ended = pipeline.ended() => ended.map(|()| Ended::Shutdown),
            ended = self.delivery.ended() => ended.map(|()| Ended::Shutdown),
            () = takeover.reported() => Ok(Ended::TakenOver(takeover, spool.successors())),
        }
    }

    /// Drains the pipelines within a time: spools what was received, and writes what is in hand.
    pub(super) async fn drain(self, limit: Duration) -> ConnectorResult<()> {
        let Self { intake, delivery } = self;
        let end = Instant::now() + limit;
        let end_drain = if intake.is_some() { end - limit / CLOSE_DIVISOR } else { end };
        let (intake, spool, report) = match intake {
            Some(Intake { pipeline, spool, watch, report }) => {
                drop(watch);
                (pipeline, Some(spool), Some(report))
            }
            None => (None, None, None),
        };
        let intake = intake.unwrap_or_default();
        let signals = [intake.signals(), delivery.signals()];
        let both = async { tokio::join!(intake.drain(), delivery.drain()) };
        let drained = timeout_at(end_drain, both).await.map_or_else(
            |_| {
                let keeper = if spool.is_some() { "the spool keeps" } else { "the broker redelivers" };
                tracing::warn!("the drain timed out; {keeper} the records that were not written");
                signals.iter().try_for_each(|signals| signals.take_failure())
            },
            |(spooled, delivered)| spooled.and(delivered),
        );
        if let Some(spool) = spool {
            // Waits for reads and appends that are running.
            let closed = spawn_blocking(move || spool.close());
            if timeout_at(end, closed).await.is_err() {
                tracing::warn!(
                    "the disk of data_dir did not answer in time: records that were written last may be written once more"
                );
            }
        }
        drop(report);
        drained
    }
}

/// Opens the spool, and logs what is in it and what it costs.
async fn open(data_dir: &Path, mappings: &[MappingSettings], config: &ConnectorConfig) -> ConnectorResult<Arc<Spool>> {
    let spooled = |settings: &MappingSettings| SpooledMapping {
        key: LogKey { topic: settings.consumer.topic.clone(), subscription: settings.consumer.subscription.clone() },
        is_ordered: settings.consumer.subscription_type != SubscriptionType::Shared,
    };
    let spooled: Vec<_> = mappings.iter().map(spooled).collect();
    let (folder, connector) = (data_dir.to_owned(), config.connector_name.clone());
    let (max_bytes, sync) = (config.spool_max_bytes, config.sync);
    let opened = spawn_blocking(move || {
        let spool = Spool::open(&folder, &connector, max_bytes, sync, &spooled)?;
        let capacity = spool.capacity();
        Ok::<_, std::io::Error>((spool, capacity))
    });
    let opened = opened.await.map_err(|error| ConnectorError::fatal(format!("the spool panicked: {error}")))?;
    let shown = data_dir.display();
    let (spool, capacity) = opened.map_err(|error| {
        let help = "set it to a folder of a local disk that has room and that this user may write";
        ConnectorError::configuration(format!("data_dir = \"{shown}\" cannot be used: {error}; {help}"))
    })?;
    let records = spool.mappings().iter().map(|mapping| mapping.share.records()).sum::<u64>();
    match capacity {
        Ok(capacity) => {
            let (free, cost) = (capacity.free_text(), capacity.cost(sync, smallest_window(mappings)));
            tracing::info!(
                records,
                sync_micros = u64::try_from(capacity.sync.as_micros()).unwrap_or(u64::MAX),
                free_bytes = capacity.free,
                "the spool is open in {shown}, {free}; {cost}"
            );
            let used = spool.mappings().iter().map(|mapping| mapping.share.bytes()).sum();
            if let Some(shortage) = capacity.shortage(max_bytes, used) {
                tracing::warn!("{shortage}");
            }
        }
        Err(error) => tracing::warn!(records, "the spool is open in {shown}, and cannot be written now: {error}"),
    }
    Ok(Arc::new(spool))
}

/// Reports what is in the spool to the observer, and that there is none when it is dropped.
struct SpoolReport {
    spool: Arc<Spool>,
    mappings: Vec<(Arc<MappingSpool>, MappingObserver)>,
    observer: Observer,
}

impl SpoolReport {
    fn new(spool: &Arc<Spool>, mappings: &[MappingSettings], observer: &Observer) -> Self {
        let observed = mappings.iter().filter_map(|MappingSettings { consumer, .. }| {
            let spool = spool.mapping(&consumer.topic, &consumer.subscription)?;
            Some((Arc::clone(spool), observer.mapping(consumer)))
        });
        Self { spool: Arc::clone(spool), mappings: observed.collect(), observer: observer.clone() }
    }

    /// Never returns.
    async fn run(self) {
        let report = Arc::new(self);
        loop {
            let now = Arc::clone(&report);
            // It waits while the disk takes the first records of a log.
            let _ = spawn_blocking(move || now.report()).await;
            sleep(REPORT_INTERVAL).await;
        }
    }

    fn report(&self) {
        self.observer.spool_damaged(Some(self.spool.damaged_records()));
        self.observer.spool_failed(self.spool.failure());
        for (spool, observer) in &self.mappings {
            let SpoolSize { records, bytes, oldest } = spool.size();
            observer.spooled(records, bytes, oldest);
        }
    }
}

impl Drop for SpoolReport {
    fn drop(&mut self) {
        self.observer.spool_damaged(None);
        self.observer.spool_failed(None);
        self.mappings.iter().for_each(|(_, observer)| observer.not_spooled());
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::{
        pipeline::tests::fails_in_a_drain_that_hangs,
        spool::tests::{Folder, stalled},
    };

    #[tokio::test]
    async fn a_shutdown_does_not_wait_for_a_disk_that_stands_still() {
        let folder = Folder::new();
        let (spool, disk) = stalled(&folder);
        let intake = Intake { pipeline: None, spool, watch: JoinSet::new(), report: JoinSet::new() };
        let engine = Engine { intake: Some(intake), delivery: Pipeline::default() };
        let drained = engine.drain(Duration::from_millis(100));
        timeout(Duration::from_secs(10), drained).await.expect("it ends").unwrap();
        drop(disk);
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_during_a_drain_that_times_out_is_returned() {
        let engine = Engine { intake: None, delivery: fails_in_a_drain_that_hangs().await };
        let error = engine.drain(Duration::from_secs(5)).await.unwrap_err();
        assert!(error.to_string().contains("the table is gone"), "{error}");
    }
}
