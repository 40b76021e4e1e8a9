//! A publisher that lives through faults and knows what was confirmed.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use danube_core::proto::{
    DispatchStrategy, MsgId, ProducerAccessMode, ProducerRequest, StreamMessage,
    producer_service_client::ProducerServiceClient,
};
use futures_util::future::join_all;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tonic::{Status, transport::Channel};

use crate::{Ledger, Target, payload, until};

/// Producers that send at once.
const PRODUCERS: u64 = 2;
/// The time between two records of a producer: a steady load that leaves the machine to the other cells.
const PACE: Duration = Duration::from_millis(4);
/// A confirmation that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// Routing keys, where records have one.
const KEYS: u64 = 7;

/// Where and how to publish.
#[derive(Debug, Clone)]
pub struct Load {
    /// The service URL.
    pub url: String,
    /// The topic.
    pub topic: String,
    /// Its partitions, if it has any.
    pub partitions: Option<u64>,
    /// Whether the records have routing keys.
    pub keyed: bool,
}

/// Publishes numbered records until it is stopped, through brokers that refuse, hang and go.
///
/// It speaks the protocol itself: danube-client's producer sends again what it got no answer for, so that the broker has
/// some numbers twice. Here each number is sent once. What is not confirmed may be at the broker or not.
#[derive(Debug)]
pub struct Publisher {
    stop: watch::Sender<bool>,
    confirmed: Arc<AtomicU64>,
    producers: Vec<JoinHandle<Published>>,
}

/// What a [`Publisher`] sent.
#[derive(Debug, Default, Clone)]
pub struct Published {
    /// The broker has them.
    pub confirmed: Vec<u64>,
    /// The broker may have them.
    pub unconfirmed: Vec<u64>,
}

impl Published {
    /// Compares with what targets hold together, and prints.
    pub fn compare(&self, what: &str, targets: &[&Target]) -> Ledger {
        let numbers: Vec<_> = targets.iter().flat_map(|target| target.numbers()).collect();
        Ledger::compare_possible(what, &self.confirmed, &self.unconfirmed, &numbers)
    }

    /// The confirmed numbers that a target does not hold.
    pub fn missing(&self, target: &Target) -> HashSet<u64> {
        let held: HashSet<_> = target.numbers().into_iter().collect();
        self.confirmed.iter().copied().filter(|number| !held.contains(number)).collect()
    }
}

impl Publisher {
    /// Begins at number 0.
    pub fn start(load: &Load) -> Self {
        let stop = watch::Sender::new(false);
        let (next, confirmed) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let producers = (0..PRODUCERS)
            .map(|id| {
                let producer = Producer { name: format!("producer-{id}"), load: load.clone() };
                let (stop, next, confirmed) = (stop.subscribe(), Arc::clone(&next), Arc::clone(&confirmed));
                tokio::spawn(async move { producer.run(&stop, &next, &confirmed).await })
            })
            .collect();
        Self { stop, confirmed, producers }
    }

    /// How many records are confirmed so far.
    pub fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::SeqCst)
    }

    /// Returns when so many more records are confirmed.
    pub async fn confirms(&self, more: u64) {
        let wanted = self.confirmed() + more;
        until("the confirmation of more records", || async { self.confirmed() >= wanted }).await;
    }

    /// Sends no more.
    pub async fn stop(self) -> Published {
        self.stop.send_replace(true);
        let mut all = Published::default();
        for published in join_all(self.producers).await {
            let Published { confirmed, unconfirmed } = published.expect("a producer does not panic");
            all.confirmed.extend(confirmed);
            all.unconfirmed.extend(unconfirmed);
        }
        all
    }
}

struct Producer {
    name: String,
    load: Load,
}

impl Producer {
    async fn run(self, stop: &watch::Receiver<bool>, next: &AtomicU64, confirmed: &AtomicU64) -> Published {
        let mut published = Published::default();
        while !*stop.borrow() {
            // Whatever fails, the next record goes over a connection of its own.
            let Ok(Ok(mut session)) = timeout(PATIENCE, self.connect()).await else {
                sleep(PACE).await;
                continue;
            };
            while !*stop.borrow() {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if !matches!(timeout(PATIENCE, self.send(&mut session, number)).await, Ok(Ok(()))) {
                    published.unconfirmed.push(number);
                    break;
                }
                published.confirmed.push(number);
                confirmed.fetch_add(1, Ordering::SeqCst);
                sleep(PACE).await;
            }
        }
        published
    }

    async fn connect(&self) -> Result<Session, Status> {
        let unreachable = |error: tonic::transport::Error| Status::unavailable(error.to_string());
        let mut service = ProducerServiceClient::connect(self.load.url.clone()).await.map_err(unreachable)?;
        let topic = &self.load.topic;
        let topics = match self.load.partitions {
            None => vec![topic.clone()],
            Some(count) => (0..count).map(|number| format!("{topic}-part-{number}")).collect(),
        };
        let mut places = Vec::new();
        for topic in topics {
            let request = ProducerRequest {
                request_id: 0,
                producer_name: self.name.clone(),
                topic_name: topic.clone(),
                schema_ref: None,
                producer_access_mode: ProducerAccessMode::Shared.into(),
                dispatch_strategy: DispatchStrategy::Reliable.into(),
            };
            places.push((topic, service.create_producer(request).await?.into_inner().producer_id));
        }
        Ok(Session { service, places })
    }

    async fn send(&self, Session { service, places }: &mut Session, number: u64) -> Result<(), Status> {
        let key = number % KEYS;
        let line = if self.load.keyed { key } else { number };
        let (topic, producer_id) = &places[usize::try_from(line).expect("a small number") % places.len()];
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        let message = StreamMessage {
            request_id: number,
            msg_id: Some(MsgId {
                producer_id: *producer_id,
                topic_name: topic.clone(),
                broker_addr: self.load.url.clone(),
                topic_offset: 0,
            }),
            payload: payload(number).into(),
            publish_time: u64::try_from(now.as_millis()).expect("a time"),
            producer_name: self.name.clone(),
            subscription_name: String::new(),
            attributes: [].into(),
            schema_id: None,
            schema_version: None,
            routing_key: self.load.keyed.then(|| format!("key-{key}")),
        };
        service.send_message(message).await.map(drop)
    }
}

/// A connection, and the producer's id on each partition.
struct Session {
    service: ProducerServiceClient<Channel>,
    places: Vec<(String, u64)>,
}
