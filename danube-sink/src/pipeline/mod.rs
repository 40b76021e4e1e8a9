//! The delivery engine: from a partition's stream to the connector, and back as acknowledgements.
//!
//! ```text
//!  broker ──stream──▶ intake ──▶ lane ──▶ collect ──▶ deliver ──▶ settle ──acks──▶ broker
//!        (a partition)        (a mapping) (decode, batch) (write, retry)  └─ dead letter
//! ```
//!
//! It knows no gRPC: it sees a [`Broker`], which is Danube or a stand-in for tests. A record is acknowledged when the
//! connector answered `Ok` for it, and in no other case; a record that is dropped on the way stays with the broker.

mod backoff;
mod batch;
mod broker;
mod budget;
mod collect;
mod deliver;
mod discovery;
mod hands;
mod intake;
mod lane;
mod outcome;
mod partition;
mod settle;
mod share;
mod window;
mod write;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    broker::{
        AckToken, Attachment, Broker, BrokerFailure, CHUNK_BYTES, CHUNK_MESSAGES, Chunks, Consumer, DeadLetter,
        FailureKind, Message, Session,
    },
    share::Share,
    write::Writer,
};
use self::{budget::Budget, collect::Collect, deliver::Deliver, discovery::Discovery, lane::Lane, settle::Settle};
use crate::{
    config::{ConnectorConfig, MappingSettings},
    error::{ConnectorError, ConnectorResult},
    observe::Observer,
    schema::SchemaCache,
};

/// One connector instance and what it reads.
pub(crate) struct Task {
    pub(crate) writer: Writer,
    pub(crate) mappings: Vec<MappingSettings>,
    pub(crate) share: Share,
}

/// Everything between the broker and the connector, running.
pub(crate) struct Pipeline {
    lanes: JoinSet<ConnectorResult<()>>,
    intakes: JoinSet<()>,
    stop: CancellationToken,
    detach: CancellationToken,
}

impl Pipeline {
    /// Starts to read every mapping's topic and to hand its records to the connector.
    pub(crate) fn start(
        broker: &Arc<dyn Broker>,
        tasks: Vec<Task>,
        config: &ConnectorConfig,
        observer: &Observer,
    ) -> Self {
        let mut pipeline = Self {
            lanes: JoinSet::new(),
            intakes: JoinSet::new(),
            stop: CancellationToken::new(),
            detach: CancellationToken::new(),
        };
        let budget = Budget::new(config.max_buffered_bytes);
        let schemas = Arc::new(SchemaCache::default());
        for Task { writer, mappings, share } in tasks {
            for mut settings in mappings {
                let consumer = &mut settings.consumer;
                consumer.consumer_name = share.consumer_name(consumer.subscription_type, &consumer.consumer_name);
                let lane = Arc::new(Lane::new(settings, observer));
                let settle = Settle::new(Arc::clone(broker), Arc::clone(&lane));
                pipeline.intakes.spawn(
                    Discovery {
                        broker: Arc::clone(broker),
                        lane: Arc::clone(&lane),
                        share,
                        acks: settle.acks(),
                        budget: budget.clone(),
                        stop: pipeline.stop.clone(),
                        detach: pipeline.detach.clone(),
                    }
                    .run(),
                );
                let stop = pipeline.stop.clone();
                let deliver = Deliver::new(writer.clone(), Arc::clone(&lane), settle, config, stop.clone());
                let (broker, schemas) = (Arc::clone(broker), Arc::clone(&schemas));
                let collect = Collect::new(broker, schemas, Arc::clone(&lane), config, stop.clone());
                pipeline.lanes.spawn(run_lane(lane, collect, deliver, stop));
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
                Some(lane) = self.lanes.join_next() => return lane.unwrap_or_else(|error| Err(broken(&error))),
                Some(intake) = self.intakes.join_next() => match intake {
                    Err(error) => return Err(broken(&error)),
                    // A lane has failed, and is about to tell why.
                    Ok(()) if self.stop.is_cancelled() => {}
                    Ok(()) => return Err(ConnectorError::fatal("an intake ended without being told to")),
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
    /// The first error of a lane; the others are drained all the same.
    pub(crate) async fn drain(mut self) -> ConnectorResult<()> {
        self.stop.cancel();
        let mut outcome = Ok(());
        while let Some(lane) = self.lanes.join_next().await {
            outcome = outcome.and(lane.unwrap_or_else(|error| Err(broken(&error))));
        }
        self.detach.cancel();
        while self.intakes.join_next().await.is_some() {}
        outcome
    }
}

fn broken(error: &JoinError) -> ConnectorError {
    ConnectorError::fatal(format!("a part of the pipeline broke: {error}"))
}

/// The whole way of one mapping's records. When it ends with an error, the others stop to take records too.
async fn run_lane(
    lane: Arc<Lane>,
    mut collect: Collect,
    mut deliver: Deliver,
    stop: CancellationToken,
) -> ConnectorResult<()> {
    let outcome = deliver_all(&mut collect, &mut deliver).await;
    if outcome.is_err() {
        stop.cancel();
    }
    lane.end();
    deliver.finish().await;
    outcome
}

async fn deliver_all(collect: &mut Collect, deliver: &mut Deliver) -> ConnectorResult<()> {
    while let Some(batch) = collect.next().await {
        match batch {
            Ok(batch) => deliver.batch(batch).await?,
            Err(invalid) => deliver.invalid(invalid).await?,
        }
    }
    Ok(())
}
