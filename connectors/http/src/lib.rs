//! Sends records of Danube topics to any HTTP API ([`Http`], the program `danube-sink-http`), and has what connectors to HTTP
//! APIs share: connection settings, a client, the meaning of responses for the records, and path and header templates that each
//! record fills in.
//!
//! ```no_run
//! use danube_sink::{config::Diagnostics, prelude::*};
//! use danube_sink_http::{Api, Client, reqwest};
//! use reqwest::Method;
//!
//! /// Posts the records of each topic, a batch as lines of JSON.
//! #[sink_connector(name = "post", validate_external = Self::has_its_token_and_files)]
//! struct Post {
//!     /// The API that the records go to.
//!     api: Api,
//!     /// The API token.
//!     #[setting(secret)]
//!     token: Option<Secret>,
//!     #[topic_mappings]
//!     topics: TopicMappings,
//!     #[state]
//!     client: Late<Client>,
//! }
//!
//! impl Post {
//!     fn has_its_token_and_files(&self) -> Result<(), Diagnostics> {
//!         self.api.validate_external("api", self.token.as_ref(), "POST_TOKEN")
//!     }
//! }
//!
//! #[sink_connector]
//! impl SinkConnector for Post {
//!     async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
//!         let client = self.api.client(reqwest::Client::builder(), self.token.as_ref(), config.write_timeout)?;
//!         client.is_there_at_start("", "no API: start it, or correct `url`").await?;
//!         self.client = Late::new(client);
//!         Ok(())
//!     }
//!
//!     async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
//!         let mut batch = self.topics.batch(records)?;
//!         let lines = batch.joined(Joined { open: "", between: "\n", close: "\n" }, |_, record, lines| {
//!             lines.extend_from_slice(record.json().as_bytes());
//!             Ok(())
//!         })?;
//!         let request = self.client.request(Method::POST, self.client.url().clone()).body(lines);
//!         batch.finish(self.client.send("post a batch", request).await?.judged("post a batch"))
//!     }
//! }
//! ```
//!
//! The table `[post.api]` then has the keys of [`Api`]. [`Path`], [`Headers`] and [`Answers`] are settings of a mapping. The HTTP
//! client is [`reqwest`] 0.13.

#![warn(missing_docs)]

mod answer;
mod answers;
mod api;
mod client;
mod compression;
mod connector;
mod excerpt;
mod headers;
mod hosts;
mod oauth2;
mod path;
mod secrets;

pub use reqwest;

pub use self::{
    answer::Answer,
    answers::{Answers, FilledIn, Statuses, usual, verdicts},
    api::Api,
    client::Client,
    compression::Compression,
    connector::Http,
    headers::Headers,
    hosts::Hosts,
    oauth2::OAuth2,
    path::Path,
};
