//! What connectors have in common whose target is reached over HTTP: where it is and by what it knows the connector, as a
//! table of settings; requests; what an answer means for the records; paths and headers that each record fills in.
//!
//! ```no_run
//! use danube_sink::prelude::*;
//! use danube_sink_http::{Api, Client, Path, reqwest};
//! use reqwest::Method;
//!
//! /// Puts the records of each topic where a path says.
//! #[sink_connector(name = "put")]
//! struct Put {
//!     /// The API that the records go to.
//!     api: Api,
//!     /// The token by which the API knows the connector.
//!     #[setting(secret)]
//!     token: Option<Secret>,
//!     #[topic_mappings]
//!     topics: TopicMappings<To>,
//!     #[state]
//!     client: Option<Client>,
//! }
//!
//! #[derive(TopicMapping)]
//! struct To {
//!     /// Path and query, such as `/users/{/user/id}`.
//!     path: Path,
//! }
//!
//! #[sink_connector]
//! impl SinkConnector for Put {
//!     async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
//!         let client = self.api.client(reqwest::Client::builder(), self.token.as_ref(), config.write_timeout / 2)?;
//!         client.is_there("").await.initialization("ask the API")?;
//!         self.client = Some(client);
//!         Ok(())
//!     }
//!
//!     async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
//!         let path = &self.topics.for_record(&records[0])?.path;
//!         let client = self.client.as_ref().ok_or_else(|| ConnectorError::fatal("not initialized"))?;
//!         for record in &records {
//!             let request = client.request(Method::PUT, path.behind(client.url(), record)?);
//!             client.send("put a record", request.body(record.bytes().to_vec())).await?.judged("put a record")?;
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! The table `[put.api]` then has the keys of [`Api`]. [`reqwest`] is the HTTP client, of version 0.13.

#![warn(missing_docs)]

mod answer;
mod api;
mod client;
mod headers;
mod path;

pub use reqwest;

pub use self::{answer::Answer, api::Api, client::Client, headers::Headers, path::Path};
