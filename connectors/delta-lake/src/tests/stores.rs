//! Tables in Azure and in Google Cloud Storage, and what stores say that refuse.

use danube_sink::{
    prelude::*,
    testing::{HttpReply, HttpServer, from_toml},
};
use danube_sink_tests::stores::{Kind, Server, WITHOUT_TOKENS, assert_refusals, toml, with_azurite};
use serde_json::json;

use super::{
    TOPIC,
    common::{Reader, folder},
    record,
};
use crate::DeltaLake;

/// A connector with one table, and the key of the Azure account.
fn connector(server: &Server, table: &str, key: Option<&str>) -> (DeltaLake, ConnectorConfig) {
    let text = format!(
        "[delta_lake.storage_options]\n{}\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\n\
         table = '{table}'\ncolumns = [{{ name = 'n', type = 'long' }}]\n",
        toml(&server.options())
    );
    let (mut connector, config) = from_toml::<DeltaLake>(&text).expect("a configuration");
    connector.azure_key = key.map(Secret::new);
    (connector, config)
}

/// An S3 store without objects.
const EMPTY: &str = "<ListBucketResult><Name>lake</Name><KeyCount>0</KeyCount></ListBucketResult>";

/// A connector with one table in an S3 store that is played.
fn of_scripted(server: &HttpServer, table: &str) -> (DeltaLake, ConnectorConfig) {
    let text = format!(
        "[delta_lake.storage_options]\naws_endpoint = '{}'\naws_region = 'a'\naws_skip_signature = 'true'\n\
         aws_allow_http = 'true'\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\ntable = '{table}'\n",
        server.url()
    );
    from_toml::<DeltaLake>(&text).expect("a configuration")
}

#[test]
fn a_table_in_azure_is_written_by_each_of_its_urls() {
    with_azurite("tests::stores::in_azure");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "`a_table_in_azure_is_written_by_each_of_its_urls` runs it, with a variable"]
