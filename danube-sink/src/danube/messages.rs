//! The stream of a consumer's messages.
//!
//! tonic's own stream copies what arrives into a buffer of 8 to 32 KiB, which each partition keeps while it waits. Here
//! messages are decoded in the frames that they arrive in, and only one that is split between frames is copied.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use danube_core::proto::StreamMessage;
use futures_util::Stream;
use http_body_util::Full;
use prost::Message;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        Body as _, Service,
        http::{HeaderMap, StatusCode, Uri},
    },
    transport::Channel,
};

use danube_client::BrokerAddress;

use super::{
    http2::broken,
    security::Security,
    transport::Transport,
    unary::{self, PREFIX},
};
use crate::pipeline::BrokerFailure;

/// The largest message to accept. Brokers take 4 MiB by default, and more if configured; this only guards against a broken
/// peer.
const LARGEST_MESSAGE: usize = 128 * 1024 * 1024;

/// How long a connection may be silent before a ping. While nothing is published, only pings show that it is dead: a firewall
/// may have forgotten it, and the broker would go on counting deliveries into it.
const PING_AFTER: Duration = Duration::from_secs(5);

/// How long the answer to a ping may take. It comes behind the messages that are on the way.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection for streams of messages.
#[derive(Clone)]
pub(super) struct MessageChannel(pub(super) Channel);

impl Transport for MessageChannel {
    async fn open(security: &Security, address: &BrokerAddress) -> Result<Self, BrokerFailure> {
        let endpoint = Channel::builder(address.connect_url.clone())
            .http2_keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_TIMEOUT)
            .keep_alive_while_idle(true);
        let endpoint = match security.channel_tls()? {
            Some(tls) => endpoint.tls_config(tls).map_err(|error| broken(&error))?,
            None => endpoint,
        };
        Ok(Self(endpoint.connect().await.map_err(|error| broken(&error))?))
    }
}

/// The messages that a broker streams.
pub(super) struct Messages {
    body: Body,
    /// The unread rest of the last frame.
    frame: Bytes,
    /// The beginning of a message that continues in the next frame, with its prefix.
    partial: BytesMut,
}

impl Messages {
    /// Calls a method, written as `/package.Service/Method`, that answers with a stream of messages.
    pub(super) async fn open(
        mut channel: Channel,
        method: &'static str,
        headers: HeaderMap,
        request: impl Message,
    ) -> Result<Self, Status> {
        let message = unary::frame(&mut BytesMut::new(), |buffer| unary::encode(&request, buffer));
        let request =
            unary::request(Uri::from_static(method), unary::with_grpc(headers), Body::new(Full::new(message)));
        poll_fn(|cx| channel.poll_ready(cx)).await.map_err(|error| Status::from_error(error.into()))?;
        let response = channel.call(request).await.map_err(|error| Status::from_error(error.into()))?;
        let (head, body) = response.into_parts();
        match Status::from_header_map(&head.headers) {
            Some(status) if status.code() != Code::Ok => Err(status),
            None if head.status != StatusCode::OK => Err(unary::not_grpc(head.status)),
            _ => Ok(Self::of(body)),
        }
    }

    fn of(body: Body) -> Self {
        Self { body, frame: Bytes::new(), partial: BytesMut::new() }
    }

    /// Decodes the next message, if all of it has arrived.
    fn decode(&mut self) -> Result<Option<StreamMessage>, Status> {
        if self.partial.is_empty()
            && let Some(length) = length(&self.frame)?.filter(|length| *length <= self.frame.len())
        {
            return decoded(self.frame.split_to(length));
        }
        while !self.frame.is_empty() {
            // First the prefix, then what it announces.
            let wanted = length(&self.partial)?.unwrap_or(PREFIX) - self.partial.len();
            self.partial.reserve(wanted);
            self.partial.extend_from_slice(&self.frame.split_to(wanted.min(self.frame.len())));
            if length(&self.partial)? == Some(self.partial.len()) {
                return decoded(std::mem::take(&mut self.partial).freeze());
            }
        }
        Ok(None)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<StreamMessage>, Status>> {
        loop {
            if let Some(message) = self.decode()? {
                return Poll::Ready(Ok(Some(message)));
            }
            let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()? else { break };
            match frame.into_data() {
                Ok(data) => self.frame = data,
                Err(frame) => {
                    let status = frame.trailers_ref().and_then(Status::from_header_map);
                    match status.filter(|status| status.code() != Code::Ok) {
                        Some(status) => return Poll::Ready(Err(status)),
                        None => break,
                    }
                }
            }
        }
        if self.partial.is_empty() {
            return Poll::Ready(Ok(None));
        }
        Poll::Ready(Err(Status::internal("the broker's stream ended within a message")))
    }
}

impl Stream for Messages {
    type Item = Result<StreamMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.poll(cx);
        if let Poll::Ready(Err(_)) = polled {
            // Nothing follows an error.
            *self = Self::of(Body::empty());
        }
        polled.map(Result::transpose)
    }
}

