//! gRPC services of the broker: map calls to operations of topics, and failures to the real broker's status codes.

mod admin;
mod consumer;
mod discovery;
mod health;
mod producer;
mod registry;

use std::net::SocketAddr;
use std::sync::Arc;

use tonic::{Response, Status};

use super::access::Gate;
use super::topics::{Topics, is_topic_name};

/// State of every service.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) topics: Arc<Topics>,
    pub(crate) address: SocketAddr,
    pub(crate) gate: Gate,
}

impl Service {
    fn url(&self) -> String {
        self.topics.options.url(self.address)
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

type Answer<T> = Result<Response<T>, Status>;

fn unsupported<T>(what: &str) -> Answer<T> {
    Err(Status::unimplemented(format!("the embedded broker does not {what}")))
}
