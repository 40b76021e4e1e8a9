//! The delivery engine: from a partition's stream to the connector, and back as acknowledgements.
//!
//! ```text
//!  broker ─chunk─▶ consumer (one a partition, owns its ledger) ─▶ mapping: decode ─▶ batch ─▶ deliver ─▶ writer pool
//!                    ▲  └──acks──▶ broker                                                       │  └─ dead letters
//!                    └────────────────── settlements: runs of a chunk ◀─────────────────────────┘
//! ```
//!
//! With a spool, there are two of them: the first one's target is the spool, and the second one reads it.
//!
//! It knows no gRPC: it sees a [`Broker`], which is Danube or a stand-in for tests. A record is acknowledged when the
//! connector answered `Ok` for it, and in no other case; a record that is dropped unsettled stays with the broker.
//!
//! - [`consumer`]: attaches, reads, turns messages into records while memory lasts, acknowledges settled ones
//! - [`ledger`]: the delivery state of each message of a partition; [`credit`]: the broker's window, as far as it is known
//! - [`mapping`]: the queues of a topic mapping, in stripes that keep their order; [`stripe`]: batches their records
//! - [`deliver`]: writes a batch, retries, halves, backs off; [`pool`]: the connector instances that all mappings share
//! - [`spooler`], [`spool_broker`]: the spool as the target of a first pipeline, and as the broker of a second one
//! - [`pending`]: unsettled records, which go back to the broker when they are dropped

mod backoff;
mod batch;
mod broker;
mod budget;
mod consumer;
mod cost;
mod credit;
mod dead_letters;
mod decided;
mod decode;
mod deliver;
mod discovery;
mod ledger;
mod mapping;
mod outcome;
mod partition;
mod pending;
mod pool;
mod refusals;
mod signals;
mod spool_broker;
mod spooler;
mod stripe;
mod work;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

#[cfg(test)]
pub(crate) use self::broker::{Chunks, SMALL_PAYLOAD};
#[cfg(feature = "dev")]
pub(crate) use self::pool::attempt;
pub(crate) use self::{
    backoff::Backoff,
    broker::{
        AckAnswers, AckToken, Attachment, Broker, BrokerFailure, CHUNK_BYTES, CHUNK_MESSAGES, Consumer, DeadLetter,
        FailureKind, Message, Session, copy_small_payloads,
    },
    consumer::{Takeover, TakeoverWait, losses::is_only_reader},
    credit::DEFAULT_WINDOW,
    pool::{Writer, WriterPool},
};
use self::{
    budget::Budget,
    decode::Decoding,
    deliver::Deliver,
    discovery::Discovery,
    mapping::{Mapping, Role},
    signals::Signals,
    spool_broker::SpoolBroker,
    spooler::Spooler,
    stripe::Stripe,
};
use crate::{
    config::{ConnectorConfig, MappingSettings},
    error::{ConnectorError, ConnectorResult},
    observe::Observer,
    schema::SchemaCache,
    spool::Spool,
};

/// With a spool, the intake has `max_buffered_bytes` divided by this, and the delivery the rest.
const INTAKE_PART: usize = 4;

/// What the delivery from a spool has of `max_buffered_bytes`.
pub(crate) fn delivery_bytes(config: &ConnectorConfig) -> usize {
    config.max_buffered_bytes - config.max_buffered_bytes / INTAKE_PART
}

/// A running pipeline: everything between the broker and the connector, or half of it.
#[derive(Default)]
pub(crate) struct Pipeline {
    stripes: JoinSet<()>,
    discoveries: JoinSet<()>,
    signals: Signals,
}

impl Pipeline {
    /// Starts the pipeline: reads every mapping's topic and hands its records to the connector.
    pub(crate) fn start(
        broker: &Arc<dyn Broker>,
        pool: &WriterPool,
        mappings: Vec<MappingSettings>,
        config: &ConnectorConfig,
        observer: &Observer,
    ) -> Self {
        let budget = Budget::new(config.max_buffered_bytes, observer.buffered_bytes());
        let mappings = mappings.into_iter().map(|settings| (settings, Role::Whole, Arc::clone(broker)));
        Self::delivering(mappings, pool, config, observer, &budget)
    }

    /// Starts the first half of a pipeline with a spool: reads every mapping's topic and spools its messages.
    pub(crate) fn intake(
        broker: &Arc<dyn Broker>,
        spool: &Spool,
        mappings: Vec<MappingSettings>,
        config: &ConnectorConfig,
        observer: &Observer,
    ) -> Self {
        let mut pipeline = Self::default();
        // The delivery must not take the memory for what the broker sends.
        let budget = Budget::new(config.max_buffered_bytes / INTAKE_PART, observer.buffered_bytes());
        for settings in mappings {
            let consumer = &settings.consumer;
            let Some(spool) = spool.mapping(&consumer.topic, &consumer.subscription) else { continue };
            let role = Role::Intake(Arc::clone(spool));
            let mapping = pipeline.discover(settings, role, Arc::clone(broker), 1, observer, &budget);
            let (spool, signals) = (Arc::clone(spool), pipeline.signals.clone());
            pipeline.stripes.spawn(Spooler { mapping, spool, budget: budget.clone(), signals }.run());
        }
        pipeline
    }

