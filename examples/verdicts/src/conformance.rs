//! The conformance kit, and a batch with each verdict.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use danube_sink::{
    prelude::*,
    testing::{HttpReply, HttpRequest, HttpServer, Prepared, Subject, attempt, conforms, from_toml},
};

use super::Verdicts;

/// A scripted API, and the ids of the documents that it has stored.
struct BulkApi {
    server: HttpServer,
    stored: Arc<Mutex<BTreeSet<u64>>>,
    forbids: Arc<Mutex<bool>>,
}

impl BulkApi {
    fn start() -> Self {
        let (stored, forbids) = (Arc::<Mutex<BTreeSet<_>>>::default(), Arc::<Mutex<bool>>::default());
        let (to, forbidden) = (Arc::clone(&stored), Arc::clone(&forbids));
        let store = move |request: &HttpRequest| {
            if *forbidden.lock().expect("no panic") {
                return HttpReply::status(403, "the key has expired");
            }
            let mut stored = to.lock().expect("no panic");
            let items: Vec<_> = request.text().lines().map(|line| item(status(line, &mut stored))).collect();
            HttpReply::status(200, format!(r#"{{"items":[{}]}}"#, items.join(",")))
        };
        Self { server: HttpServer::start(store).expect("a free port"), stored, forbids }
    }
}

fn item(status: u16) -> String {
    format!(r#"{{"status":{status}}}"#)
}

/// Stores a document, if it has a number as its id.
fn status(line: &str, stored: &mut BTreeSet<u64>) -> u16 {
    let document: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    let Some(id) = document["id"].as_u64() else { return 400 };
    stored.insert(id);
    201
}

impl Subject for BulkApi {
    type Connector = Verdicts;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Verdicts> {
        let url = self.server.url();
        from_toml(&format!(
            "[verdicts]\napi.url = '{url}/bulk'\n\n[[verdicts.topic_mappings]]\ntopic = '{topic}'\n\
             subscription = '{subscription}'\nindex = 'places'\n"
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"id":{number}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        self.stored.lock().expect("no panic").iter().copied().collect()
    }

    async fn take_away(&self) -> bool {
        self.server.stop();
        true
    }

    async fn refuse_all(&self) -> bool {
        *self.forbids.lock().expect("no panic") = true;
        true
    }

    async fn give_back(&self) {
        *self.forbids.lock().expect("no panic") = false;
        if self.server.is_stopped() {
            self.server.restart().await.expect("the port");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_conforms() {
    conforms(BulkApi::start()).await.assert();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_record_has_its_own_verdict() {
    let api = BulkApi::start();
    let (mut connector, core) = api.connector("/default/places", "verdicts").expect("a configuration");
    connector.initialize(core).await.expect("the API is there");
    let answers = |statuses: &[u16]| {
        let items: Vec<_> = statuses.iter().copied().map(item).collect();
        HttpReply::status(200, format!(r#"{{"items":[{}]}}"#, items.join(",")))
    };
    let records = || (0..4).map(|offset| SinkRecord::builder("/default/places").offset(offset).payload("{}").build());
    let mut write = async || attempt(Duration::from_secs(5), connector.process_batch(records().collect())).await;

    api.server.script([answers(&[201, 429, 400, 200])]);
    let error = write().await.expect_err("two of them are not stored");
    let ConnectorError::Partial(failure) = &error else { panic!("{error}") };
    assert_eq!((failure.retried().count(), failure.rejected().count()), (1, 1), "{error}");
    assert_eq!(api.server.requests()[0].uri, "/bulk?index=places");

    // Which of the records has no answer is not known.
    api.server.script([answers(&[201, 201, 201])]);
    let error = write().await.expect_err("an answer is missing");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");

    api.server.script([answers(&[200; 4])]);
    write().await.expect("all are stored");
}
