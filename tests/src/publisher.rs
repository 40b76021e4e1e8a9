//! Publisher that survives faults of the broker and tracks confirmations.

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

/// Number of concurrent producers.
const PRODUCERS: u64 = 2;
/// Pause between two records of a producer: a steady load that leaves the machine to the other tests.
const PACE: Duration = Duration::from_millis(4);
/// Timeout of a connection or a confirmation.
const PATIENCE: Duration = Duration::from_millis(500);
/// Number of routing keys.
const KEYS: u64 = 7;

/// Load of a [`Publisher`]: where and how to publish.
#[derive(Debug, Clone)]
pub struct Load {
    /// Service URL of the broker.
    pub url: String,
    /// Topic.
    pub topic: String,
    /// Number of partitions; `None` for an unpartitioned topic.
    pub partitions: Option<u64>,
    /// Whether the records have routing keys.
    pub keyed: bool,
}

/// Publisher of numbered records that runs until it is stopped, while the broker refuses, hangs or restarts.
///
/// It speaks the protocol itself and sends each number once: danube-client's producer resends a message without a response,
/// so that the broker has some numbers twice. The broker may have an unconfirmed number or not.
#[derive(Debug)]
pub struct Publisher {
    stop: watch::Sender<bool>,
    next: Arc<AtomicU64>,
    confirmed: Arc<AtomicU64>,
    producers: Vec<JoinHandle<Published>>,
}

/// Numbers that a [`Publisher`] sent.
#[derive(Debug, Default, Clone)]
pub struct Published {
    /// Numbers that the broker confirmed.
    pub confirmed: Vec<u64>,
    /// Numbers without a confirmation: the broker may have them or not.
    pub unconfirmed: Vec<u64>,
}

impl Published {
    /// Compares with the records of all targets together, and prints the result.
    pub fn compare(&self, what: &str, targets: &[&Target]) -> Ledger {
        let numbers: Vec<_> = targets.iter().flat_map(|target| target.numbers()).collect();
        Ledger::compare_possible(what, &self.confirmed, &self.unconfirmed, &numbers)
    }

    /// Confirmed numbers that are not in the target.
    pub fn missing(&self, target: &Target) -> HashSet<u64> {
        let held: HashSet<_> = target.numbers().into_iter().collect();
        self.confirmed.iter().copied().filter(|number| !held.contains(number)).collect()
    }
}

impl Publisher {
    /// Starts to publish, from number 0 on.
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
        Self { stop, next, confirmed, producers }
    }

    /// Number of records sent so far, confirmed or not: the number of the next record.
    pub fn sent(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    /// Number of records confirmed so far.
    pub fn confirmed(&self) -> u64 {
        self.confirmed.load(Ordering::SeqCst)
    }

    /// Waits until this many more records are confirmed.
    pub async fn confirms(&self, more: u64) {
        let expected = self.confirmed() + more;
        until("the confirmation of more records", || async { self.confirmed() >= expected }).await;
    }

    /// Stops publishing. Returns the numbers that were sent.
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
            // After a failure, the next record goes over a new connection.
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
        let mut producers = Vec::new();
        for topic in topics {
            let request = ProducerRequest {
                request_id: 0,
                producer_name: self.name.clone(),
                topic_name: topic.clone(),
                schema_ref: None,
                producer_access_mode: ProducerAccessMode::Shared.into(),
                dispatch_strategy: DispatchStrategy::Reliable.into(),
            };
            producers.push((topic, service.create_producer(request).await?.into_inner().producer_id));
        }
        Ok(Session { service, producers })
    }

    async fn send(&self, Session { service, producers }: &mut Session, number: u64) -> Result<(), Status> {
        let key = number % KEYS;
        let routing_number = if self.load.keyed { key } else { number };
        let (topic, producer_id) =
            &producers[usize::try_from(routing_number).expect("a small number") % producers.len()];
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

/// Connection to the broker, with the producer's topic name and id on each partition.
struct Session {
    service: ProducerServiceClient<Channel>,
    producers: Vec<(String, u64)>,
}