    /// Starts the second half of a pipeline with a spool: hands spooled records to the connector.
    pub(crate) fn delivery(
        broker: &Arc<dyn Broker>,
        spool: &Spool,
        pool: &WriterPool,
        mappings: Vec<MappingSettings>,
        config: &ConnectorConfig,
        observer: &Observer,
    ) -> Self {
        let budget = Budget::new(delivery_bytes(config), observer.buffered_bytes());
        let mappings = mappings.into_iter().filter_map(|settings| {
            let consumer = &settings.consumer;
            let spool = Arc::clone(spool.mapping(&consumer.topic, &consumer.subscription)?);
            let broker: Arc<dyn Broker> =
                Arc::new(SpoolBroker { spool, broker: Arc::clone(broker), budget: budget.clone() });
            Some((settings, Role::Delivery, broker))
        });
        Self::delivering(mappings, pool, config, observer, &budget)
    }

    fn delivering(
        mappings: impl Iterator<Item = (MappingSettings, Role, Arc<dyn Broker>)>,
        pool: &WriterPool,
        config: &ConnectorConfig,
        observer: &Observer,
        budget: &Budget,
    ) -> Self {
        let mut pipeline = Self::default();
        let schemas = Arc::new(SchemaCache::default());
        for (settings, role, broker) in mappings {
            let mapping = pipeline.discover(settings, role, Arc::clone(&broker), pool.instances(), observer, budget);
            let (of_mapping, signals) = (Arc::clone(&mapping), pipeline.signals.clone());
            let stop = signals.stop.clone();
            let deliver = Deliver::new(pool.clone(), Arc::clone(&broker), of_mapping, config, budget.clone(), stop);
            let deliver = Arc::new(deliver);
            for number in 0..mapping.stripes().len() {
                let (of_stripe, schemas) = (Arc::clone(&mapping), Arc::clone(&schemas));
                let of_broker = Arc::clone(&broker);
                let decoding = Decoding::new(of_broker, schemas, Arc::clone(&mapping), config, budget.clone());
                let stripe = Stripe::new(of_stripe, number, decoding, Arc::clone(&deliver), signals.clone());
                pipeline.stripes.spawn(stripe.run());
            }
        }
        pipeline
    }

    /// Adds a mapping, and starts the discovery of its partitions.
    fn discover(
        &mut self,
        settings: MappingSettings,
        role: Role,
        broker: Arc<dyn Broker>,
        instances: usize,
        observer: &Observer,
        budget: &Budget,
    ) -> Arc<Mapping> {
        let mapping = Arc::new(Mapping::new(settings, role, instances, observer));
        let (of_discovery, budget, signals) = (Arc::clone(&mapping), budget.clone(), self.signals.clone());
        self.discoveries.spawn(Discovery { broker, mapping: of_discovery, budget, signals }.run());
        mapping
    }

    /// The signal that another process took over the subscriptions of an intake.
    pub(crate) fn takeover(&self) -> Takeover {
        self.signals.takeover.clone()
    }

    /// The signals of the pipeline, which outlive a drain that is dropped.
    pub(crate) fn signals(&self) -> Signals {
        self.signals.clone()
    }

    /// Waits for a fatal error, and returns it. It is logged.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn ended(&mut self) -> ConnectorResult<()> {
        while !self.stripes.is_empty() || !self.discoveries.is_empty() {
            tokio::select! {
                () = self.signals.stop.cancelled() => return self.signals.take_failure(),
                Some(stripe) = self.stripes.join_next() => self.check(stripe),
                Some(discovery) = self.discoveries.join_next() => {
                    let is_early = discovery.is_ok() && !self.signals.stop.is_cancelled();
                    self.check(discovery);
                    if is_early {
                        self.signals.fail(ConnectorError::fatal("the discovery of partitions ended before the shutdown"));
                    }
                }
            }
        }
        self.signals.take_failure()
    }

    /// Drains the pipeline: takes no more messages, writes those in hand, and acknowledges what was written.
    ///
    /// Dropping the future abandons unwritten records; the broker still has them.
    ///
    /// # Errors
    /// The first error, unless [`ended`](Self::ended) returned it. It is logged, and the other stripes are drained all the same.
    pub(crate) async fn drain(mut self) -> ConnectorResult<()> {
        self.signals.stop.cancel();
        while let Some(stripe) = self.stripes.join_next().await {
            self.check(stripe);
        }
        self.signals.finish.cancel();
        while let Some(discovery) = self.discoveries.join_next().await {
            self.check(discovery);
        }
        self.signals.take_failure()
    }

    /// Fails if a task panicked.
    fn check(&self, task: Result<(), JoinError>) {
        if let Err(error) = task {
            self.signals.fail(ConnectorError::fatal(format!("a task of the pipeline panicked: {error}")));
        }
    }
}
