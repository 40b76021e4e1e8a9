//! A unary gRPC call whose answer says only whether it succeeded.
//!
//! tonic's own client allocates two buffers of 8 KiB and sends the end of the request in a frame of its own. A call here
//! is one data frame of prepared bytes, and its answer is read for its status alone.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::{FutureExt, future::Either};
use hyper::body::{Body as _, Frame, SizeHint};
use tonic::{
    Code, Status,
    body::Body,
    client::GrpcService,
    codegen::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header},
    transport::Channel,
};

/// The bytes of the prefix of a message: its compression flag, and its length.
const PREFIX: usize = 5;

/// A unary method, with the headers of its calls.
pub(super) struct Unary {
    path: Uri,
    headers: HeaderMap,
}

impl Unary {
    /// Calls of a method, written as `/package.Service/Method`.
    pub(super) fn new(method: &'static str, mut headers: HeaderMap) -> Self {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        Self { path: Uri::from_static(method), headers }
    }

    /// Makes a call with a [framed](frame) message.
    pub(super) fn call(
        &self,
        channel: &mut Channel,
        message: Bytes,
    ) -> impl Future<Output = Result<(), Status>> + Send + use<> {
        let mut request = Request::new(Body::new(Whole(Some(message))));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        // One handle of the channel serves all calls of a caller: each clone would allocate a semaphore permit.
        let sent = match ready(channel).now_or_never() {
            Some(Ok(())) => Either::Left(channel.call(request)),
            _ => {
                let mut own = channel.clone();
                Either::Right(async move {
                    ready(&mut own).await?;
                    own.call(request).await
                })
            }
        };
        async move {
            let response = sent.await.map_err(|error| Status::from_error(Box::new(error)))?;
            let (head, body) = response.into_parts();
            match Status::from_header_map(&head.headers) {
                Some(status) => answer(status),
                None if head.status != StatusCode::OK => Err(not_grpc(head.status)),
                None => trailers(body).await,
            }
        }
    }
}

/// Waits until the channel takes a call.
async fn ready(channel: &mut Channel) -> Result<(), tonic::transport::Error> {
    poll_fn(|cx| GrpcService::<Body>::poll_ready(channel, cx)).await
}

/// Frames a message with the prefix of gRPC, and splits it off the buffer.
pub(super) fn frame(buffer: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) -> Bytes {
    let start = buffer.len();
    buffer.put_bytes(0, PREFIX);
    write(buffer);
    let length = u32::try_from(buffer.len() - start - PREFIX).unwrap_or(u32::MAX);
    if let Some(prefix) = buffer.get_mut(start + 1..start + PREFIX) {
        prefix.copy_from_slice(&length.to_be_bytes());
    }
    buffer.split().freeze()
}

/// The status in the trailers of an answer.
async fn trailers(mut body: Body) -> Result<(), Status> {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        match frame.transpose()?.map(Frame::into_trailers) {
            Some(Ok(trailers)) => {
                return Status::from_header_map(&trailers).map_or_else(|| Err(no_status()), answer);
            }
            Some(Err(_data)) => {}
            None => return Err(no_status()),
        }
    }
}

fn answer(status: Status) -> Result<(), Status> {
    if status.code() == Code::Ok { Ok(()) } else { Err(status) }
}

fn no_status() -> Status {
    Status::unknown("the answer ended without a status")
}

/// The status for an answer that is not gRPC, such as a proxy's.
fn not_grpc(status: StatusCode) -> Status {
    let message = format!("the answer is {status}, not one of a broker");
    match status {
        StatusCode::UNAUTHORIZED => Status::unauthenticated(message),
        StatusCode::FORBIDDEN => Status::permission_denied(message),
        StatusCode::NOT_FOUND => Status::unimplemented(message),
        _ => Status::unknown(message),
    }
}

/// A body of one frame.
struct Whole(Option<Bytes>);

impl hyper::body::Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    /// Unknown, as tonic's bodies: otherwise a header would state the length.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
