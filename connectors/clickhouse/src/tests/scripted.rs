//! A scripted server, for answers that the real ones do not give in tests.

use std::time::Duration;

use danube_sink::{
    ConnectorError, SinkConnector,
    prelude::Url,
    testing::{HttpReply, HttpRequest, HttpServer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{connector, initialize, records};

const KNOWS: &str = "async_insert\ninsert_deduplication_token\n";

/// Starts a scripted server. It answers the three requests of `initialize`, with no column for the table, and then the script's
/// answers, in which `{body}` is the body of the request.
pub(super) fn scripted(known: &'static str, answers: &[(u16, &'static str)]) -> HttpServer {
    scripted_with(&[known, "", ""], answers)
}

fn scripted_with(start: &[&'static str], answers: &[(u16, &'static str)]) -> HttpServer {
    let server = HttpServer::start(|_| HttpReply::status(500, "the script is at its end")).expect("a free port");
    let reply = |(status, text): (u16, &'static str)| {
        let answer = move |request: &HttpRequest| HttpReply::status(status, text.replace("{body}", &request.text()));
        HttpReply::made(move |request| answer(request).header("location", "/other"))
    };
    server.script(start.iter().map(|text| (200, *text)).chain(answers.iter().copied()).map(reply));
    server
}

/// Starts a server with this answer to `initialize`, and a table of these columns: name, type, and kind of default. It takes every
/// insert.
pub(super) fn with_columns(known: &'static str, columns: &[(&str, &str, &str)]) -> HttpServer {
    let line = |(name, kind, default): &(&str, &str, &str)| {
        format!("{}\n", serde_json::json!({ "name": name, "type": kind, "default_type": default }))
    };
    let columns: String = columns.iter().map(line).collect();
    HttpServer::start(move |request| match parameter(request, "query") {
        Some(_) => HttpReply::status(200, ""),
        None if request.text().starts_with("DESCRIBE") => HttpReply::status(200, &columns),
        None => HttpReply::status(200, known),
    })
    .expect("a free port")
}

/// The statement of the last insert is this, after the table's name.
#[track_caller]
pub(super) fn assert_inserted(server: &HttpServer, expected: &str) {
    let requests = server.requests();
    let last = requests.iter().rfind(|request| is_insert(request)).and_then(|request| parameter(request, "query"));
    let encoded = Url::parse_with_params("http://h", [("query", format!("INSERT INTO `t` {expected}"))]);
    assert_eq!(last, encoded.expect("a URL").query().and_then(|query| query.strip_prefix("query=")));
}

/// What a parameter of the URL is.
pub(super) fn parameter<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    request.uri.split(['?', '&']).find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='))
}

pub(super) fn is_insert(request: &HttpRequest) -> bool {
    parameter(request, "query").is_some_and(|query| query.starts_with("INSERT"))
}

