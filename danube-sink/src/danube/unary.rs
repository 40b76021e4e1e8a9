//! Unary gRPC calls on an HTTP/2 connection.
//!
//! tonic's own client allocates two buffers of 8 KiB and sends the end of the request in a frame of its own. A call here
//! is one data frame of prepared bytes.

use std::future::Future;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use prost::Message;
use tonic::{
    Code, Status,
    codegen::http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header, uri::PathAndQuery,
    },
};

use super::{
    connection::Link,
    http2::{Http2, broken},
};
use crate::pipeline::BrokerFailure;

/// The bytes of the prefix of a message: its compression flag, and its length.
pub(super) const PREFIX: usize = 5;
pub(super) const STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// A unary method, with the URL and headers of its calls.
pub(super) struct Unary {
    url: Uri,
    headers: HeaderMap,
}

impl Unary {
    /// Calls of a method, written as `/package.Service/Method`.
    pub(super) fn new(link: &Link<Http2>, method: &'static str) -> Result<Self, BrokerFailure> {
        let mut url = link.connect_url().clone().into_parts();
        url.path_and_query = Some(PathAndQuery::from_static(method));
        let url = Uri::from_parts(url).map_err(|error| BrokerFailure::refused(error.to_string()))?;
        Ok(Self { url, headers: with_grpc(link.headers()?) })
    }

    /// Makes a call with a [framed](frame) message, on a sender that is ready. Returns the bytes of the answer.
    pub(super) fn call(
        &self,
        sender: &mut SendRequest<Bytes>,
        message: Bytes,
    ) -> impl Future<Output = Result<Bytes, BrokerFailure>> + Send + use<> {
        let sent = sender.send_request(request(self.url.clone(), self.headers.clone(), ()), false).and_then(
            |(response, mut body)| {
                body.send_data(message, true)?;
                Ok(response)
            },
        );
        async move {
            let response = sent.map_err(|error| broken(&error))?.await.map_err(|error| broken(&error))?;
            let (head, mut body) = response.into_parts();
            if head.headers.contains_key(STATUS) {
                return status(&head.headers).map(|()| Bytes::new());
            }
            if head.status != StatusCode::OK {
                return Err(not_grpc(head.status).into());
            }
            let mut answer = Bytes::new();
            while let Some(data) = body.data().await {
                let data = data.map_err(|error| broken(&error))?;
                body.flow_control().release_capacity(data.len()).map_err(|error| broken(&error))?;
                answer = if answer.is_empty() { data } else { [answer, data].concat().into() };
            }
            let trailers = body.trailers().await.map_err(|error| broken(&error))?;
            status(&trailers.unwrap_or_default()).map(|()| answer)
        }
    }
}

impl Link<Http2> {
    /// Makes one call, with a timeout.
    pub(super) async fn unary<A: Message + Default>(
        &self,
        method: &'static str,
        request: impl Message,
    ) -> Result<A, BrokerFailure> {
        let method = Unary::new(self, method)?;
        let message = frame(&mut BytesMut::new(), |buffer| encode(&request, buffer));
        let call = async {
            let mut sender = self.transport.sender.clone().ready().await.map_err(|error| broken(&error))?;
            let answer = method.call(&mut sender, message).await?;
            A::decode(answer.get(PREFIX..).unwrap_or_default())
                .map_err(|error| BrokerFailure::refused(error.to_string()))
        };
        self.call(call).await
    }
}

/// Adds the headers of gRPC.
pub(super) fn with_grpc(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers
}

/// The HTTP request of a call.
pub(super) fn request<B>(url: Uri, headers: HeaderMap, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = url;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = headers;
    request
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

/// Encodes a message into a buffer, which grows as needed, so that it cannot fail.
pub(super) fn encode(message: &impl Message, buffer: &mut BytesMut) {
    buffer.reserve(message.encoded_len());
    let _ = message.encode(buffer);
}

/// The status in the headers or trailers of an answer.
fn status(headers: &HeaderMap) -> Result<(), BrokerFailure> {
    if headers.get(STATUS).is_some_and(|status| status == "0") {
        return Ok(());
    }
    let status =
        Status::from_header_map(headers).unwrap_or_else(|| Status::unknown("the answer ended without a status"));
    if status.code() == Code::Ok { Ok(()) } else { Err(status.into()) }
}

/// The status for an answer that is not gRPC, such as a proxy's.
pub(super) fn not_grpc(status: StatusCode) -> Status {
    let message = format!("the answer is {status}, not one of a broker");
    match status {
        StatusCode::UNAUTHORIZED => Status::unauthenticated(message),
        StatusCode::FORBIDDEN => Status::permission_denied(message),
        StatusCode::NOT_FOUND => Status::unimplemented(message),
        _ => Status::unknown(message),
    }
}
