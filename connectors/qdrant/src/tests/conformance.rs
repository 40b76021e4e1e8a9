//! The conformance kit.

use std::time::Duration;

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};
use serde_json::{Value, json};

use super::{Process, Qdrant};

/// Numbers from here on are those of keys with versions.
const KEYS: u64 = 1_000_000;

/// A collection of a server of its own.
struct Conforming {
    server: Process,
    collection: &'static str,
    mapping: &'static str,
}

impl Conforming {
    /// The number and the version of each point.
    fn numbers(&self) -> Vec<(u64, Option<u64>)> {
        let number = |value: &Value| value.as_u64().unwrap_or(u64::MAX);
        let points = self.server.points(self.collection);
        points
            .iter()
            .map(|point| &point["payload"])
            .map(|payload| (number(&payload["number"]), payload["version"].as_u64()))
            .collect()
    }
}

impl Subject for Conforming {
    type Connector = Qdrant;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Qdrant> {
        from_toml(&format!(
            "[qdrant]\napi.url = '{}'\n\n[[qdrant.topic_mappings]]\ntopic = '{topic}'\nsubscription = '{subscription}'\n{}\n\
             [qdrant.topic_mappings.create]\nvectors = {{ size = 2, distance = 'Dot' }}\n",
            self.server.url(),
            self.mapping
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        json!({ "number": number, "vector": [number, 1] }).to_string().into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        self.numbers()
            .into_iter()
            .filter(|(number, version)| *number < KEYS && version.is_none())
            .map(|(number, _)| number)
            .collect()
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        let replaces = self.mapping.contains("'/number'");
        replaces.then(|| json!({ "number": KEYS + key, "vector": [1, 1], "version": version }).to_string().into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        self.numbers().into_iter().filter_map(|(number, version)| Some((number.checked_sub(KEYS)?, version?))).collect()
    }

    /// Servers of other tests use the same machine.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    async fn take_away(&self) -> bool {
        self.server.down("KILL");
        true
    }

    async fn refuse_all(&self) -> bool {
        self.server.answer(&json!([403, "Storage locked: Service is locked"]));
        true
    }

    async fn give_back(&self) {
        // A server that was killed has forgotten what it was to answer.
        self.server.down("KILL");
        self.server.up();
    }
}

/// A later point replaces an earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_ids_of_payloads() {
    let mapping = "collection_name = 'c'\nid = '/number'\npayload = ''";
    conforms(Conforming { server: Process::start(), collection: "c", mapping }).await.assert();
}

/// Ids of records, any order, and a collection that each record names.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_ids_of_records_and_collections_by_content() {
    let mapping = "collection_name = 'c{/vector/1}'\nid = 'id'\npayload = ''\nsubscription_type = 'Shared'";
    conforms(Conforming { server: Process::start(), collection: "c1", mapping }).await.assert();
}
