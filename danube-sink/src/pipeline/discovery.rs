//! Discovers the partitions of a mapping's topic, and starts a consumer for each.

use std::{
    collections::{HashMap, HashSet},
    panic::resume_unwind,
    sync::Arc,
    time::Duration,
};

use tokio::{
    task::{JoinError, JoinSet},
    time::sleep,
};

use super::{
    backoff::Backoff, broker::Broker, budget::Budget, consumer::ConsumerTask, mapping::Mapping, signals::Signals,
};

/// The interval of look-ups of a missing topic: a subscription begins at the latest message, so that earlier ones are lost.
const LOOK_FOR_MISSING: Duration = Duration::from_millis(250);
/// The first interval of look-ups for more partitions: a producer creates those of a topic one after the other.
const FIRST_LOOK_FOR_MORE: Duration = Duration::from_secs(1);
/// The longest interval of look-ups while no new partition is found.
const LAST_LOOK_FOR_MORE: Duration = Duration::from_secs(60);
/// Consecutive look-ups without a partition after which it counts as deleted.
const LOOKS_WITHOUT: u32 = 3;

/// The discovery of one mapping's partitions.
pub(crate) struct Discovery {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) mapping: Arc<Mapping>,
    pub(crate) budget: Budget,
    pub(crate) signals: Signals,
}

/// Closes the mapping when it is dropped, even by a panic: a drain waits for that.
struct Closing(Arc<Mapping>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A partition that is read.
struct Known {
    /// Consecutive look-ups that did not name it.
    looks_without: u32,
    signals: Signals,
}

impl Discovery {
    /// Closes the mapping when `stop` is signalled, and ends when its consumers have.
    pub(crate) async fn run(self) {
        let mut consumers = JoinSet::new();
        let closing = Closing(Arc::clone(&self.mapping));
        self.signals.stop.run_until_cancelled(self.look(&mut consumers)).await;
        drop(closing);
        while let Some(ended) = consumers.join_next().await {
            resume_panic(ended);
        }
    }

    async fn look(&self, consumers: &mut JoinSet<()>) {
        let (mut known, mut ever_known) = (HashMap::new(), HashSet::new());
        let mut was_missing = false;
        let mut more = Backoff::new(FIRST_LOOK_FOR_MORE, LAST_LOOK_FOR_MORE);
        loop {
            let before = known.len();
            let found = self.find(&mut known, &mut ever_known, was_missing, consumers).await;
            was_missing |= found == Some(0);
            if known.len() > before {
                more.reset();
            }
            let pause = sleep(if known.is_empty() { LOOK_FOR_MISSING } else { more.delay() });
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    () = self.broker.more_partitions() => break,
                    Some(ended) = consumers.join_next() => resume_panic(ended),
                }
            }
        }
    }

    /// Looks the partitions up, and counts them; `None` if the look-up failed.
    async fn find(
        &self,
        known: &mut HashMap<String, Known>,
        ever_known: &mut HashSet<String>,
        was_missing: bool,
        consumers: &mut JoinSet<()>,
    ) -> Option<usize> {
        let topic = &self.mapping.settings.consumer.topic;
        // The consumers of known partitions report their own state.
        let missing = |reason: &str| {
            if known.is_empty() {
                self.mapping.subscriptions.missing(topic, reason);
            }
        };
        let partitions = match self.broker.partitions(topic).await {
            Ok(partitions) if partitions.is_empty() && known.is_empty() => {
                if self.mapping.role.is_delivery() {
                    return None;
                }
                match self.create(topic).await {
                    Ok(()) => {}
                    Err(reason) => missing(&reason),
                }
                return Some(0);
            }
            Ok(partitions) => partitions,
            Err(failure) => {
                missing(&failure.message);
                return None;
            }
        };
        known.retain(|name, partition| {
            partition.looks_without = if partitions.contains(name) { 0 } else { partition.looks_without + 1 };
            let stays = partition.looks_without < LOOKS_WITHOUT;
            if !stays {
                if !self.mapping.role.is_delivery() {
                    tracing::warn!(topic = %name, "the partition no longer exists");
                }
                partition.signals.finish.cancel();
            }
            stays
        });
        let mut present: Vec<_> = partitions.clone();
        present.extend(known.keys().filter(|name| !partitions.contains(name)).cloned());
        self.mapping.subscriptions.found(topic, &present);
        let is_first = ever_known.is_empty();
        for partition in &partitions {
            let is_new = ever_known.insert(partition.clone());
            if !known.contains_key(partition) {
                let was_missing = was_missing || is_new && !is_first;
                let signals = Signals { finish: self.signals.finish.child_token(), ..self.signals.clone() };
                let (broker, mapping) = (Arc::clone(&self.broker), Arc::clone(&self.mapping));
                let budget = self.budget.clone();
                let task = ConsumerTask::new(broker, mapping, partition, was_missing, budget, signals.clone());
                consumers.spawn(task.run());
                known.insert(partition.clone(), Known { looks_without: 0, signals });
            }
        }
        Some(partitions.len())
    }

    /// Creates the topic with `create_topics = true`.
    async fn create(&self, topic: &str) -> Result<(), String> {
        let settings = &self.mapping.settings;
        if !settings.create_topics {
            return Err(
                "the topic does not exist: start a producer that creates it, or set create_topics = true".to_owned()
            );
        }
        self.broker.create_topic(topic, settings.partitions).await.map_err(|failure| {
            tracing::warn!(topic, "the topic cannot be created: {failure}");
            format!("the topic does not exist and cannot be created: {failure}")
        })?;
        tracing::info!(topic, partitions = settings.partitions, "the topic did not exist and was created");
        Ok(())
    }
}

/// Resumes the panic of a consumer's task.
fn resume_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        resume_unwind(error.into_panic());
    }
}
