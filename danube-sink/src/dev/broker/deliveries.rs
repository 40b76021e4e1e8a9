//! Stream of messages to one consumer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use danube_core::proto::StreamMessage;
use futures_util::Stream;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::Status;

use super::consumers::StreamEnd;
use super::subscription::Next;
use super::topic::Topic;
use super::topics::{SubscriptionRef, Topics};

/// Stream that pulls from the subscription whenever the connection has capacity, so that the client's flow control
/// reaches the window without a task or channel in between.
pub(crate) struct Deliveries {
    topics: Arc<Topics>,
    topic: Arc<Topic>,
    subscription: Arc<str>,
    consumer: u64,
    end: Arc<StreamEnd>,
    timer: Pin<Box<Sleep>>,
    /// The deadline of the timer, if it is armed.
    armed: Option<Instant>,
    over: bool,
}

impl Deliveries {
    /// Opens the stream of a consumer; `None` if it is unknown.
    pub(crate) fn open(topics: Arc<Topics>, (topic, subscription): SubscriptionRef, consumer: u64) -> Option<Self> {
        let (end, dead_letters) = topic.attach(&subscription, consumer, &topics.faults)?;
        topics.post(dead_letters);
        let timer = Box::pin(sleep_until(Instant::now()));
        Some(Self { topics, topic, subscription, consumer, end, timer, armed: None, over: false })
    }

    /// Ready when the timer expires; arms it for `until` at the latest. An early expiry is harmless, so it is not rearmed at
    /// each ack.
    fn poll_timer(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.armed.is_none_or(|armed| until < armed) {
            self.timer.as_mut().reset(until);
            self.armed = Some(until);
        }
        ready!(self.timer.as_mut().poll(cx));
        self.armed = None;
        Poll::Ready(())
    }
}

impl Stream for Deliveries {
    type Item = Result<StreamMessage, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(kicked) = this.end.ended() {
                let error = kicked && !std::mem::replace(&mut this.over, true);
                let moved = || Err(Status::unavailable("the topic is moving, redo the Lookup request"));
                return Poll::Ready(error.then(moved));
            }
            ready!(this.topics.faults.stall.poll_open(cx));
            let stream = (this.consumer, &*this.end);
            let (next, dead_letters) = this.topic.next(&this.subscription, stream, cx.waker(), &this.topics.faults);
            this.topics.post(dead_letters);
            match next {
                Next::Message(message) => return Poll::Ready(Some(Ok(StreamMessage::clone(&message)))),
                Next::Ended => {}
                Next::Idle(None) => return Poll::Pending,
                Next::Idle(Some(until)) => ready!(this.poll_timer(until, cx)),
            }
        }
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        let dead_letters = self.topic.detach(&self.subscription, self.consumer, &self.end, &self.topics.faults);
        self.topics.post(dead_letters);
    }
}
