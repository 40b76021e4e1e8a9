//! Sends records to a bulk HTTP API that answers for each of them: `cargo run -p verdicts --example api` starts one, then
//! `cargo run -p verdicts -- dev`
//!
//! It shows a verdict for each record: a document is stored, retried or rejected by itself, whatever becomes of the others.
//!
//! ```text
//! POST /bulk?index=places                           {"items":[{"status":201},
//! {"id":"ci1","place":"Castaic"}         ──▶                  {"status":429},
//! {"id":"ci2","place":"San Marino"}                           {"status":400}]}
//! {"id":3}
//! ```

#[cfg(test)]
mod conformance;

use danube_sink::prelude::*;
use danube_sink_http::{Api, Client, reqwest};
use serde::Deserialize;

/// Sends the records of each topic to an index of a bulk API.
#[sink_connector(config = "connector.toml", dev_hint = "The API has printed the places")]
struct Verdicts {
    /// The API; its `url` takes bulk requests.
    api: Api,
    /// Credential for the API.
    #[setting(secret)]
    secret: Option<Secret>,
    /// The topics to read, and the index for each.
    #[topic_mappings]
    topics: TopicMappings<Index>,
    #[state]
    client: Late<Client>,
}

/// Settings of a topic mapping.
#[derive(TopicMapping)]
struct Index {
    /// Name of the index that the documents go to.
    index: String,
}

/// The answer to a batch: an item for each document, in their order.
#[derive(Deserialize)]
struct Bulk {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    status: u16,
}

impl Item {
    /// What an item means for its record. A text of the API may repeat values of the record, so reasons leave it out.
    fn verdict(self) -> Verdict {
        let status = self.status;
        match status {
            200..=299 => Verdict::Written,
            429 | 500..=599 => Verdict::Retry(format!("the API answered {status} for the document")),
            _ => Verdict::Rejected(format!("the API answered {status} for the document")),
        }
    }
}

#[sink_connector]
impl SinkConnector for Verdicts {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let client = self.api.client(reqwest::Client::builder(), self.secret.as_ref(), config.write_timeout)?;
        let help = "no API: start one with `cargo run -p verdicts --example api`, or correct `url`";
        client.is_there_at_start("", help).await?;
        self.client = Late::new(client);
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut batch = self.topics.batch(records)?;
        let lines = Joined { open: "", between: "\n", close: "\n" };
        let body = batch.joined(lines, |_, record, line| {
            line.extend_from_slice(record.as_json()?.as_bytes());
            Ok(())
        })?;
        let mut url = self.client.url().clone();
        url.query_pairs_mut().append_pair("index", &batch.own().index);
        let answer =
            self.client.send("send documents", self.client.request(reqwest::Method::POST, url).body(body)).await?;
        // Another status than 2xx is about the request, not about one of its records.
        if let Err(error) = answer.judged("send documents") {
            return batch.finish(Err(error));
        }
        let unreadable = || ConnectorError::retryable("the answer to the documents cannot be read");
        let bulk: Bulk = answer.json().ok_or_else(unreadable)?;
        batch.answered(bulk.items, Item::verdict)
    }
}
