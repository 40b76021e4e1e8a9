//! The delivery engine: from a partition's stream to the connector, and back as acknowledgements.
//!
//! ```text
//!  broker ─chunk─▶ consumer (one a partition, owns its ledger) ─▶ mapping: decode ─▶ batch ─▶ deliver ─▶ writer pool
//!                    ▲  └──acks──▶ broker                                                       │  └─ dead letters
//!                    └────────────────── settlements: runs of a chunk ◀─────────────────────────┘
//! ```
//!
//! It knows no gRPC: it sees a [`Broker`], which is Danube or a stand-in for tests. A record is acknowledged when the
//! connector answered `Ok` for it, and in no other case; a record that is dropped on the way stays with the broker.
//!
//! - [`consumer`]: attaches, reads, admits messages as records where there is memory, acknowledges what is settled
//! - [`ledger`]: what happened to each message of a partition; [`credit`]: how many the broker sends before one is acknowledged
//! - [`mapping`]: what waits, in stripes whose order holds; [`stripe`]: makes batches of it while others are written
//! - [`deliver`]: writes a batch, retries, halves, waits; [`pool`]: the connector's instances, shared by all mappings
//! - [`pending`]: records that are not settled yet, which go back to the broker when they are dropped

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
        AckToken, Attachment, Broker, BrokerFailure, CHUNK_BYTES, CHUNK_MESSAGES, Consumer, DeadLetter, FailureKind,
        Message, Session,
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

/// Everything between the broker and the connector, running.
pub(crate) struct Pipeline {
    stripes: JoinSet<ConnectorResult<()>>,
    discoveries: JoinSet<()>,
    signals: Signals,
}

impl Pipeline {
    /// Starts to read every mapping's topic and to hand its records to the connector.
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

    /// Returns when something cannot go on, with its error.
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
                    Ok(()) => return Err(ConnectorError::fatal("a discovery ended without being told to")),
                },
                else => return Ok(()),
            }
        }
    }

    /// Takes no more messages, writes what is in hand, and acknowledges what was written.
    ///
    /// Dropping the future abandons what is not written yet; the broker has it still.
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
    ConnectorError::fatal(format!("a part of the pipeline broke: {error}"))
}
