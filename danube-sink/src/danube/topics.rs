//! Topics: looks up their partitions, and creates missing ones.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use danube_core::proto::{
    DispatchStrategy, ProducerAccessMode, ProducerRequest, ProducerResponse, TopicLookupRequest,
    discovery_client::DiscoveryClient,
};
use tokio::time::sleep;

use super::{
    connection::{CALL_TIMEOUT, Connections, Link, Purpose},
    http2::Http2,
};
use crate::{
    config::private::is_topic_or_partition,
    pipeline::{BrokerFailure, FailureKind},
};

/// The least time between two look-ups of a process: 50 a second.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(20);

/// When the next look-up of this process may start.
static NEXT_LOOKUP: Mutex<Option<Instant>> = Mutex::new(None);

/// The interval of look-ups while a new topic has no broker yet.
const ASSIGNMENT: Duration = Duration::from_millis(250);

/// Looks up the partitions of a topic, or the topic itself; empty if it does not exist. At most 50 look-ups a second are
/// made, first come first served.
pub(super) async fn partitions(connections: &Connections, topic: &str) -> Result<Vec<String>, BrokerFailure> {
    sleep(reserve_lookup(&NEXT_LOOKUP, Instant::now())).await;
    let link = connections.service(Purpose::Lookup).await?;
    let request = link.request(TopicLookupRequest { request_id: 0, topic: topic.to_owned() })?;
    let mut service = DiscoveryClient::new(link.transport.channel.clone());
    let answer = link.call(async { Ok(service.topic_partitions(request).await?) }).await?;
    let found = answer.into_inner().partitions;
    // The broker answers every topic whose name starts alike.
    Ok(found.into_iter().filter(|name| is_topic_or_partition(topic, name)).collect())
}

/// Reserves the next look-up, and returns how long to wait for it.
fn reserve_lookup(next: &Mutex<Option<Instant>>, now: Instant) -> Duration {
    let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
    let start = next.map_or(now, |next| next.max(now));
    *next = Some(start + LOOKUP_INTERVAL);
    start - now
}

/// Creates topics that are missing.
pub(super) struct Creator {
    /// The name of the producers that create topics.
    producer_name: String,
    /// Topics that have some of their partitions, because an earlier attempt failed.
    unfinished: Mutex<HashSet<String>>,
}

impl Creator {
    pub(super) fn new(producer_name: String) -> Self {
        Self { producer_name, unfinished: Mutex::default() }
    }

    /// Creates a reliable topic. A topic that exists stays as it is, whatever its partitions.
    pub(super) async fn create(
        &self,
        connections: &Connections,
        topic: &str,
        count: Option<u32>,
    ) -> Result<(), BrokerFailure> {
        let existing = partitions(connections, topic).await?;
        if !existing.is_empty() && !self.unfinished().contains(topic) {
            return Ok(());
        }
        self.unfinished().insert(topic.to_owned());
        for name in names(topic, count) {
            if !existing.contains(&name) {
                self.create_one(connections, &name).await.map_err(|failure| advise(failure, topic, count))?;
            }
        }
        self.unfinished().remove(topic);
        Ok(())
    }

    fn unfinished(&self) -> MutexGuard<'_, HashSet<String>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a topic without partitions, or one partition. A cluster first notes the topic and asks the caller to look
    /// again for the broker that serves it.
    async fn create_one(&self, connections: &Connections, name: &str) -> Result<(), BrokerFailure> {
        let end = Instant::now() + CALL_TIMEOUT;
        loop {
            match create_producer(connections, name, &self.producer_name).await {
                Err(failure) if failure.kind == FailureKind::Moved => {
                    if partitions(connections, name).await?.iter().any(|found| found == name) {
                        return Ok(());
                    }
                    if Instant::now() >= end {
                        return Err(failure);
                    }
                    sleep(ASSIGNMENT).await;
                }
                answer => return answer.map(drop),
            }
        }
    }
}

/// Creates a producer of a reliable topic, at the broker that serves the topic.
pub(super) async fn create_producer(
    connections: &Connections,
    topic: &str,
    name: &str,
) -> Result<(Link<Http2>, u64), BrokerFailure> {
    let address = match connections.broker_of(topic).await {
        Ok(address) => address,
        // No broker serves a topic that does not exist yet: the one that is asked creates it. And the right to publish does
        // not include the right to look topics up.
        Err(failure) if matches!(failure.kind, FailureKind::Missing | FailureKind::Refused) => {
            connections.service_address()?
        }
        Err(failure) => return Err(failure),
    };
    let link = connections.calls(&address, Purpose::Publish).await?;
    let request = ProducerRequest {
        request_id: 0,
        producer_name: name.to_owned(),
        topic_name: topic.to_owned(),
        schema_ref: None,
        producer_access_mode: ProducerAccessMode::Shared.into(),
        dispatch_strategy: DispatchStrategy::Reliable.into(),
    };
    let created: ProducerResponse = link.unary("/danube.ProducerService/CreateProducer", request).await?;
    Ok((link, created.producer_id))
}

/// The topics that make up a topic, as danube-client names them.
fn names(topic: &str, count: Option<u32>) -> Vec<String> {
    match count {
        None => vec![topic.to_owned()],
        Some(count) => (0..count).map(|number| format!("{topic}-part-{number}")).collect(),
    }
}

/// Adds what an operator can do about a topic that could not be created.
fn advise(failure: BrokerFailure, topic: &str, count: Option<u32>) -> BrokerFailure {
    let partitions = count.map(|count| format!(" --partitions {count}")).unwrap_or_default();
    let command = format!("`danube-admin topics create {topic} --dispatch-strategy reliable{partitions}`");
    let advice = match failure.kind {
        FailureKind::Missing => format!(
            "the broker does not create topics: set `auto_create_topics: true` in its configuration, or run {command}"
        ),
        FailureKind::Refused => format!("or create it yourself by {command}"),
        _ => return failure,
    };
    BrokerFailure::new(failure.kind, format!("cannot create {topic}: {failure}; {advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_ups_are_fifty_a_second() {
        let (next, now) = (Mutex::new(None), Instant::now());
        let waits: Vec<_> = (0..51).map(|_| reserve_lookup(&next, now).as_millis()).collect();
        assert_eq!((waits[0], waits[1], waits[50]), (0, 20, 1000));
        let later = now + Duration::from_secs(5);
        assert_eq!((reserve_lookup(&next, later), reserve_lookup(&next, later)), (Duration::ZERO, LOOKUP_INTERVAL));
    }
}
