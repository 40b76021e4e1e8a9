//! What Elasticsearch answers, at start and while running.

use danube_sink::{ConnectorError, SinkConnector};

use super::{Process, connector, initialize, partial, records, started, write};

const BLOCK: &str = r#"{"index.blocks.read_only_allow_delete":true}"#;

/// The message of an error that is retried, for all records.
async fn waits(connector: &mut super::Opensearch) -> String {
    let error = write(connector, records([r#"{"n":1}"#, r#"{"n":2}"#])).await.expect_err("not written");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    let unhealthy = connector.health_check().await.expect_err("not writable");
    assert!(matches!(unhealthy, ConnectorError::Retryable { .. }), "{unhealthy:?}");
    error.report()
}

/// The message of an error that ends the start.
async fn ends_the_start(server: &Process, mapping: &str) -> String {
    let error = initialize(&mut connector(&server.url(), mapping)).await.expect_err("no start");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    error.report()
}

#[tokio::test]
async fn a_value_that_its_field_does_not_take_rejects_its_record_alone() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'values'\nid = '{id}'").await;
    let deep = format!("{}1{}", r#"{"s3cret":"#.repeat(40), "}".repeat(40));
    let wide = (0..1100).map(|n| format!(r#""s3cret{n}":1"#)).collect::<Vec<_>>().join(",");
    let payloads = [
        r#"{"n":1}"#,
        r#"{"n":"s3cret"}"#,
        r#"{"n":{"s3cret":1}}"#,
        r#"{"n":9223372036854775808}"#,
        &deep,
        &format!("{{{wide}}}"),
        r#"{"":"s3cret"}"#,
        r#"{"_id":"s3cret"}"#,
        r#"{"n":1.5,"n":2}"#,
        r#"{"n":2}"#,
    ];
    let message = partial(write(&mut connector, records(payloads)).await);
    assert!(message.starts_with("0 records to retry, 8 rejected"), "{message}");
    assert!(message.contains("400 mapper_parsing_exception, caused by illegal_argument_exception"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
    assert_eq!(server.documents("values").len(), 2);
}

#[tokio::test]
async fn an_index_that_is_blocked_or_closed_is_waited_for() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'blocked'\nid = '{id}'").await;
    server.ask("PUT", "/blocked/_settings", BLOCK);
    let report = waits(&mut connector).await;
    assert!(report.contains("429 cluster_block_exception; free disk space"), "{report}");
    let report = ends_the_start(server, "index = 'blocked'").await;
    assert!(report.contains("write to blocked: 429 cluster_block_exception"), "{report}");
    server.ask("PUT", "/blocked/_settings", &BLOCK.replace("true", "null"));

    server.ask("POST", "/blocked/_close", "");
    let report = waits(&mut connector).await;
    assert!(report.contains("400 index_closed_exception; open the index"), "{report}");
    server.ask("POST", "/blocked/_open", "");
    write(&mut connector, records(["{}"])).await.expect("an open index");
    connector.health_check().await.expect("an open index");
}

/// A batch for several indexes, of which one takes nothing.
#[tokio::test]
async fn records_of_an_index_that_is_blocked_wait_while_others_are_written() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'some-{/n}'\nid = '{id}'").await;
    let batch = || records([1, 2, 1].map(|n| format!(r#"{{"n":{n}}}"#)));
    write(&mut connector, batch()).await.expect("documents");
    server.ask("PUT", "/some-1/_settings", BLOCK);
    let message = partial(write(&mut connector, batch()).await);
    assert!(message.starts_with("2 records to retry, 0 rejected") && message.contains("free disk space"), "{message}");
    server.ask("PUT", "/some-1/_settings", &BLOCK.replace("true", "null"));
    write(&mut connector, batch()).await.expect("documents");
}

/// Settings of the whole cluster need a server of the test's own.
#[tokio::test]
async fn an_index_that_the_cluster_does_not_make_is_waited_for() {
    let server = Process::start();
    let set = |setting: &str, value: &str| {
        server.ask("PUT", "/_cluster/settings", &format!(r#"{{"transient":{{"{setting}":{value}}}}}"#));
    };
    let mut connector = started(&server, "index = 'gone'\nid = '{id}'").await;
    server.ask("DELETE", "/gone", "");
    set("action.auto_create_index", "\"false\"");
    let report = waits(&mut connector).await;
    assert!(report.contains("404 index_not_found_exception; create the index"), "{report}");
    let report = ends_the_start(&server, "index = 'gone'").await;
    assert!(report.contains("index_not_found_exception"), "{report}");
    set("action.auto_create_index", "null");

    set("cluster.max_shards_per_node", "1");
    server.ask("PUT", "/other", r#"{"settings":{"number_of_replicas":0}}"#);
    let report = waits(&mut connector).await;
    assert!(report.contains("400 validation_exception; the cluster may have no more shards"), "{report}");
    set("cluster.max_shards_per_node", "null");

    set("cluster.blocks.read_only", "true");
    let report = waits(&mut connector).await;
    assert!(report.contains("cluster_block_exception: free disk space, or remove the block"), "{report}");
    set("cluster.blocks.read_only", "null");
    write(&mut connector, records(["{}"])).await.expect("documents");
}

#[tokio::test]
async fn a_record_for_an_index_that_the_cluster_does_not_make_is_rejected_where_records_name_indexes() {
    let server = Process::start();
    server.ask("PUT", "/kind-a", "");
    server.ask("PUT", "/_cluster/settings", r#"{"transient":{"action.auto_create_index":"false"}}"#);
    let mut connector = started(&server, "index = 'kind-{/kind}'\nid = '{id}'").await;
    let batch = ["a", "s3cret", "a"].map(|kind| format!(r#"{{"kind":"{kind}"}}"#));
    let message = partial(write(&mut connector, records(batch.clone())).await);
    assert!(message.starts_with("0 records to retry, 1 rejected"), "{message}");
    assert!(message.contains("404 index_not_found_exception") && message.contains("`kind-{/kind}`"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
    assert_eq!(server.documents("kind-a").len(), 2);

    let shards = r#"{"transient":{"action.auto_create_index":null,"cluster.max_shards_per_node":"1"}}"#;
    server.ask("PUT", "/_cluster/settings", shards);
    let message = partial(write(&mut connector, records(batch)).await);
    assert!(message.starts_with("0 records to retry, 1 rejected"), "{message}");
    assert!(message.contains("400 validation_exception") && !message.contains("s3cret"), "{message}");
}

/// The limit of the tests' server is 4 MB.
#[tokio::test]
async fn a_request_that_is_too_large_is_refused_so_that_it_is_halved() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'large'\nid = '{id}'").await;
    let large = format!(r#"{{"text":"{}"}}"#, "s3cret ".repeat(400_000));
    for count in [1, 2] {
        let answer = write(&mut connector, records(vec![&large; count])).await;
        match answer {
            Ok(()) => assert_eq!(count, 1, "half of it is taken"),
            Err(error) => {
                assert!(matches!(error, ConnectorError::Refused { .. }) && count == 2, "{error:?}");
                assert!(error.report().contains("413") && !error.report().contains("s3cret"), "{error:?}");
            }
        }
    }
}
