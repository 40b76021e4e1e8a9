//! One partition's stream, supervised: it comes back from whatever ends it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::StreamExt;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    backoff::Backoff,
    broker::{Attachment, Broker, BrokerFailure, Chunks, Consumer, FailureKind, Message, Session},
    budget::Budget,
    hands::{Arrival, Identity},
    lane::{Lane, Place, QueuedMessage},
    partition::{Ack, Partition},
};
use crate::{config::SubscriptionType, observe::AttachReason};

/// How often a stream that may be silent for good reasons is asked whether it is still served.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);
/// How long a consumer that was taken over waits for the other one to leave, the first time. See [`Intake::wait_for_turn`].
pub(super) const FIRST_TURN: Duration = Duration::from_secs(5 * 60);
const LONGEST_TURN: Duration = Duration::from_secs(60 * 60);
/// The broker takes a KeyShared consumer off its ring after three seconds.
const KEY_SHARED_GRACE: Duration = Duration::from_secs(2);

/// Reads one partition into its lane.
pub(crate) struct Intake {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) lane: Arc<Lane>,
    pub(crate) partition: Arc<Partition>,
    pub(crate) acks: mpsc::WeakUnboundedSender<Ack>,
    pub(crate) budget: Budget,
    /// Take no more messages.
    pub(crate) stop: CancellationToken,
    /// Let go of the stream.
    pub(crate) detach: CancellationToken,
}

