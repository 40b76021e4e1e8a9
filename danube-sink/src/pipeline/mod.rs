//! The delivery engine: from a partition's stream to the connector, and back as acknowledgements.
//!
//! ```text
//!  broker ─chunk─▶ consumer (one a partition, owns its ledger) ─▶ mapping: decode ─▶ batch ─▶ deliver ─▶ writer pool
//!                    ▲  └──acks──▶ broker                                                       │  └─ dead letters
//!                    └────────────────── settlements: runs of a chunk ◀─────────────────────────┘
//! ```
//!
//! It knows no gRPC: it sees a [`Broker`], which is Danube or a stand-in for tests. A record is acknowledged when the
//! connector answered `Ok` for it, and in no other case; a record that is dropped unsettled stays with the broker.
//!
//! - [`consumer`]: attaches, reads, turns messages into records while memory lasts, acknowledges settled ones
//! - [`ledger`]: the delivery state of each message of a partition; [`credit`]: the broker's window, as far as it is known
//! - [`mapping`]: the queues of a topic mapping, in stripes that keep their order; [`stripe`]: batches their records
//! - [`deliver`]: writes a batch, retries, halves, backs off; [`pool`]: the connector instances that all mappings share
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
mod stripe;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

#[cfg(test)]
pub(crate) use self::broker::Chunks;
pub(crate) use self::{
    backoff::Backoff,
    broker::{
        AckAnswers, AckToken, Attachment, Broker, BrokerFailure, CHUNK_BYTES, CHUNK_MESSAGES, Consumer, DeadLetter,
        FailureKind, Message, Session,
    },
    consumer::losses::is_only_reader,
    pool::{Writer, WriterPool},
};
use self::{
    budget::Budget, consumer::Signals, decode::Decoding, deliver::Deliver, discovery::Discovery, mapping::Mapping,
    stripe::Stripe,
};
use crate::{
    config::{ConnectorConfig, MappingSettings},
    error::{ConnectorError, ConnectorResult},
    observe::Observer,
    schema::SchemaCache,
};

/// A running pipeline: everything between the broker and the connector.
pub(crate) struct Pipeline {
    stripes: JoinSet<ConnectorResult<()>>,
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
        let signals = Signals::default();
        let mut pipeline = Self { stripes: JoinSet::new(), discoveries: JoinSet::new(), signals: signals.clone() };
        let budget = Budget::new(config.max_buffered_bytes, observer.buffered_bytes());
        let schemas = Arc::new(SchemaCache::default());
        for settings in mappings {
            let mapping = Arc::new(Mapping::new(settings, pool.instances(), observer));
            let discovery = Discovery {
                broker: Arc::clone(broker),
                mapping: Arc::clone(&mapping),
                budget: budget.clone(),
                signals: signals.clone(),
            };
            pipeline.discoveries.spawn(discovery.run());
            let (of_mapping, stop) = (Arc::clone(&mapping), signals.stop.clone());
            let deliver =
                Deliver::new(pool.clone(), Arc::clone(broker), of_mapping, config, budget.clone(), stop.clone());
            let deliver = Arc::new(deliver);
            for number in 0..mapping.stripes().len() {
                let (of_stripe, schemas) = (Arc::clone(&mapping), Arc::clone(&schemas));
                let decoding = Decoding::new(Arc::clone(broker), schemas, Arc::clone(&mapping), config);
                let stripe = Stripe::new(of_stripe, number, decoding, Arc::clone(&deliver), stop.clone());
                pipeline.stripes.spawn(stripe.run());
            }
        }
        pipeline
    }

    /// Waits for a fatal error, and returns it.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn ended(&mut self) -> ConnectorResult<()> {
        loop {
            tokio::select! {
                Some(stripe) = self.stripes.join_next() => match stripe {
                    Ok(Err(error)) => return Err(error),
                    Err(error) => return Err(broken(&error)),
                    // Its mapping was closed, by a discovery or a stripe that has failed and is about to say why.
                    Ok(Ok(())) => {}
                },
                Some(discovery) = self.discoveries.join_next() => match discovery {
                    Err(error) => return Err(broken(&error)),
                    // A stripe has failed, and is about to say why.
                    Ok(()) if self.signals.stop.is_cancelled() => {}
                    Ok(()) => return Err(ConnectorError::fatal("the discovery of partitions ended before the shutdown")),
                },
                else => return Ok(()),
            }
        }
    }

    /// Drains the pipeline: takes no more messages, writes those in hand, and acknowledges what was written.
    ///
    /// Dropping the future abandons unwritten records; the broker still has them.
    ///
    /// # Errors
    /// The first error of a stripe; the others are drained all the same.
    pub(crate) async fn drain(mut self) -> ConnectorResult<()> {
        self.signals.stop.cancel();
        let mut outcome = Ok(());
        while let Some(stripe) = self.stripes.join_next().await {
            outcome = outcome.and(stripe.unwrap_or_else(|error| Err(broken(&error))));
        }
        self.signals.finish.cancel();
        while let Some(discovery) = self.discoveries.join_next().await {
            outcome = outcome.and(discovery.map_err(|error| broken(&error)));
        }
        outcome
    }
}

fn broken(error: &JoinError) -> ConnectorError {
    ConnectorError::fatal(format!("a task of the pipeline panicked: {error}"))
}
