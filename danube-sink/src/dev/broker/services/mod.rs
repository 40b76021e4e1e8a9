//! The broker's gRPC services: each turns calls into what the topics do, and refusals into the
//! real broker's status codes.

mod admin;
mod consumer;
mod discovery;
mod health;
mod producer;
mod registry;

use std::net::SocketAddr;
use std::sync::Arc;

use tonic::Status;

use super::access::Gate;
use super::server;
use super::topics::{Topics, is_topic_name};

/// What every service needs.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) topics: Arc<Topics>,
    pub(crate) address: SocketAddr,
    pub(crate) gate: Gate,
}

impl Service {
    fn url(&self) -> String {
        server::url(&self.topics.options, self.address)
    }
}

fn check_name(topic: &str) -> Result<(), Status> {
    if is_topic_name(topic) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "The topic: {topic} has an invalid format, should be: /namespace_name/topic_name"
    )))
}

fn unknown_topic(topic: &str) -> Status {
    Status::not_found(format!("Unable to find the topic: {topic}"))
}
