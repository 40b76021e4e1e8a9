//! Deletions by tombstone and by operation.

use danube_sink::SinkRecord;

use super::{Process, partial, record, started, write};

fn tombstone(offset: u64, key: &str) -> SinkRecord {
    record(offset, "").key(key).build()
}

fn keyed(offset: u64, key: &str) -> SinkRecord {
    record(offset, &format!(r#"{{"n":{offset}}}"#)).key(key).build()
}

fn ids(server: &Process, index: &str) -> Vec<String> {
    let mut ids: Vec<_> = server.hits(index).iter().filter_map(|hit| Some(hit["_id"].as_str()?.to_owned())).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_tombstone_deletes_in_order_and_a_late_copy_does_not_bring_back() {
    let server = Process::shared();
    // By default the server forgets the version of a deleted document after a minute.
    server.ask("PUT", "/tombs", r#"{"settings":{"index.gc_deletes":"1h"}}"#);
    let mut connector = started(server, "index = 'tombs'\nid = '{key}'").await;
    let batch = vec![keyed(1, "a"), keyed(2, "b"), tombstone(3, "a"), tombstone(4, "never there"), keyed(5, "c")];
    write(&mut connector, batch).await.expect("documents");
    assert_eq!(ids(server, "tombs"), ["b", "c"]);
    for late in [keyed(1, "a"), tombstone(3, "a"), tombstone(1, "b")] {
        write(&mut connector, vec![late]).await.expect("a late copy");
    }
    assert_eq!(ids(server, "tombs"), ["b", "c"]);
    write(&mut connector, vec![keyed(6, "a"), tombstone(7, "c")]).await.expect("documents");
    assert_eq!(ids(server, "tombs"), ["a", "b"]);
}

#[tokio::test]
async fn an_operation_deletes_and_an_unknown_one_is_rejected_by_itself() {
    let server = Process::shared();
    let mapping = "index = 'operations'\nid = '{/id}'\noperation = '/op'\nfields = { n = '/n' }";
    let mut connector = started(server, mapping).await;
    let change = |offset, id: &str, op: &str| record(offset, &format!(r#"{{"id":"{id}","op":{op},"n":1}}"#)).build();
    let batch = vec![
        change(1, "a", "\"c\""),
        change(2, "b", "\"INSERT\""),
        change(3, "a", "\"d\""),
        change(4, "c", "\"s3cret\""),
        change(5, "d", "7"),
        change(6, "e", "\"update\""),
    ];
    let message = partial(write(&mut connector, batch).await);
    assert!(message.contains("2 rejected") && message.contains("`/op`") && !message.contains("s3cret"), "{message}");
    assert_eq!(ids(server, "operations"), ["b", "e"]);
}

#[tokio::test]
async fn a_tombstone_that_names_no_document_is_rejected() {
    let server = Process::shared();
    for (mapping, reason) in [
        ("index = 'none'", "only adds documents"),
        ("index = 'none'\nid = '{key}'\nop_type = 'create'", "only adds documents"),
        ("index = 'none'\nid = '{/id}'", "cannot render"),
        ("index = 'none-{/tenant}'\nid = '{key}'", "cannot render"),
    ] {
        let mut connector = started(server, mapping).await;
        let message = partial(write(&mut connector, vec![tombstone(1, "a")]).await);
        assert!(message.contains(reason), "{mapping}: {message}");
    }
}
