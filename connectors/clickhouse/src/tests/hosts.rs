//! Several hosts, a cluster and asynchronous inserts, with scripted servers: the engines of the tests have none of them.

use std::sync::atomic::{AtomicBool, Ordering};

use danube_sink::{
    ConnectorError, SinkConnector, SinkRecord,
    schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType},
    testing::{HttpReply, HttpRequest, HttpServer, from_toml},
};

use super::{
    Clickhouse, connector, initialize, records,
    scripted::{is_insert, parameter, scripted},
};

const KNOWS: &str = "async_insert\nasync_insert_deduplicate\ninsert_deduplication_token\n";
const COLUMNS: &str = "{\"name\":\"n\",\"type\":\"UInt64\",\"default_type\":\"\"}\n";
const READ_ONLY: &str = "Code: 242. DB::Exception: Table is in readonly mode (TABLE_IS_READ_ONLY)";

/// A replica: inserts are answered with this text.
fn replica(insert: &'static str) -> HttpServer {
    HttpServer::start(move |request| match parameter(request, "query") {
        Some(_) if insert.is_empty() => HttpReply::status(200, ""),
        Some(_) => HttpReply::status(500, insert),
        None if request.text().starts_with("DESCRIBE") => HttpReply::status(200, COLUMNS),
        None => HttpReply::status(200, KNOWS),
    })
    .expect("a free port")
}

fn inserts(server: &HttpServer) -> Vec<HttpRequest> {
    server.requests().into_iter().filter(is_insert).collect()
}

async fn started(hosts: &[&HttpServer]) -> Clickhouse {
    let others: Vec<_> = hosts[1..].iter().map(|host| format!("'{}'", host.url())).collect();
    let text = format!(
        "[clickhouse]\napi.url = '{}'\nhosts = [{}]\n[[clickhouse.topic_mappings]]\ntopic = '/default/t'\n\
         subscription = 's'\ntable = 't'",
        hosts[0].url(),
        others.join(", ")
    );
    let mut connector = from_toml::<Clickhouse>(&text).expect("a configuration").0;
    initialize(&mut connector).await.expect("the script");
    connector
}

