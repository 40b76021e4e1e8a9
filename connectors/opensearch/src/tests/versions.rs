//! Versions: which copy of a document wins.

use danube_sink::SinkRecord;
use serde_json::Value;

use super::{Opensearch, Process, partial, record, started, write};

/// A version `n` of the document `a`, at an offset.
fn change(offset: u64, n: u64) -> SinkRecord {
    record(offset, &format!(r#"{{"id":"a","n":{n}}}"#)).build()
}

async fn written(connector: &mut Opensearch, records: impl Into<Vec<SinkRecord>>) {
    write(connector, records.into()).await.expect("documents");
}

fn held(server: &Process, index: &str) -> Vec<Value> {
    server.documents(index).iter().map(|document| document["n"].clone()).collect()
}

#[tokio::test]
async fn a_late_copy_never_wins_and_a_redelivered_one_changes_nothing() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'late'\nid = '{/id}'").await;
    written(&mut connector, [change(1, 1), change(2, 2), change(3, 3)]).await;
    for late in [1, 2, 3] {
        written(&mut connector, [change(late, late)]).await;
        assert_eq!(held(server, "late"), [3], "a copy of {late}");
    }
    assert_eq!(connector.cluster.older.get(), 2, "the same version again is no older one");
    written(&mut connector, [change(4, 4)]).await;
    assert_eq!(held(server, "late"), [4]);
}

/// Of records that were published within a millisecond, the offset knows the order.
#[tokio::test]
async fn the_order_within_a_millisecond_is_that_of_the_offsets() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'millisecond'\nid = '{/id}'").await;
    let at_once =
        |offset: u64| record(offset, &format!(r#"{{"id":"a","n":{offset}}}"#)).publish_time(1_517_966_773_840).build();
    written(&mut connector, [at_once(5), at_once(6)]).await;
    written(&mut connector, [at_once(5)]).await;
    assert_eq!(held(server, "millisecond"), [6]);
}

/// A broker that has lost its storage counts offsets from 0 again.
#[tokio::test]
async fn records_after_a_restart_of_the_offsets_win_unless_the_version_is_the_offset() {
    let server = Process::shared();
    let after = |offset: u64| record(offset, r#"{"id":"a","n":2}"#).publish_time(1_617_966_773_840).build();
    for (index, mapping, expected) in [("restarted", "", 2), ("restarted_offset", "version = 'offset'", 1)] {
        let mut connector = started(server, &format!("index = '{index}'\nid = '{{/id}}'\n{mapping}")).await;
        written(&mut connector, [change(1000, 1)]).await;
        written(&mut connector, [after(0)]).await;
        assert_eq!(held(server, index), [expected], "{mapping}");
        assert_eq!(connector.cluster.older.get(), 2 - expected, "{mapping}");
    }
}

#[tokio::test]
async fn a_field_of_ones_own_is_the_version() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'own'\nid = '{/id}'\nversion = '/v'").await;
    let change = |v: &str, n: u64| record(1, &format!(r#"{{"id":"a","v":{v},"n":{n}}}"#)).build();
    written(&mut connector, [change("7", 1), change("\"8\"", 2), change("7", 3), change("8", 4)]).await;
    assert_eq!(held(server, "own"), [4], "the same version again wins");
    let invalid = ["-1", "1.5", "9223372036854775808", "null", "\"x\"", "[]"].map(|v| change(v, 5));
    for record in invalid {
        let message = partial(write(&mut connector, vec![record]).await);
        assert!(message.contains("`/v` is no version"), "{message}");
    }
    let mut strict = started(server, "index = 'own'\nid = '{/id}'\nversion = '/v'\nversion_type = 'external'").await;
    written(&mut strict, [change("8", 6)]).await;
    assert_eq!(held(server, "own"), [4], "only higher ones win");
}

/// Publish times come from producers.
#[tokio::test]
async fn a_publish_time_beyond_all_versions_rejects_its_record_alone() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'beyond'\nid = '{/id}'").await;
    let beyond = record(2, r#"{"id":"b"}"#).publish_time(u64::MAX).build();
    let message = partial(write(&mut connector, vec![change(1, 1), beyond, change(3, 3)]).await);
    assert!(message.contains("1 rejected") && message.contains("`publish_time` is no version"), "{message}");
    assert_eq!(held(server, "beyond"), [3]);
}

#[tokio::test]
async fn create_keeps_the_first_document() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'first'\nid = '{/id}'\nop_type = 'create'").await;
    written(&mut connector, [change(1, 1)]).await;
    written(&mut connector, [change(2, 2), change(1, 1)]).await;
    assert_eq!(held(server, "first"), [1]);
}
