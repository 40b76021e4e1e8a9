//! The bare loop: the smallest program that consumes a topic and acknowledges concurrently, as a baseline.
//!
//! It follows the one rule without which a broker hangs: it acknowledges a partition's newest message only after all older ones.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use danube_core::proto::{
    AckRequest, ConsumerRequest, ReceiveRequest, StreamMessage, consumer_request::SubscriptionType,
    consumer_service_client::ConsumerServiceClient,
};
use tokio::sync::{Notify, Semaphore};
use tonic::transport::Channel;

use super::{Arrivals, Clock, Consume, age, published};

const SUBSCRIPTION: &str = "bare";
/// Maximum number of acknowledgements in flight.
const IN_FLIGHT: usize = 256;

pub(crate) async fn run(consume: &Consume) {
    let mut service = ConsumerServiceClient::connect(consume.url.clone()).await.expect("a connection");
    let request = ConsumerRequest {
        request_id: 1,
        topic_name: consume.topic.clone(),
        consumer_name: "bare".into(),
        subscription: SUBSCRIPTION.into(),
        subscription_type: SubscriptionType::Exclusive.into(),
        key_filters: Vec::new(),
    };
    let consumer_id = service.subscribe(request).await.expect("a subscription").into_inner().consumer_id;
    let request = ReceiveRequest { request_id: 2, consumer_id };
    let mut messages = service.receive_messages(request).await.expect("a stream").into_inner();

    let arrivals = Arrivals::new(consume.records);
    let acks = Acks::new(service);
    let (mut newest, mut latencies) = (None::<StreamMessage>, Vec::new());
    let clock = Clock::start().await;
    let end = arrivals.end();
    tokio::pin!(end);
    loop {
        tokio::select! {
            message = messages.message() => {
                let message = message.expect("the stream is open").expect("the stream is open");
                arrivals.arrive([(0, offset(&message))]);
                if consume.latencies {
                    latencies.push(age(published(&message.payload)));
                }
                // An older message than the newest one.
                if let Some(older) = newest.replace(message) {
                    acks.send(older).await;
                }
            }
            () = acks.state.all_answered.notified(), if newest.is_some() => {}
            () = &mut end => break,
        }
        if acks.are_answered()
            && let Some(message) = newest.take()
        {
            acks.send(message).await;
        }
    }
    acks.answered().await;
    if let Some(message) = newest {
        acks.send(message).await;
        acks.answered().await;
    }
    clock.stop(&arrivals, latencies);
}

fn offset(message: &StreamMessage) -> u64 {
    message.msg_id.as_ref().map_or(0, |id| id.topic_offset)
}

struct Acks {
    service: ConsumerServiceClient<Channel>,
    permits: Arc<Semaphore>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    in_flight: AtomicUsize,
    all_answered: Notify,
}

impl Acks {
    fn new(service: ConsumerServiceClient<Channel>) -> Self {
        Self { service, permits: Arc::new(Semaphore::new(IN_FLIGHT)), state: Arc::default() }
    }

    async fn send(&self, message: StreamMessage) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("an open semaphore");
        let (mut service, state) = (self.service.clone(), Arc::clone(&self.state));
        state.in_flight.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(async move {
            let ack = AckRequest {
                request_id: message.request_id,
                msg_id: message.msg_id,
                subscription_name: SUBSCRIPTION.into(),
            };
            service.ack(ack).await.expect("an answer");
            drop(permit);
            if state.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
                state.all_answered.notify_one();
            }
        });
    }

    fn are_answered(&self) -> bool {
        self.state.in_flight.load(Ordering::Acquire) == 0
    }

    async fn answered(&self) {
        let all = u32::try_from(IN_FLIGHT).expect("a small number");
        drop(self.permits.acquire_many(all).await.expect("an open semaphore"));
    }
}