fn batch() -> Vec<SinkRecord> {
    records([r#"{"n":7}"#])
}

#[tokio::test]
async fn another_host_gets_the_insert_if_one_is_read_only_or_does_not_answer() {
    let (first, second, third) = (replica(READ_ONLY), replica(""), replica(""));
    let mut connector = started(&[&first, &second, &third]).await;
    connector.process_batch(batch()).await.expect("the second host");
    assert!(inserts(&second).len() == 2 && inserts(&third).is_empty(), "{:?}", second.requests());
    second.stop();
    second.closed().await;
    connector.process_batch(batch()).await.expect("the third host");
    let token = |request: &HttpRequest| parameter(request, "insert_deduplication_token").map(str::to_owned);
    let [of_second, of_third] = [&second, &third].map(|host| inserts(host).last().and_then(token));
    assert!(of_second.is_some() && of_second == of_third, "the same records have the same token");
}

#[tokio::test]
async fn without_another_host_the_answer_of_the_last_one_counts() {
    let hosts = [replica(""), replica("")];
    let mut connector = started(&[&hosts[0], &hosts[1]]).await;
    for host in &hosts {
        host.script([HttpReply::status(500, READ_ONLY), HttpReply::status(500, READ_ONLY)]);
    }
    let error = connector.process_batch(batch()).await.expect_err("both are read-only");
    let text = error.report();
    assert!(matches!(error, ConnectorError::Retryable { .. }) && text.contains("TABLE_IS_READ_ONLY"), "{text}");
}

#[tokio::test]
async fn tables_are_created_and_columns_are_added_on_the_cluster() {
    const MISSING: &str = "Code: 60. DB::Exception: Table default.t does not exist";
    const DONE: &str = "host\t9000\t0\t\t0\t0\n";
    const ADDED: &str = "{\"name\":\"m\",\"type\":\"Nullable(Int64)\",\"default_type\":\"\"}\n";
    let has_more = AtomicBool::default();
    let server = HttpServer::start(move |request| match request.text() {
        text if text.starts_with("DESCRIBE") => {
            let more = if has_more.load(Ordering::Relaxed) { ADDED } else { "" };
            HttpReply::status(200, format!("{COLUMNS}{more}"))
        }
        text if text.starts_with("CREATE") => HttpReply::status(200, DONE),
        text if text.starts_with("ALTER") => {
            has_more.store(true, Ordering::Relaxed);
            HttpReply::status(200, DONE)
        }
        _ => HttpReply::status(200, ""),
    });
    let server = server.expect("a free port");
    let has = |statement: &str| {
        assert!(server.requests().iter().any(|request| request.text() == statement), "{:?}", server.requests());
    };
    server.script([HttpReply::status(200, KNOWS), HttpReply::status(404, MISSING)]);
    let mapping = "on_new_field = 'add'\ncreate = { columns = { n = 'UInt64' }, order_by = 'n' }";
    let mut connector = connector(&server.url(), mapping);
    connector.cluster = Some("{cluster}".to_owned());
    initialize(&mut connector).await.expect("the script");
    has("CREATE TABLE IF NOT EXISTS `t` ON CLUSTER `{cluster}` (`n` UInt64) ENGINE = MergeTree ORDER BY n");

    let schema = SchemaInfo {
        subject: "t".to_owned(),
        version: 2,
        schema_type: SchemaType::JsonSchema,
        definition: r#"{"type":"object","properties":{"n":{"type":"integer"},"m":{"type":"integer"}}}"#.to_owned(),
        fingerprint: String::new(),
    };
    let decoder = Decoder::new(schema, &DecodeOptions::default());
    let record = SinkRecord::builder("/default/t").subscription("s").payload(r#"{"n":7,"m":8}"#).decoder(decoder);
    connector.process_batch(vec![record.build()]).await.expect("the script");
    has("ALTER TABLE `t` ON CLUSTER `{cluster}` ADD COLUMN `m` Nullable(Int64)");
}

#[tokio::test]
async fn an_asynchronous_insert_waits_and_has_a_token() {
    let server = replica("");
    let mut connector = connector(&server.url(), "async_insert = true");
    initialize(&mut connector).await.expect("the script");
    connector.process_batch(batch()).await.expect("the script");
    // The first one has no rows to wait for.
    let [without_rows, insert] = &inserts(&server)[..] else { panic!("two inserts: {:?}", server.requests()) };
    assert_eq!(parameter(without_rows, "async_insert"), Some("0"));
    for setting in ["async_insert", "wait_for_async_insert", "async_insert_deduplicate"] {
        assert_eq!(parameter(insert, setting), Some("1"), "{setting}: {insert:?}");
    }
    assert!(parameter(insert, "insert_deduplication_token").is_some(), "{insert:?}");
}

/// The server may have refused rows of another insert, which it has written together with these.
#[tokio::test]
async fn an_asynchronous_insert_that_is_refused_is_tried_alone() {
    const REFUSED: &str = "Code: 469. DB::Exception: Constraint `c` is violated at row 1";
    for (alone, is_written) in [("", true), (REFUSED, false)] {
        let server =
            scripted(KNOWS, &[(200, COLUMNS), (500, REFUSED), (if alone.is_empty() { 200 } else { 500 }, alone)]);
        let mut connector = connector(&server.url(), "async_insert = true");
        initialize(&mut connector).await.expect("the script");
        let answer = connector.process_batch(batch()).await;
        match answer {
            Ok(()) => assert!(is_written),
            Err(error) => assert!(!is_written && matches!(error, ConnectorError::Refused { .. }), "{error:?}"),
        }
        let is_async: Vec<_> =
            inserts(&server).iter().map(|request| parameter(request, "async_insert").map(str::to_owned)).collect();
        assert_eq!(is_async, ["0", "1", "0"].map(|digit| Some(digit.to_owned())));
    }
}
