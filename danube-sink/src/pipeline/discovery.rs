//! From a mapping's topic to an intake for each of its partitions.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    broker::{Broker, BrokerFailure},
    budget::Budget,
    intake::Intake,
    lane::Lane,
    partition::{Ack, Partition},
};

/// A producer creates the partitions of a topic one after the other, so that a look may come in between.
const NEXT_LOOK: Duration = Duration::from_secs(5);

/// Finds the partitions of one mapping's topic and reads each of them.
pub(crate) struct Discovery {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) acks: mpsc::WeakSender<Ack>,
    pub(crate) budget: Budget,
    pub(crate) stop: CancellationToken,
    pub(crate) detach: CancellationToken,
}

impl Discovery {
    /// Closes the lane when it is told to stop, and ends when its intakes have detached.
    pub(crate) async fn run(self) {
        let mut intakes = JoinSet::new();
        self.stop.run_until_cancelled(self.look(&mut intakes)).await;
        self.lane.close();
        while intakes.join_next().await.is_some() {}
    }

    async fn look(&self, intakes: &mut JoinSet<()>) {
        let mut known = HashSet::new();
        let mut backoff = Backoff::new(Duration::from_millis(200), NEXT_LOOK);
        let topic = &self.lane.settings.consumer.topic;
        loop {
            match self.broker.partitions(topic).await {
                Ok(partitions) if partitions.is_empty() && known.is_empty() => {
                    self.lane.observer.down(topic, "the topic does not exist; a producer creates it");
                    sleep(backoff.next().unwrap_or(NEXT_LOOK)).await;
                }
                Ok(partitions) => {
                    self.lane.observer.found(topic, &partitions);
                    for partition in partitions {
                        if known.insert(partition.clone()) {
                            intakes.spawn(self.intake(&partition).run());
                        }
                    }
                    sleep(NEXT_LOOK).await;
                }
                Err(failure) => {
                    self.unanswered(topic, &known, &failure);
                    sleep(backoff.next().unwrap_or(NEXT_LOOK)).await;
                }
            }
        }
    }

    fn unanswered(&self, topic: &str, known: &HashSet<String>, failure: &BrokerFailure) {
        // The intakes of known partitions tell of their own state.
        if known.is_empty() {
            self.lane.observer.down(topic, &failure.message);
        }
    }

    fn intake(&self, topic: &str) -> Intake {
        Intake {
            broker: Arc::clone(&self.broker),
            lane: Arc::clone(&self.lane),
            partition: Arc::new(Partition::new(topic)),
            acks: self.acks.clone(),
            budget: self.budget.clone(),
            stop: self.stop.clone(),
            detach: self.detach.clone(),
        }
    }
}
