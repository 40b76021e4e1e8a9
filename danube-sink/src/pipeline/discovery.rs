//! From a mapping's topic to an intake for each of its partitions.

use std::{collections::HashSet, panic::resume_unwind, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    broker::Broker,
    budget::Budget,
    intake::Intake,
    lane::Lane,
    partition::{Ack, Partition},
    share::Share,
};

/// How soon to look again at first: a producer creates the partitions of a topic one after the other, so that a look may
/// come in between.
const NEXT_LOOK: Duration = Duration::from_secs(1);
/// How long a look may be apart from the last while nothing new is found.
const LAST_LOOK: Duration = Duration::from_secs(60);
/// The same while there is no topic.
const LAST_LOOK_FOR_ANY: Duration = Duration::from_secs(5);

/// Finds the partitions of one mapping's topic and reads each that belongs to its task.
pub(crate) struct Discovery {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) share: Share,
    pub(crate) acks: mpsc::WeakUnboundedSender<Ack>,
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
        let mut missing = Backoff::new(NEXT_LOOK / 5, LAST_LOOK_FOR_ANY);
        let mut found = Backoff::new(NEXT_LOOK, LAST_LOOK);
        loop {
            let before = known.len();
            self.find(&mut known, intakes).await;
            if known.len() > before {
                found.reset();
            }
            let pause = if known.is_empty() { &mut missing } else { &mut found }.next();
            tokio::select! {
                () = sleep(pause.unwrap_or(NEXT_LOOK)) => {}
                Some(Err(panic)) = intakes.join_next() => resume_unwind(panic.into_panic()),
            }
        }
    }

    async fn find(&self, known: &mut HashSet<String>, intakes: &mut JoinSet<()>) {
        let topic = &self.lane.settings.consumer.topic;
        // The intakes of known partitions tell of their own state.
        let down = |reason| {
            if known.is_empty() {
                self.lane.observer.missing(topic, reason)
            }
        };
        match self.broker.partitions(topic).await {
            Ok(partitions) if partitions.is_empty() => down("the topic does not exist; a producer creates it"),
            Err(failure) => down(&failure.message),
            Ok(partitions) => {
                // Of the other tasks' partitions too: without one of them the connector is not ready.
                self.lane.observer.found(topic, &partitions);
                let subscription_type = self.lane.settings.consumer.subscription_type;
                for partition in partitions {
                    let ours = self.share.has(subscription_type, &partition);
                    if known.insert(partition.clone()) && ours {
                        intakes.spawn(self.intake(&partition).run());
                    }
                }
            }
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
