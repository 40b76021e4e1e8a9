//! The conformance kit.

use std::time::Duration;

use danube_sink::testing::{Prepared, Subject, conforms, from_toml};
use serde_json::Value;

use super::{Engine, Opensearch, Process};

/// Numbers from here on are those of keys with versions.
const KEYS: u64 = 1_000_000;

/// An index of a server of its own.
struct Index {
    server: Process,
    engine: Engine,
    mapping: &'static str,
    idempotent: bool,
    /// Whether the id of a document is its number, so that a later one replaces it.
    replaces: bool,
}

impl Index {
    fn of(engine: Engine, mapping: &'static str) -> Self {
        Self { server: Process::start_of(engine), engine, mapping, idempotent: true, replaces: false }
    }

    fn block(&self, value: &str) {
        let settings = format!(r#"{{"index.blocks.write":{value}}}"#);
        self.server.ask("PUT", "/conforming/_settings", &settings);
    }
}

impl Subject for Index {
    type Connector = Opensearch;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Opensearch> {
        from_toml(&format!(
            "[opensearch]\napi.url = '{}'\n\n[[opensearch.topic_mappings]]\n\
             topic = '{topic}'\nsubscription = '{subscription}'\nindex = 'conforming'\n{}",
            self.server.url(),
            self.mapping
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"number":{number},"text":"here"}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        let documents = self.server.documents("conforming");
        let ours = documents.iter().filter(|document| document["text"] == "here");
        ours.filter_map(|document| document["number"].as_u64()).filter(|number| *number < KEYS).collect()
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        let number = KEYS + key;
        self.replaces.then(|| format!(r#"{{"number":{number},"version":{version}}}"#).into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        let pair = |document: &Value| Some((document["number"].as_u64()? - KEYS, document["version"].as_u64()?));
        let documents = self.server.documents("conforming");
        documents.iter().filter(|document| document["number"].as_u64() >= Some(KEYS)).filter_map(pair).collect()
    }

    /// Servers of other tests use the same machine.
    fn patience(&self) -> Duration {
        Duration::from_secs(240)
    }

    fn idempotent(&self) -> bool {
        self.idempotent
    }

    async fn take_away(&self) -> bool {
        let is_durable = self.engine == Engine::Elasticsearch;
        if is_durable {
            self.server.down("KILL");
        }
        is_durable
    }

    async fn refuse_all(&self) -> bool {
        let can_block = self.engine == Engine::Elasticsearch;
        if can_block {
            self.block("true");
        }
        can_block
    }

    async fn give_back(&self) {
        if self.server.try_call("GET", "/", "").is_none() {
            self.server.up();
        } else {
            self.block("null");
        }
    }
}

/// A later document replaces an earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_documents_that_replace_earlier_ones() {
    conforms(Index { replaces: true, ..Index::of(Engine::Elasticsearch, "id = '{/number}'") }).await.assert();
}

/// In memory, so that it cannot be killed.
#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_the_ids_of_records_and_an_emulation_of_opensearch() {
    conforms(Index::of(Engine::Osmem, "id = '{id}'\nop_type = 'create'")).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms_with_automatic_ids() {
    conforms(Index { idempotent: false, ..Index::of(Engine::Osmem, "") }).await.assert();
}
