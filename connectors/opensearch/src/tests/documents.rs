//! Documents: the payload, chosen fields, and metadata.

use serde_json::json;

use super::{Process, partial, record, records, started, write};

#[tokio::test]
async fn a_payload_is_a_document_to_its_last_digit() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'digits'\nid = '{/id}'").await;
    let payload = r#"{"id":"a","big":9007199254740993,"text":"ü\n\"","nested":{"a":[1,null]}}"#;
    write(&mut connector, records([payload])).await.expect("a document");
    let found = server.ask("GET", "/digits/_doc/a", "");
    assert_eq!(found["_source"], serde_json::from_str::<serde_json::Value>(payload).expect("JSON"));
}

#[tokio::test]
async fn a_document_has_chosen_fields_and_metadata_by_name() {
    let server = Process::shared();
    let mapping = "index = 'chosen'\nid = '{id}'\nfields = { user = '/user/id', tenant = 'attribute:tenant' }\n\
                   metadata = { publish_time = '@timestamp', offset = 'at' }";
    let mut connector = started(server, mapping).await;
    let record = record(7, r#"{"user":{"id":1},"other":2}"#).attribute("tenant", "acme").build();
    write(&mut connector, vec![record]).await.expect("a document");
    let expected = json!({"user": 1, "tenant": "acme", "@timestamp": "2018-02-07T01:26:13.847000Z", "at": 7});
    assert_eq!(server.documents("chosen"), [expected]);
}

#[tokio::test]
async fn a_record_that_is_no_document_is_rejected_by_itself() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'others'\nmetadata = { offset = 'offset' }").await;
    let payloads = [r#"{"n":1}"#, "[1]", "text", r#"{"offset":1}"#, r#"{"n":1,"n":2}"#, r#"{"n":2}"#, "", "null"];
    let message = partial(write(&mut connector, records(payloads)).await);
    assert!(message.starts_with("0 records to retry, 6 rejected"), "{message}");
    let mut numbers: Vec<_> = server.documents("others").iter().map(|document| document["n"].clone()).collect();
    numbers.sort_by_key(serde_json::Value::as_u64);
    assert_eq!(numbers, [1, 2]);
}

/// As the docs say: automatic ids make a second document of a record that is written again.
#[tokio::test]
async fn records_without_an_id_are_as_many_documents_as_writes() {
    let server = Process::shared();
    let mut automatic = started(server, "index = 'automatic'").await;
    let mut named = started(server, "index = 'named'\nid = '{id}'").await;
    for _ in 0..2 {
        write(&mut automatic, records(["{}", "{}"])).await.expect("documents");
        write(&mut named, records(["{}", "{}"])).await.expect("documents");
    }
    assert_eq!((server.documents("automatic").len(), server.documents("named").len()), (4, 2));
}

#[tokio::test]
async fn compressed_requests_arrive() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'zipped'\nid = '{id}'").await;
    connector.gzip_level = 6;
    super::initialize(&mut connector).await.expect("a server");
    write(&mut connector, records(vec![r#"{"text":"again and again"}"#; 100])).await.expect("documents");
    assert_eq!(server.documents("zipped").len(), 100);
}
