//! Broker failures: errors of the client, classified by what to do about them, with a one-line message.

use std::error::Error;

use danube_client::errors::DanubeError;
use tonic::{Code, Status};

use crate::{
    credentials::{missing_permission, tls_reason},
    pipeline::{BrokerFailure, FailureKind},
};

impl BrokerFailure {
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Refused, message)
    }

    /// Whether the connection failed, and not the broker's answer.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self.kind, FailureKind::Unreachable | FailureKind::Untrusted)
    }

    /// Adds the address of the broker that did not answer.
    pub(crate) fn at(mut self, address: &str) -> Self {
        let what = match self.kind {
            FailureKind::Unreachable => "no broker at",
            FailureKind::Untrusted => "no TLS connection to",
            _ => return self,
        };
        // The peer accepted the connection, and then nothing that was sent.
        if address.starts_with("http://") && self.message.contains("connection error: ") {
            self.message
                .push_str("; if the broker takes TLS connections only, begin `danube_service_url` with `https`");
        }
        if !self.message.contains(address) {
            self.message = format!("{what} {address}: {}", self.message);
        }
        self
    }
}

impl From<Status> for BrokerFailure {
    fn from(status: Status) -> Self {
        if let Some(reason) = tls_reason(&status) {
            return Self::new(FailureKind::Untrusted, reason);
        }
        if let (Code::PermissionDenied, Some(right)) = (status.code(), missing_permission(status.message())) {
            return Self::refused(right);
        }
        let kind = match status.code() {
            // Without a source, the broker itself answers so, for a topic that is being moved.
            Code::Unavailable if status.source().is_none() => FailureKind::Moved,
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown => FailureKind::Unreachable,
            Code::NotFound => FailureKind::Missing,
            Code::Unauthenticated => FailureKind::Unauthenticated,
            code if refuses_size(code, status.message()) => FailureKind::TooLarge,
            Code::PermissionDenied | Code::InvalidArgument | Code::AlreadyExists => FailureKind::Refused,
            _ => FailureKind::Moved,
        };
        let below = status.source().map(chain).unwrap_or_default();
        match (status.message(), below.as_str()) {
            ("", "") => Self::new(kind, status.code().description()),
            (text, "") => Self::new(kind, text),
            ("", below) => Self::new(kind, below),
            (text, below) if below.contains(text) => Self::new(kind, below),
            (text, below) => Self::new(kind, format!("{text}: {below}")),
        }
    }
}

/// Whether an answer refuses a message for its size: by the limit of the broker's gRPC server, of a proxy's, or by the policy
/// `max_message_size` of the topic.
fn refuses_size(code: Code, message: &str) -> bool {
    match code {
        Code::OutOfRange => true,
        Code::ResourceExhausted => message.contains("larger than max") || message.contains("too large"),
        Code::InvalidArgument => message.starts_with("Message size ") && message.contains(" exceeds maximum "),
        _ => false,
    }
}

impl From<DanubeError> for BrokerFailure {
    fn from(error: DanubeError) -> Self {
        match error {
            DanubeError::FromStatus(status) => status.into(),
            DanubeError::TonicTransportError(error) => match tls_reason(&error) {
                Some(reason) => Self::new(FailureKind::Untrusted, reason),
                None => Self::new(FailureKind::Unreachable, chain(&error)),
            },
            // The broker's answer for an unknown topic.
            DanubeError::Unrecoverable(text) => Self::new(FailureKind::Missing, text),
            other => Self::refused(chain(&other)),
        }
    }
}

/// The error with all its sources: tonic's own text is only "transport error".
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        below = error.source();
    }
    text.trim_start_matches("transport error: ").to_owned()
}
