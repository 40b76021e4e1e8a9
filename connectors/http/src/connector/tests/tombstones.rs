//! Tombstones: empty payloads with a routing key.

use danube_sink::{SinkConnector, SinkRecord, testing::HttpReply};

use super::{
    TOPIC,
    api::{Api, key},
    connected, load, rejected, report, toml, with,
};

const UPSERT: &str = "method = 'PUT'\npath = '/users/{key}?by={attribute:by}'\nsubscription_type = 'Exclusive'";

fn delete(more: &str) -> String {
    format!("{UPSERT}\ntombstones = 'delete'\n{more}")
}

fn keyed(key: &str, payload: &'static str) -> SinkRecord {
    SinkRecord::builder(TOPIC).key(key).attribute("by", "me").payload(payload).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_rejected_alone_by_default() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", UPSERT), &[]).await;
    let batch = vec![keyed("a", "{}"), keyed("b", ""), keyed("c", "{}")];
    let (count, reason) = rejected(sink.process_batch(batch).await);
    assert!(count == 1 && reason.contains("not JSON"), "{reason}");
    let uris: Vec<_> = api.requests().into_iter().map(|seen| seen.uri).collect();
    assert_eq!(uris, ["/users/a?by=me", "/users/c?by=me"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_sends_delete_without_a_body() {
    for mapping in ["", "body = 'bytes'", "body = 'json_array'", "body = 'ndjson'", "envelope = { user = '{record}' }"]
    {
        let api = Api::start();
        let mapping = delete(&format!("{mapping}\nheaders = {{ x-user = '{{key}}' }}"));
        let mut sink = connected(&toml(&api, "compression = 'gzip'", &mapping), &[]).await;
        let tombstone = keyed("a/b", "");
        let id = tombstone.id().to_string();
        sink.process_batch(vec![tombstone]).await.expect("taken");
        let [seen] = &api.requests()[..] else { panic!("{mapping}: one request") };
        assert_eq!((seen.method.as_str(), seen.uri.as_str()), ("DELETE", "/users/a%2Fb?by=me"));
        assert_eq!((seen.header("x-user"), key(seen), seen.text().as_ref()), ("a/b", id.as_str(), ""), "{mapping}");
        assert!(["content-type", "content-encoding"].iter().all(|name| seen.header(name).is_empty()), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_stands_in_the_order_of_its_key() {
    for (order, body) in [("Exclusive", "json"), ("KeyShared", "json"), ("KeyShared", "json_array")] {
        let api = Api::start();
        let mapping = delete(&format!("body = '{body}'")).replace("Exclusive", order);
        let mut sink = connected(&toml(&api, "", &mapping), &[]).await;
        let batch = vec![keyed("a", "1"), keyed("a", ""), keyed("b", ""), keyed("a", "2"), keyed("a", "")];
        sink.process_batch(batch).await.expect("taken");
        let of_a: Vec<_> = api.requests().into_iter().filter(|seen| seen.uri.starts_with("/users/a")).collect();
        let methods: Vec<_> = of_a.iter().map(|seen| seen.method.as_str()).collect();
        assert_eq!(methods, ["PUT", "DELETE", "PUT", "DELETE"], "{order} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tombstone_deletes_may_be_gone_already() {
    let api = Api::start();
    let mut sink = connected(&toml(&api, "", &delete("")), &[]).await;
    for status in [404, 410] {
        api.always(HttpReply::status(status, ""));
        sink.process_batch(vec![keyed("a", "")]).await.expect("gone");
        assert_eq!(rejected(sink.process_batch(vec![keyed("a", "{}")]).await).0, 1, "{status} for another request");
    }
    for (status, is_rejected) in [(403, false), (409, true), (503, false)] {
        api.always(HttpReply::status(status, ""));
        let text = report(sink.process_batch(vec![keyed("a", "")]).await);
        assert_eq!(text.contains("retry: []"), is_rejected, "{status}: {text}");
    }
    api.always(HttpReply::status(404, ""));
    let mut sink = connected(&toml(&api, "", &delete("answers = { reject = [404] }")), &[]).await;
    assert_eq!(rejected(sink.process_batch(vec![keyed("a", "")]).await).0, 1, "`answers` has precedence");
}

#[test]
fn a_path_that_does_not_say_what_to_delete_is_reported_at_start() {
    let diagnostics = |mapping: &str| {
        let text = toml(&Api::start(), "", &format!("tombstones = 'delete'\n{mapping}"));
        load(&text, &with(&[])).err().unwrap_or_default()
    };
    for (mapping, message) in [
        ("path = '/users/{/id}'", "a tombstone has no payload, of which `/users/{/id}` has a value"),
        ("path = '/users/{key}?by={/by}'", "of which `/users/{key}?by={/by}` has a value"),
        ("path = '/users/{key}'\nheaders = { x-by = '{/by}' }", "of which `{/by}` has a value"),
        ("", "has neither the key nor an attribute"),
        ("path = '/users'", "`path` does not say what to delete: `/users` has neither the key nor an attribute"),
        ("path = '/{topic}/{publish_time:%Y}'", "has neither the key nor an attribute"),
    ] {
        let text = diagnostics(mapping);
        assert!(text.contains(message) && text.contains("`tombstones`"), "{mapping}: {text}");
    }
    assert_eq!(diagnostics("path = '/users/{attribute:user}'"), "");
}
