//! What a connection is made of: tonic's channel, or an HTTP/2 connection of our own.

use std::future::Future;

use danube_client::BrokerAddress;

use super::security::Security;
use crate::pipeline::BrokerFailure;

/// A transport: how calls of a connection are made.
pub(super) trait Transport: Clone + Send {
    /// Opens a connection.
    fn open(security: &Security, address: &BrokerAddress) -> impl Future<Output = Result<Self, BrokerFailure>> + Send;

    /// Whether the connection has ended, and does not reconnect.
    fn is_closed(&self) -> bool {
        false
    }
}