/// The length of a message with its prefix; `None` if the prefix is not complete.
fn length(bytes: &[u8]) -> Result<Option<usize>, Status> {
    let Some(&[compression, length @ ..]) = bytes.first_chunk::<PREFIX>() else { return Ok(None) };
    let length = u32::from_be_bytes(length) as usize;
    if compression != 0 {
        return Err(Status::internal("the broker compressed a message, although this client accepts no compression"));
    }
    if length > LARGEST_MESSAGE {
        return Err(Status::out_of_range(format!(
            "a message of {length} bytes is longer than the limit of {LARGEST_MESSAGE} bytes"
        )));
    }
    Ok(Some(PREFIX + length))
}

fn decoded(mut message: Bytes) -> Result<Option<StreamMessage>, Status> {
    let message = message.split_off(PREFIX);
    StreamMessage::decode(message).map(Some).map_err(|error| Status::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{FutureExt, StreamExt, stream};
    use http_body_util::StreamBody;
    use hyper::body::Frame;
    use proptest::prelude::*;

    use super::*;

    fn message(length: usize) -> StreamMessage {
        StreamMessage { payload: vec![7; length].into(), producer_name: "shop".to_owned(), ..StreamMessage::default() }
    }

    fn encoded(lengths: &[usize]) -> Bytes {
        let frames = lengths
            .iter()
            .map(|length| unary::frame(&mut BytesMut::new(), |buffer| unary::encode(&message(*length), buffer)));
        frames.collect::<Vec<_>>().concat().into()
    }

    /// The messages of a body of these frames.
    fn messages(frames: Vec<Frame<Bytes>>) -> Vec<Result<StreamMessage, Status>> {
        let frames = frames.into_iter().map(Ok::<_, Infallible>);
        Messages::of(Body::new(StreamBody::new(stream::iter(frames)))).collect().now_or_never().unwrap()
    }

    fn trailers(status: &'static str) -> Frame<Bytes> {
        Frame::trailers([(unary::STATUS, status.parse().unwrap())].into_iter().collect())
    }

    proptest! {
        #[test]
        fn messages_are_those_that_were_sent_however_frames_split_them(
            lengths in prop::collection::vec(0..40_usize, 0..6), cuts in prop::collection::vec(1..30_usize, 0..20),
        ) {
            let mut bytes = encoded(&lengths);
            let mut frames: Vec<_> = cuts.iter().map(|cut| bytes.split_to((*cut).min(bytes.len()))).collect();
            frames.push(bytes);
            let frames = frames.into_iter().map(Frame::data).chain([trailers("0")]).collect();
            let received: Vec<_> = messages(frames).into_iter().map(Result::unwrap).collect();
            prop_assert_eq!(received, lengths.into_iter().map(message).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_follows_the_messages_before_it() {
        let whole = || Frame::data(encoded(&[3]));
        let half = || Frame::data(encoded(&[3]).slice(..9));
        let large = || Frame::data(Bytes::from_static(&[0, 255, 0, 0, 0]));
        for (frames, code) in [
            (vec![whole(), trailers("14")], Code::Unavailable),
            (vec![whole(), half()], Code::Internal),
            (vec![whole(), large()], Code::OutOfRange),
            (vec![whole(), Frame::data(Bytes::from_static(&[1, 0, 0, 0, 0]))], Code::Internal),
        ] {
            let received = messages(frames);
            assert_eq!(received[0].as_ref().unwrap(), &message(3));
            assert_eq!((received.len(), received[1].as_ref().unwrap_err().code()), (2, code));
        }
    }

    #[test]
    fn nothing_is_kept_between_messages() {
        let frames = [Frame::data(encoded(&[3, 5]))].map(Ok::<_, Infallible>);
        let body = StreamBody::new(stream::iter(frames).chain(stream::pending()));
        let mut messages = Messages::of(Body::new(body));
        assert_eq!((&mut messages).take(2).count().now_or_never(), Some(2));
        assert!(messages.next().now_or_never().is_none());
        assert_eq!((messages.frame.len(), messages.partial.capacity()), (0, 0));
    }
}