async fn in_azure() {
    let server = Server::start(Kind::Azure, folder("azure")).await;
    let (_, key) = &server.variables()[0];
    let urls = ["az://lake/a/table", "abfss://lake@devstoreaccount1.dfs.core.windows.net/a/table"];
    for (number, url) in (0..).zip(urls) {
        let (mut connector, config) = connector(&server, url, Some(key));
        connector.initialize(config).await.unwrap();
        connector.process_batch(vec![record(number + 1, &json!({ "n": number }))]).await.unwrap();
        connector.health_check().await.unwrap();
    }
    let mut numbers = Reader::start().numbers(urls[0], &server.options_with_keys(), "n");
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1]);

    let (mut refused, config) = connector(&server, urls[0], Some("d3Jvbmc="));
    let error = refused.initialize(config).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    assert!(error.report().contains("find the table az://lake/a/table"), "{}", error.report());
    let (mut missing, config) = connector(&server, "az://missing/table", Some(key));
    let error = missing.initialize(config).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    server.kill();
    let (mut away, config) = connector(&server, urls[0], Some(key));
    let error = away.initialize(config).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_in_google_is_written_and_its_failures_have_their_classes() {
    let server = Server::open(Kind::Google, folder("google")).await;
    let url = server.url("a/table");
    let (mut first, config) = connector(&server, &url, None);
    first.initialize(config).await.unwrap();
    // More commits than a page of a list has, and a checkpoint.
    for number in 0..30 {
        first.process_batch(vec![record(number + 1, &json!({ "n": number }))]).await.unwrap();
    }
    first.health_check().await.unwrap();
    let (mut other, config) = connector(&server, &url, None);
    other.initialize(config).await.unwrap();
    other.process_batch(vec![record(30, &json!({ "n": 29 })), record(31, &json!({ "n": 30 }))]).await.unwrap();
    let mut numbers = Reader::start().numbers(&url, &server.options(), "n");
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(0..31), "{numbers:?}");

    let (mut missing, config) = connector(&server, "gs://missing/table", None);
    let error = missing.initialize(config).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    assert!(error.report().contains("gs://missing/table"), "{}", error.report());
    server.kill();
    let (mut away, config) = connector(&server, &url, None);
    let error = away.initialize(config).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_waited_for_and_refused_keys_end_the_connector() {
    let written = |server: &Server| {
        let mut numbers = Reader::start().numbers(&server.url("table"), &server.options(), "n");
        numbers.sort_unstable();
        numbers
    };
    let connector = |server: &Server| connector(server, &server.url("table"), None);
    assert_refusals(folder, connector, |number| record(number, &json!({ "n": number })), written).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_the_store_refuses_are_found_at_start() {
    for kind in [Kind::S3, Kind::Google] {
        let server = Server::start(kind, folder(&format!("keys-{kind:?}"))).await;
        for table in ["table", "{/tenant}"] {
            let (mut connector, config) = connector(&server, &server.url(table), None);
            connector.access_key_id = Some(Secret::new("key"));
            connector.secret_access_key = Some(Secret::new("wrong"));
            connector.google_key = Some(Secret::new(WITHOUT_TOKENS));
            let error = connector.initialize(config).await.unwrap_err();
            assert!(matches!(error, ConnectorError::Initialization { .. }), "{kind:?}, {table}: {error:?}");
            let report = error.report();
            assert!(report.contains("the store refuses the credentials: correct"), "{kind:?}, {table}: {report}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_conditional_writes_is_found_at_start() {
    let server = HttpServer::start(|request| match request.method.as_str() {
        "PUT" => HttpReply::status(200, "").header("etag", "a"),
        _ => HttpReply::status(200, EMPTY),
    })
    .unwrap();
    for table in ["s3://lake/table", "s3://lake/{/tenant}"] {
        let (mut connector, config) = of_scripted(&server, table);
        let error = connector.initialize(config).await.unwrap_err();
        let report = error.report();
        assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
        assert!(report.contains("has no conditional writes"), "{report}");
        let is_log = |request: &danube_sink::testing::HttpRequest| request.uri.contains(".json");
        assert!(!server.requests().iter().any(is_log), "no commit is begun");
    }
}

/// The right to read, the right to write, and the bucket. Rights may differ by table, so those that records choose are not tried.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_or_bucket_is_found_at_start() {
    for (refuses, status, code, tables, message) in [
        ("GET", 403, "AccessDenied", &["table", "{/tenant}"][..], "a right is missing: grant it"),
        (
            "PUT",
            403,
            "AccessDenied",
            &["table"],
            "create _danube/probe below s3://lake/table: a right is missing: grant it",
        ),
        ("PUT", 404, "NoSuchBucket", &["table"], "create _danube/probe below s3://lake/table: "),
    ] {
        let server = HttpServer::start(move |request| match request.method.as_str() {
            method if method == refuses => HttpReply::status(status, format!("<Error><Code>{code}</Code></Error>")),
            "GET" => HttpReply::status(200, EMPTY),
            _ => HttpReply::status(412, ""),
        })
        .unwrap();
        for table in tables {
            let (mut connector, config) = of_scripted(&server, &format!("s3://lake/{table}"));
            let error = connector.initialize(config).await.unwrap_err();
            assert!(matches!(error, ConnectorError::Initialization { .. }), "{refuses}, {table}: {error:?}");
            assert!(error.report().contains(message), "{refuses}, {table}: {}", error.report());
        }
    }
}

/// Some credentials of Azure may create objects and not replace them, as the one of an earlier start.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_may_not_replace_the_probe_may_still_write() {
    for is_there in [true, false] {
        let server = HttpServer::start(move |request| match request.method.as_str() {
            "PUT" => HttpReply::status(403, "<Error><Code>UnauthorizedBlobOverwrite</Code></Error>"),
            "HEAD" if is_there => {
                let reply = HttpReply::status(200, "").header("etag", "a").header("content-length", "34");
                reply.header("last-modified", "Wed, 07 Feb 2018 01:26:13 GMT")
            }
            "HEAD" => HttpReply::status(404, ""),
            _ => HttpReply::status(200, "<EnumerationResults><Blobs></Blobs></EnumerationResults>"),
        })
        .unwrap();
        let text = format!(
            "[delta_lake.storage_options]\nazure_storage_account_name = 'a'\nazure_endpoint = '{}'\nazure_skip_signature = 'true'\n\
             azure_allow_http = 'true'\n[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\ntable = 'az://lake/table'\n",
            server.url()
        );
        let (mut connector, config) = from_toml::<DeltaLake>(&text).unwrap();
        let started = connector.initialize(config).await;
        assert!(server.requests().iter().any(|request| request.uri.contains("_danube/probe")));
        match is_there {
            true => started.unwrap(),
            false => {
                let report = started.unwrap_err().report();
                assert!(report.contains("create _danube/probe below az://lake/table"), "{report}");
            }
        }
    }
}
