//! The engine: one pipeline, or two with a spool between them.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    task::{JoinSet, spawn_blocking},
    time::timeout,
};

use crate::{
    config::{ConnectorConfig, MappingSettings, SpoolSync, SubscriptionType},
    error::{ConnectorError, ConnectorResult},
    observe::Observer,
    pipeline::{Broker, Pipeline, Takeover, WriterPool},
    spool::{LogKey, Spool, SpooledMapping},
};

/// The running pipelines.
pub(super) struct Engine {
    /// From the broker to the spool.
    intake: Option<Intake>,
    /// To the target: from the spool, or from the broker.
    delivery: Pipeline,
}

struct Intake {
    pipeline: Pipeline,
    spool: Arc<Spool>,
    /// Adopts the spools of processes that end; aborted when it is dropped.
    watch: JoinSet<()>,
}

/// Why an engine ended without an error.
pub(super) enum Ended {
    Shutdown,
    TakenOver(Takeover),
}

impl Engine {
    pub(super) async fn start(
        broker: &Arc<dyn Broker>,
        pool: &WriterPool,
        mappings: &[MappingSettings],
        config: &ConnectorConfig,
        observer: &Observer,
    ) -> ConnectorResult<Self> {
        let Some(data_dir) = &config.data_dir else {
            let delivery = Pipeline::start(broker, pool, mappings.to_vec(), config, observer);
            return Ok(Self { intake: None, delivery });
        };
        let spool = open(data_dir, mappings, config).await?;
        let delivery = Pipeline::delivery(broker, &spool, pool, mappings.to_vec(), config, observer);
        let pipeline = Pipeline::intake(broker, &spool, mappings.to_vec(), config, observer);
        let mut watch = JoinSet::new();
        watch.spawn(Arc::clone(&spool).watch());
        Ok(Self { intake: Some(Intake { pipeline, spool, watch }), delivery })
    }

    /// Waits for a fatal error, or for another process to take over.
    pub(super) async fn ended(&mut self) -> ConnectorResult<Ended> {
        let Some(Intake { pipeline, .. }) = &mut self.intake else {
            return self.delivery.ended().await.map(|()| Ended::Shutdown);
        };
        let takeover = pipeline.takeover();
        tokio::select! {
            ended = pipeline.ended() => ended.map(|()| Ended::Shutdown),
            ended = self.delivery.ended() => ended.map(|()| Ended::Shutdown),
            () = takeover.reported() => Ok(Ended::TakenOver(takeover)),
        }
    }

    /// Drains the pipelines within a time: spools what was received, and writes what is in hand.
    pub(super) async fn drain(self, limit: Duration) -> ConnectorResult<()> {
        let Self { intake, delivery } = self;
        let (intake, spool, watch) = match intake {
            Some(Intake { pipeline, spool, watch }) => (pipeline, Some(spool), Some(watch)),
            None => (Pipeline::default(), None, None),
        };
        drop(watch);
        let both = async { tokio::join!(intake.drain(), delivery.drain()) };
        let drained = timeout(limit, both).await.map_or_else(
            |_| {
                let keeper = if spool.is_some() { "the spool keeps" } else { "the broker redelivers" };
                tracing::warn!("the drain timed out; {keeper} the records that were not written");
                Ok(())
            },
            |(spooled, delivered)| spooled.and(delivered),
        );
        if let Some(spool) = spool {
            // Waits for reads and appends that are running.
            let _ = spawn_blocking(move || spool.close()).await;
        }
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
        let took = spool.measure_sync();
        Ok::<_, std::io::Error>((spool, took))
    });
    let opened = opened.await.map_err(|error| ConnectorError::fatal(format!("the spool panicked: {error}")))?;
    let (spool, took) = opened.map_err(|error| {
        let text = format!("data_dir = {:?} cannot be used: {error}", data_dir.display().to_string());
        ConnectorError::configuration(text)
    })?;
    let took = took.inspect_err(|error| tracing::warn!("the spool cannot be written now: {error}")).unwrap_or_default();
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let records = spool.mappings().iter().map(|mapping| mapping.share.records()).sum::<u64>();
    let costs = match sync {
        SpoolSync::Os => "sync = \"os\": records survive the end of the process, but not a power loss".to_owned(),
        SpoolSync::Always => {
            let each = 10_000_000 / micros.max(1);
            format!(
                "sync = \"always\": with a broker's window of 10, a partition takes at most {each} records a second; a larger \
                 window or sync = \"os\" takes more"
            )
        }
    };
    tracing::info!(records, sync_micros = micros, "the spool is open in {}; {costs}", data_dir.display());
    Ok(Arc::new(spool))
}
