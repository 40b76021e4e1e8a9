//! One partition's stream, supervised: it comes back from whatever ends it.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::BoxStream};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    broker::{Attachment, Broker, BrokerFailure, Consumer, Delivery, FailureKind, Session},
    budget::Budget,
    hands::{Arrival, Identity},
    lane::{Lane, Message, Place},
    partition::{Ack, Partition},
};

/// How often a stream that may be silent for good reasons is asked whether it is still served.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// A connection that gives no answer for this long is given up.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
const ATTACH_TIMEOUT: Duration = Duration::from_secs(10);

/// Reads one partition into its lane.
pub(crate) struct Intake {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) partition: Arc<Partition>,
    pub(crate) acks: mpsc::WeakSender<Ack>,
    pub(crate) budget: Budget,
    /// Take no more messages.
    pub(crate) stop: CancellationToken,
    /// Let go of the stream.
    pub(crate) detach: CancellationToken,
}

/// Why a stream was given up.
enum End {
    Failure(BrokerFailure),
    /// What it brought is not written in time.
    Overdue,
}

impl Intake {
    /// Runs until it is told to detach.
    ///
    /// After `stop` it reads on and lets go of what it reads: an acknowledgement counts only while the consumer is
    /// attached, and a broker that cannot send does not listen either.
    pub(crate) async fn run(self) {
        let detach = self.detach.clone();
        detach.run_until_cancelled(self.supervise()).await;
    }

    async fn supervise(&self) {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        loop {
            let since = Instant::now();
            let end = match self.attach().await {
                Ok(attachment) => self.read(attachment).await,
                Err(failure) => End::Failure(failure),
            };
            self.partition.attached(None);
            match end {
                End::Overdue => {
                    let reason = "the target takes no records: the subscription is let go of until it does";
                    self.lane.observer.down(&self.partition.topic, reason);
                    self.partition.emptied().await;
                }
                End::Failure(failure) => {
                    self.lane.observer.down(&self.partition.topic, &failure.message);
                    if self.stop.is_cancelled() {
                        return;
                    }
                    // A stream that ends as soon as it starts is no success.
                    if since.elapsed() > HEALTH_INTERVAL {
                        backoff.reset();
                    }
                    sleep(backoff.next().unwrap_or(HEALTH_INTERVAL)).await;
                }
            }
        }
    }

    async fn attach(&self) -> Result<Attachment, BrokerFailure> {
        let consumer = &self.lane.settings.consumer;
        let consumer = Consumer {
            topic: Arc::clone(&self.partition.topic),
            name: consumer.consumer_name.clone(),
            subscription: consumer.subscription.clone(),
            subscription_type: consumer.subscription_type,
        };
        match timeout(ATTACH_TIMEOUT, self.broker.attach(&consumer)).await {
            Ok(attached) => attached,
            Err(_) => Err(BrokerFailure::new(FailureKind::Unreachable, "the broker does not answer")),
        }
    }

    async fn read(&self, Attachment { messages, session }: Attachment) -> End {
        self.partition.attached(Some(Arc::clone(&session)));
        self.lane.observer.up(&self.partition.topic);
        tokio::select! {
            failure = self.receive(messages) => End::Failure(failure),
            failure = unhealthy(&*session) => End::Failure(failure),
            () = self.overdue() => End::Overdue,
        }
    }

    /// Returns when something has been in hand for half the time that the broker waits for its acknowledgement.
    ///
    /// Only deliveries count as attempts, and without a consumer there are none: a subscription that is let go of in
    /// time waits as long as it takes, where one that is held on to is blocked after some attempts, for good.
    async fn overdue(&self) {
        let limit = self.lane.settings.ack_timeout / 2;
        loop {
            let age = self.partition.hands().oldest().map_or(Duration::ZERO, |arrival| arrival.elapsed());
            match limit.checked_sub(age) {
                Some(left) if !left.is_zero() => sleep(left).await,
                _ => return,
            }
        }
    }

    async fn receive(&self, mut messages: BoxStream<'static, Result<Delivery, BrokerFailure>>) -> BrokerFailure {
        while let Some(message) = messages.next().await {
            match message {
                Ok(delivery) => self.take(delivery).await,
                Err(failure) => return failure,
            }
        }
        BrokerFailure::new(FailureKind::Moved, "the broker ended the stream")
    }

    async fn take(&self, delivery: Delivery) {
        let identity = Identity::of(&delivery);
        let arrival = self.partition.hands().receive(identity, Instant::now());
        self.lane.observer.received(arrival != Arrival::New);
        match arrival {
            Arrival::New => {
                let mut place = Place::new(&self.partition, identity);
                place.bytes = self.budget.reserve(delivery.payload.len()).await;
                if !self.stop.is_cancelled() {
                    self.lane.push(Message { delivery, place });
                }
            }
            Arrival::InHand => {}
            Arrival::Settled => {
                // The settler is gone only when the lane has ended: the broker then sends the message once more later.
                if let Some(acks) = self.acks.upgrade() {
                    let ack = Ack { partition: Arc::clone(&self.partition), receipt: delivery.receipt };
                    let _ = acks.send(ack).await;
                }
            }
        }
    }
}

/// Returns when the consumer is not served any more, or nobody answers.
async fn unhealthy(session: &dyn Session) -> BrokerFailure {
    loop {
        sleep(HEALTH_INTERVAL).await;
        match timeout(HEALTH_TIMEOUT, session.health()).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return failure,
            Err(_) => {
                let silence = format!("no answer to a health check within {} s", HEALTH_TIMEOUT.as_secs());
                return BrokerFailure::new(FailureKind::Unreachable, silence);
            }
        }
    }
}
