//! Chunks: the messages of a stream, as many at a time as have arrived.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use danube_core::proto::StreamMessage;
use futures_util::{Stream, StreamExt};
use tonic::Status;

use crate::{
    pipeline::{AckToken, BrokerFailure, CHUNK_BYTES, CHUNK_MESSAGES, Message, copy_small_payloads},
    record::MessageSource,
};

/// A stream of chunks of the messages that have arrived. It never waits for more; an error follows the messages before it.
pub(super) struct ReadyChunks<S> {
    messages: S,
    received: Vec<Message>,
    source: LastSource,
    failure: Option<Status>,
    ended: bool,
}

impl<S> ReadyChunks<S> {
    pub(super) fn new(topic: &Arc<str>, messages: S) -> Self {
        let source = LastSource(Arc::new(MessageSource::of_topic(Arc::clone(topic))));
        Self { messages, received: Vec::new(), source, failure: None, ended: false }
    }
}

impl<S: Stream<Item = Result<StreamMessage, Status>> + Unpin> Stream for ReadyChunks<S> {
    type Item = Result<Vec<Message>, BrokerFailure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let mut bytes = 0;
        while !this.ended && this.received.len() < CHUNK_MESSAGES && bytes < CHUNK_BYTES {
            match this.messages.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    bytes += message.payload.len();
                    this.received.push(this.source.message(message));
                }
                Poll::Ready(Some(Err(status))) => {
                    this.failure = Some(status);
                    this.ended = true;
                }
                Poll::Ready(None) => this.ended = true,
                Poll::Pending if this.received.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        if this.received.is_empty() {
            return Poll::Ready(this.failure.take().map(|status| Err(status.into())));
        }
        let mut chunk = std::mem::take(&mut this.received);
        copy_small_payloads(&mut chunk, |message| &mut message.payload);
        Poll::Ready(Some(Ok(chunk)))
    }
}

/// The source of the previous message, which is most often that of the next one.
struct LastSource(Arc<MessageSource>);

impl LastSource {
    fn message(&mut self, message: StreamMessage) -> Message {
        let id = message.msg_id.unwrap_or_default();
        let schema = message.schema_id.map(|id| (id, message.schema_version));
        let last = &*self.0;
        if (last.producer_id, last.schema) != (id.producer_id, schema)
            || *last.producer != *message.producer_name
            || *last.broker_address != *id.broker_addr
        {
            self.0 = Arc::new(MessageSource {
                topic: Arc::clone(&last.topic),
                producer: message.producer_name.into(),
                producer_id: id.producer_id,
                broker_address: id.broker_addr.into(),
                schema,
            });
        }
        Message {
            payload: message.payload,
            offset: id.topic_offset,
            publish_time: message.publish_time,
            attributes: (!message.attributes.is_empty()).then(|| Box::new(message.attributes)),
            key: message.routing_key,
            token: AckToken { offset: id.topic_offset, sequence: message.request_id, source: Arc::clone(&self.0) },
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, stream};

    use super::*;
    use crate::pipeline::SMALL_PAYLOAD;

    const TOPIC: &str = "/default/t";

    fn message(offset: u64, producer: &str, payload: usize) -> Result<StreamMessage, Status> {
        Ok(StreamMessage {
            payload: vec![u8::try_from(offset % 256).unwrap(); payload].into(),
            producer_name: producer.to_owned(),
            msg_id: Some(danube_core::proto::MsgId {
                topic_offset: offset,
                broker_addr: "http://one:6650".to_owned(),
                ..Default::default()
            }),
            ..StreamMessage::default()
        })
    }

    /// The chunk that is ready.
    fn take(chunks: &mut (impl Stream<Item = Result<Vec<Message>, BrokerFailure>> + Unpin)) -> Vec<Message> {
        chunks.next().now_or_never().expect("a chunk is ready").unwrap().unwrap()
    }

    fn offsets(chunk: &[Message]) -> Vec<u64> {
        chunk.iter().map(|message| message.token.offset).collect()
    }

    #[test]
    fn a_chunk_holds_the_messages_that_arrived_and_an_error_follows_them() {
        let (sender, receiver) = tokio::sync::mpsc::channel(8);
        let messages = stream::unfold(receiver, |mut receiver| async {
            let message = receiver.recv().await?;
            Some((message, receiver))
        });
        let mut chunks = ReadyChunks::new(&TOPIC.into(), Box::pin(messages));
        assert!(chunks.next().now_or_never().is_none());
        (0..3).for_each(|offset| sender.try_send(message(offset, "shop", 10)).unwrap());
        assert_eq!(offsets(&take(&mut chunks)), [0, 1, 2]);
        assert!(chunks.next().now_or_never().is_none(), "an empty chunk, or an end");
        sender.try_send(message(3, "shop", 10)).unwrap();
        sender.try_send(Err(Status::unavailable("moved"))).unwrap();
        assert_eq!(offsets(&take(&mut chunks)), [3]);
        let failure = chunks.next().now_or_never().unwrap().unwrap().unwrap_err();
        assert_eq!(failure, Status::unavailable("moved").into());
        assert!(chunks.next().now_or_never().unwrap().is_none(), "more after the error");
    }

    #[test]
    fn a_chunk_has_bounds() {
        let mut chunks =
            ReadyChunks::new(&TOPIC.into(), stream::iter((0..300).map(|offset| message(offset, "shop", 100))));
        assert_eq!((take(&mut chunks).len(), take(&mut chunks).len()), (256, 44));
        let mut chunks =
            ReadyChunks::new(&TOPIC.into(), stream::iter((0..9).map(|offset| message(offset, "shop", 300 * 1024))));
        assert_eq!([take(&mut chunks).len(), take(&mut chunks).len(), take(&mut chunks).len()], [4, 4, 1]);
    }

    #[test]
    fn small_payloads_share_a_buffer_and_sources_are_shared() {
        let producers = ["shop", "shop", "till", "till"];
        let sizes = [5, SMALL_PAYLOAD, SMALL_PAYLOAD + 1, 0];
        let messages: Vec<_> = (0..4)
            .map(|n| message(n, producers[usize::try_from(n).unwrap()], sizes[usize::try_from(n).unwrap()]))
            .collect();
        let large = messages[2].as_ref().unwrap().payload.as_ptr();
        let chunk = take(&mut ReadyChunks::new(&TOPIC.into(), stream::iter(messages)));
        let lengths: Vec<_> = chunk.iter().map(|message| message.payload.len()).collect();
        assert_eq!(lengths, sizes);
        assert!(chunk[1].payload.iter().all(|byte| *byte == 1));
        let next_to = chunk[0].payload.as_ptr().wrapping_add(5);
        assert_eq!(chunk[1].payload.as_ptr(), next_to, "no buffer is shared");
        assert_eq!(chunk[2].payload.as_ptr(), large, "a large payload was copied");
        let sources: Vec<_> = chunk.iter().map(|message| &message.token.source).collect();
        assert!(Arc::ptr_eq(sources[0], sources[1]) && Arc::ptr_eq(sources[2], sources[3]));
        assert_eq!((&*sources[1].producer, &*sources[2].producer, &*sources[3].topic), ("shop", "till", TOPIC));
    }
}
