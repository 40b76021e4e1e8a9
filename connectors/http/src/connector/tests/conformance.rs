//! The conformance kit.

use danube_sink::testing::{HttpReply, Prepared, Subject, conforms, from_toml};

use super::{Http, api::Api};

struct Conforming {
    api: Api,
    mapping: &'static str,
}

impl Subject for Conforming {
    type Connector = Http;

    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Http> {
        let (url, mapping) = (self.api.url(), self.mapping);
        from_toml(&format!(
            "[http]\napi.url = '{url}'\n\n[[http.topic_mappings]]\ntopic = '{topic}'\n\
             subscription = '{subscription}'\n{mapping}\n"
        ))
    }

    fn payload(&self, number: u64) -> Vec<u8> {
        format!(r#"{{"number":{number}}}"#).into_bytes()
    }

    async fn held(&self) -> Vec<u64> {
        self.api.numbers()
    }

    fn version(&self, key: u64, version: u64) -> Option<Vec<u8>> {
        let replaces = self.mapping.contains("PUT");
        replaces.then(|| format!(r#"{{"number":{key},"version":{version}}}"#).into_bytes())
    }

    async fn versions(&self) -> Vec<(u64, u64)> {
        self.api.versions()
    }

    async fn take_away(&self) -> bool {
        self.api.stop();
        true
    }

    async fn refuse_all(&self) -> bool {
        self.api.always(HttpReply::status(403, "the key has expired"));
        true
    }

    async fn give_back(&self) {
        self.api.always(None);
        if self.api.is_stopped() {
            self.api.restart().await.expect("the port");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_each_record_conforms() {
    let mapping = "method = 'PUT'\npath = '/things/{/number}'\nsubscription_type = 'Exclusive'";
    conforms(Conforming { api: Api::start(), mapping }).await.assert();
}

/// Without an order, and without templates.
#[tokio::test(flavor = "multi_thread")]
async fn concurrent_requests_conform() {
    conforms(Conforming { api: Api::start(), mapping: "" }).await.assert();
}

/// A batch may be retried with other records: the id of each makes the write idempotent.
#[tokio::test(flavor = "multi_thread")]
async fn arrays_conform() {
    let mapping = "body = 'json_array'\nmetadata = ['id']";
    conforms(Conforming { api: Api::start(), mapping }).await.assert();
}