#[tokio::test]
async fn an_answer_is_judged_by_its_exception_and_not_by_its_status_alone() {
    const REFUSED: &str = "refused";
    let memory = "Code: 241. DB::Exception: Memory limit exceeded: (at row 7) s3cret (MEMORY_LIMIT_EXCEEDED)";
    let enum_of_2021 =
        "Code: 36. DB::Exception: Unknown element 's3cret' for enum: (while reading the value of key e): (at row 1)";
    for (status, text, expected, message) in [
        (200, memory, "large", "Memory limit exceeded"),
        (200, "Code: 469. DB::Exception: Constraint `c` is violated at row 1. s3cret", REFUSED, "VIOLATED_CONSTRAINT"),
        (500, "Code: 252. DB::Exception: Too many parts (300). Merges are slow", "retryable", "Too many parts"),
        (500, "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)", "large", "252"),
        (500, "Code: 159. DB::Exception: Timeout exceeded: elapsed 20 seconds", "large", "elapsed 20 seconds"),
        (500, "Code: 202. DB::Exception: Too many simultaneous queries", "retryable", "Too many simultaneous queries"),
        (500, "Code: 201. DB::Exception: Quota for user `u` is exceeded", "retryable", "Quota"),
        (500, "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space", "retryable", "not enough space"),
        (500, "Code: 242. DB::Exception: Table is in readonly mode", "retryable", "TABLE_IS_READ_ONLY"),
        (500, "Code: 999. DB::Exception: Session expired. (KEEPER_EXCEPTION)", "retryable", "Session expired"),
        (500, "Code: 497. DB::Exception: u: Not enough privileges", "retryable", "Not enough privileges"),
        (500, "Code: 192. DB::Exception: Unknown user", "fatal", "UNKNOWN_USER"),
        (404, "Code: 115. DB::Exception: Unknown setting", "fatal", "UNKNOWN_SETTING"),
        (500, "Code: 12345. DB::Exception: s3cret", "retryable", "code 12345"),
        (200, "<html>Log in</html>", "retryable", "HTTP 200"),
        (500, enum_of_2021, REFUSED, "code 36"),
        (500, "Code: 36. DB::Exception: Something else", "retryable", "code 36"),
        (403, "Code: 516. DB::Exception: writer: Authentication failed", "fatal", "AUTHENTICATION_FAILED"),
        (403, "Forbidden by a proxy", "retryable", "HTTP 403"),
        (401, "", "fatal", "HTTP 401"),
        (413, "too large", REFUSED, "HTTP 413"),
        (307, "", "retryable", "HTTP 307"),
        (502, "", "retryable", "HTTP 502"),
    ] {
        let server = scripted(KNOWS, &[(200, ""), (status, text)]);
        let mut connector = connector(&server.url(), "");
        initialize(&mut connector).await.expect("the script");
        let error = connector.process_batch(records(["{}"])).await.expect_err("an error");
        let kind = match error {
            ConnectorError::Refused { .. } => REFUSED,
            ConnectorError::Retryable { .. } => "retryable",
            ConnectorError::Fatal { .. } => "fatal",
            ConnectorError::TooLarge { .. } => "large",
            _ => "something else",
        };
        let report = error.report();
        assert_eq!(kind, expected, "{status} {text}: {report}");
        assert!(report.contains(message) && !report.contains("s3cret"), "{status} {text}: {report}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_clickhouse_ends_the_start() {
    let server = scripted_with(&["<html>Log in</html>"; 2], &[]);
    let error = initialize(&mut connector(&server.url(), "")).await.expect_err("no ClickHouse");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
}

#[tokio::test]
async fn the_delay_that_a_busy_server_asks_for_is_kept() {
    for (status, text) in [(429, ""), (503, "Code: 745. DB::Exception: Too much")] {
        let server = HttpServer::start(move |_| HttpReply::status(status, text).header("retry-after", "7"));
        let error = initialize(&mut connector(&server.expect("a free port").url(), "")).await.expect_err("busy");
        let ConnectorError::Retryable { retry_after, .. } = error else { panic!("{error:?}") };
        assert_eq!(retry_after, Some(Duration::from_secs(7)), "{status}");
    }
}

#[tokio::test]
async fn a_success_that_breaks_off_is_no_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nasync").await;
        }
    });
    let error = initialize(&mut connector(&url, "")).await.expect_err("no whole answer");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    assert!(error.report().contains("the response is cut off"), "{error:?}");
}

/// The token identifies the records of the rows: equal rows of other records are not duplicates.
#[tokio::test]
async fn a_server_with_tokens_gets_the_same_one_only_for_the_same_records() {
    let server = scripted(KNOWS, &[(200, ""); 8]);
    let mut connector = connector(&server.url(), "");
    initialize(&mut connector).await.expect("the script");
    let batch = records(["{}", "{}", "{}"]);
    for records in [&batch[..], &batch[..], &batch[..2], &batch[1..]] {
        connector.process_batch(records.to_vec()).await.expect("the script");
    }
    let requests: Vec<_> = server.requests().into_iter().filter(is_insert).collect();
    let tokens: Vec<_> = requests.iter().map(|request| parameter(request, "insert_deduplication_token")).collect();
    assert!(tokens[0].is_none(), "nothing to remember without rows: {tokens:?}");
    assert!(tokens[1].is_some() && tokens[1] == tokens[2], "{tokens:?}");
    assert!(tokens[3] != tokens[2] && tokens[4] != tokens[3] && tokens[4] != tokens[2], "{tokens:?}");
    for request in &requests {
        assert_eq!(request.header("transfer-encoding"), "chunked", "a truncated one must be detected: {request:?}");
        assert_eq!(parameter(request, "async_insert"), Some("0"), "{request:?}");
        assert_eq!(parameter(request, "insert_deduplicate"), None, "{request:?}");
    }
}

#[tokio::test]
async fn a_password_alone_is_that_of_the_default_user() {
    let server = scripted("", &[]);
    let mut connector = connector(&server.url(), "");
    connector.password = Some(danube_sink::Secret::new("s3cret"));
    initialize(&mut connector).await.expect("the script");
    for request in server.requests() {
        assert_eq!(request.header("authorization"), "Basic ZGVmYXVsdDpzM2NyZXQ=", "{request:?}");
    }
}