/// Why a stream was given up.
enum End {
    Failure(BrokerFailure),
    /// The stream ended without an error, and the broker still serves a consumer of this name: another one.
    TakenOver(Arc<dyn Session>),
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
        let mut name = self.name();
        let mut attached = Instant::now();
        let mut turn = FIRST_TURN;
        loop {
            if attached.elapsed() > KEY_SHARED_GRACE {
                name = self.name();
            }
            let end = match self.attach(&name).await {
                Ok(attachment) => {
                    let since = Instant::now();
                    let end = self.read(attachment).await;
                    attached = Instant::now();
                    // A stream that ends as soon as it starts is no success.
                    if since.elapsed() > HEALTH_INTERVAL {
                        backoff.reset();
                    }
                    end
                }
                Err(failure) => End::Failure(failure),
            };
            self.partition.detach();
            turn = match &end {
                End::TakenOver(session) if !self.wait_for_turn(&name, &**session, turn).await => {
                    LONGEST_TURN.min(turn * 2)
                }
                _ => FIRST_TURN,
            };
            match end {
                End::Overdue => self.wait_for_target().await,
                End::Failure(failure) => self.lane.observer.partition(&self.partition.topic).detached(&failure.message),
                End::TakenOver(_) => {}
            }
            sleep(backoff.next().unwrap_or(HEALTH_INTERVAL)).await;
        }
    }

    /// Returns when the other consumer of the name has left, or the time is up; whether it has left.
    ///
    /// To attach ends the other's stream, and if both did so at once, neither would get anywhere. But the broker says of
    /// the name that it is served even where the other one died between its two calls, or its machine did: to wait for
    /// ever could be to wait for nobody. So after some minutes this one takes the subscription back; another that lives
    /// waits in turn, and each time for twice as long.
    async fn wait_for_turn(&self, name: &str, session: &dyn Session, turn: Duration) -> bool {
        let minutes = turn.as_secs() / 60;
        let reason = format!(
            "another consumer attached as {name}: this one waits until it leaves, for {minutes} minutes; to run both, give \
             each its own consumer_name"
        );
        self.lane.observer.partition(&self.partition.topic).waiting(&reason);
        self.partition.hands().lose_sight();
        let left = timeout(turn, unhealthy(session)).await.is_ok();
        if !left {
            let topic = &self.partition.topic;
            tracing::warn!(%topic, "the other consumer of {name} may be dead: this one attaches after {minutes} minutes");
        }
        left
    }

    /// Returns when what is in hand is written and there is room for more. The batch that is being tried is kept; what
    /// waits behind it goes back to the broker, so that the memory is free for other mappings.
    async fn wait_for_target(&self) {
        let settings = &self.lane.settings;
        let limit = settings.ack_timeout.as_millis();
        let late = format!("records are not written well within ack_timeout_ms = {limit}");
        let cause = self.lane.trouble().unwrap_or(late);
        let reason = format!("{cause}: the subscription is let go of until records are written");
        self.lane.observer.partition(&self.partition.topic).waiting(&reason);
        // A broker forgets what a KeyShared consumer had in hand when it takes it off its ring.
        if settings.consumer.subscription_type != SubscriptionType::KeyShared {
            self.lane.let_go_of(&self.partition);
        }
        self.partition.emptied().await;
        self.budget.eased().await;
    }

    /// The name to attach with after an absence.
    ///
    /// It stays the same, so that the broker ends what is left of the last attachment. But a KeyShared consumer that was
    /// away for some seconds gets nothing under its old name, ever: the broker took it off the ring, and does not put a
    /// consumer that it knows on it again.
    fn name(&self) -> String {
        let consumer = &self.lane.settings.consumer;
        match consumer.subscription_type {
            SubscriptionType::KeyShared => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                format!("{}-{}", consumer.consumer_name, now.as_millis())
            }
            _ => consumer.consumer_name.clone(),
        }
    }

    async fn attach(&self, name: &str) -> Result<Attachment, BrokerFailure> {
        let consumer = &self.lane.settings.consumer;
        let consumer = Consumer {
            topic: Arc::clone(&self.partition.topic),
            name: name.to_owned(),
            subscription: consumer.subscription.clone(),
            subscription_type: consumer.subscription_type,
        };
        self.broker.attach(&consumer).await
    }

    async fn read(&self, Attachment { chunks, session }: Attachment) -> End {
        let attached = self.partition.attach(Arc::clone(&session));
        self.lane.observer.partition(&self.partition.topic).attached(AttachReason::Start);
        tokio::select! {
            failure = self.receive(chunks, attached.number) => match failure {
                Some(failure) => End::Failure(failure),
                None if session.health().await.is_ok() => End::TakenOver(session),
                None => End::Failure(BrokerFailure::new(FailureKind::Moved, "the broker ended the stream")),
            },
            failure = unhealthy(&*session) => End::Failure(failure),
            // Each message that it cannot acknowledge would be sent again, and counted.
            failure = attached.refused() => End::Failure(failure),
            () = self.overdue() => End::Overdue,
        }
    }

    /// Returns when something is in hand for so long that its acknowledgement may come too late: half the time that the
    /// broker waits for it, or most of it where others are being settled.
    ///
    /// Only deliveries count as attempts, and without a consumer there are none: a subscription that is let go of in
    /// time waits as long as it takes, where one that is held on to is blocked after some attempts, for good.
    async fn overdue(&self) {
        let ack_timeout = self.lane.settings.ack_timeout;
        loop {
            let (oldest, settled) = self.partition.hands().ages();
            let moving = settled.is_some_and(|settled| settled < ack_timeout / 4);
            let limit = if moving { ack_timeout / 5 * 4 } else { ack_timeout / 2 };
            match limit.checked_sub(oldest.unwrap_or_default()) {
                Some(left) if !left.is_zero() => sleep(left.min(ack_timeout / 10)).await,
                _ => return,
            }
        }
    }

    /// Returns the error that ended the stream, if it was one.
    async fn receive(&self, mut chunks: Chunks, attachment: u64) -> Option<BrokerFailure> {
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(messages) => {
                    for message in messages {
                        self.take(message, attachment).await;
                    }
                }
                Err(failure) => return Some(failure),
            }
        }
        None
    }

    /// A lone consumer sees every offset. What is missing is lost at the broker, and somebody should know.
    fn tell_of_gap(&self, identity: Identity) {
        let subscription_type = self.lane.settings.consumer.subscription_type;
        let alone = matches!(subscription_type, SubscriptionType::Exclusive | SubscriptionType::Failover);
        let missing = if alone { self.partition.hands().missing_before(identity) } else { 0 };
        if missing > 0 {
            self.lane.observer.partition(&self.partition.topic).gap(missing);
            let offset = identity.offset();
            tracing::warn!(topic = %self.partition.topic, missing, "the broker skipped messages before offset {offset}");
        }
    }

    async fn take(&self, delivery: Message, attachment: u64) {
        let identity = Identity::of(&delivery);
        let now = Instant::now();
        let arrival = self.partition.hands().receive(identity, attachment, now);
        self.lane.observer.partition(&self.partition.topic).received(
            usize::from(arrival == Arrival::New),
            usize::from(arrival != Arrival::New),
            identity.offset(),
            identity.offset(),
        );
        match arrival {
            Arrival::New => {
                if self.partition.hands().clear_debt(identity) {
                    self.lane.pay();
                }
                self.tell_of_gap(identity);
                let mut place = Place::new(&self.partition, identity, now);
                // A budget that another lane holds must not keep this stream from being read to the end of a drain.
                let bytes = self.budget.reserve(delivery.size());
                place.bytes = self.stop.run_until_cancelled(bytes).await.flatten();
                if !self.stop.is_cancelled() {
                    self.lane.push(QueuedMessage { delivery, place });
                }
            }
            Arrival::InHand => {}
            Arrival::Settled => {
                // The settler is gone only when the lane has ended: the broker then sends the message once more later.
                if let Some(acks) = self.acks.upgrade() {
                    let ack = Ack {
                        partition: Arc::clone(&self.partition),
                        identity,
                        token: delivery.token,
                        again: true,
                        attachment,
                    };
                    let _ = acks.send(ack);
                }
            }
        }
    }
}

/// Returns when the consumer is not served any more, or nobody answers.
async fn unhealthy(session: &dyn Session) -> BrokerFailure {
    loop {
        sleep(HEALTH_INTERVAL).await;
        if let Err(failure) = session.health().await {
            return failure;
        }
    }
}