/// A truncated code would be another one.
#[tokio::test]
async fn a_truncated_answer_is_no_verdict() {
    for (text, is_verdict) in [("Code: 6", false), ("Code: 60. DB::Exception: Table", false), ("Code: 6. DB", true)] {
        let server = scripted("", &[(200, ""), (500, text)]);
        let mut connector = connector(&server.url(), "");
        initialize(&mut connector).await.expect("the script");
        let error = connector.process_batch(records(["{}"])).await.expect_err("an error");
        assert_eq!(matches!(error, ConnectorError::Refused { .. }), is_verdict, "{text}: {error:?}");
    }
}

/// An older server would treat equal batches as duplicates; with ids, no two are equal.
#[tokio::test]
async fn a_server_without_tokens_deduplicates_only_rows_with_ids() {
    for (mapping, described, expected) in
        [("", "", "0"), ("metadata = ['id']", r#"{"name":"id","type":"String","default_type":""}"#, "1")]
    {
        let server = scripted("", &[(200, described), (200, "")]);
        let mut connector = connector(&server.url(), mapping);
        initialize(&mut connector).await.expect("the script");
        connector.process_batch(records(["{}"])).await.expect("the script");
        for request in server.requests().iter().filter(|request| is_insert(request)) {
            assert_eq!(parameter(request, "insert_deduplicate"), Some(expected), "{request:?}");
            assert_eq!(parameter(request, "insert_deduplication_token"), None, "{request:?}");
            assert_eq!(parameter(request, "async_insert"), None, "{request:?}");
        }
    }
}

/// Settings without which an answer would not mean that the shards and the views have the rows.
#[tokio::test]
async fn shards_and_views_have_the_rows_when_the_server_answers() {
    const VIEWS: &str = "deduplicate_blocks_in_dependent_materialized_views";
    const TOKENS: &str = "update_insert_deduplication_token_in_dependent_materialized_views";
    const CURRENT: &str = "async_insert\ninsert_deduplication_token\ndistributed_foreground_insert\ninsert_distributed_sync\n\
                           deduplicate_blocks_in_dependent_materialized_views\n\
                           update_insert_deduplication_token_in_dependent_materialized_views\n";
    const BEFORE_TOKENS: &str = "async_insert\ninsert_deduplication_token\ninsert_distributed_sync\n\
                                 deduplicate_blocks_in_dependent_materialized_views\n";
    let [foreground, sync] = ["distributed_foreground_insert", "insert_distributed_sync"];
    for (known, mapping, expected) in [
        (CURRENT, "", [Some("1"), Some("1"), Some("1"), None]),
        (CURRENT, "async_insert = true", [None, None, Some("1"), None]),
        (CURRENT, "settings = { insert_distributed_sync = '0' }", [Some("1"), Some("1"), None, Some("0")]),
        (
            CURRENT,
            "settings = { deduplicate_blocks_in_dependent_materialized_views = '0' }",
            [Some("0"), Some("1"), Some("1"), None],
        ),
        (BEFORE_TOKENS, "", [None, None, None, Some("1")]),
        ("", "", [None; 4]),
    ] {
        let server = scripted(known, &[(200, ""), (200, "")]);
        let mut connector = connector(&server.url(), mapping);
        initialize(&mut connector).await.expect("the script");
        connector.process_batch(records(["{}"])).await.expect("the script");
        let requests = server.requests();
        let insert = requests.iter().rfind(|request| is_insert(request)).expect("an insert");
        assert_eq!(
            [VIEWS, TOKENS, foreground, sync].map(|name| parameter(insert, name)),
            expected,
            "{mapping}: {known}"
        );
    }
}

/// Such a server changes times that are out of its range without an error.
#[tokio::test]
async fn days_are_those_of_the_servers_version() {
    const DESCRIBED: &str = "{\"name\":\"d\",\"type\":\"Date32\",\"default_type\":\"\"}\n\
                             {\"name\":\"t\",\"type\":\"DateTime64(3, 'UTC')\",\"default_type\":\"\"}\n";
    for (known, is_taken) in [("async_insert\nversion 22.7.1.1\n", false), ("async_insert\nversion 22.8.1.1\n", true)] {
        for row in [r#"{"d":"1924-12-31"}"#, r#"{"t":"1924-12-31T23:59:59Z"}"#, r#"{"t":"2283-11-12"}"#] {
            let server = scripted(known, &[(200, DESCRIBED), (200, "")]);
            let mut connector = connector(&server.url(), "");
            initialize(&mut connector).await.expect("the script");
            let answer = connector.process_batch(records([row])).await;
            assert_eq!(answer.is_ok(), is_taken, "{known} {row}: {answer:?}");
        }
    }
}
