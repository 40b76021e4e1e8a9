//! A server that answers as a script says: what the installed one cannot be brought to say.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
};

use danube_sink::{ConnectorError, SinkConnector};

use super::{connector, initialize, records};

const KNOWS: &str = "async_insert\ninsert_deduplication_token\n";

/// Its URL, and the head of each request. It answers the first two, of `initialize`, and then what the script says.
fn scripted(known: &'static str, answers: &[(u16, &'static str)]) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (seen, requests) = channel();
    let answers: Vec<_> = [(200, known), (200, "")].into_iter().chain(answers.iter().copied()).collect();
    thread::spawn(move || {
        for (status, text) in answers {
            let mut stream = BufReader::new(listener.accept().expect("a connection").0);
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                stream.read_until(b'\n', &mut head).expect("a head");
            }
            let head = String::from_utf8(head).expect("a text").to_ascii_lowercase();
            let mut body = Vec::new();
            match head.split_once("content-length: ") {
                Some((_, length)) => {
                    let length = length.split("\r\n").next().and_then(|length| length.parse().ok()).expect("a number");
                    stream.by_ref().take(length).read_to_end(&mut body).expect("a body");
                }
                // In chunks; the last one is empty.
                None => {
                    while !body.ends_with(b"\r\n0\r\n\r\n") {
                        stream.read_until(b'\n', &mut body).expect("a body");
                    }
                }
            }
            let _ = seen.send(head.clone());
            let answer = format!(
                "HTTP/1.1 {status} Said\r\nConnection: close\r\nContent-Length: {}\r\nLocation: /elsewhere\r\n\r\n{text}",
                text.len()
            );
            stream.get_mut().write_all(answer.as_bytes()).expect("it is read");
        }
    });
    (url, requests)
}

/// What a parameter of the URL is.
fn parameter<'r>(request: &'r str, name: &str) -> Option<&'r str> {
    request.split(['?', '&', ' ']).find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='))
}

#[tokio::test]
async fn answers_are_what_they_say_and_not_their_status_alone() {
    const REFUSED: &str = "refused";
    let retryable = "Code: 241. DB::Exception: Memory limit exceeded: (at row 7) s3cret (MEMORY_LIMIT_EXCEEDED)";
    let enum_of_2021 =
        "Code: 36. DB::Exception: Unknown element 's3cret' for enum: (while reading the value of key e): (at row 1)";
    for (status, text, expected, told) in [
        (200, retryable, "retryable", "code 241"),
        (200, "Code: 469. DB::Exception: Constraint `c` is violated at row 1. s3cret", REFUSED, "VIOLATED_CONSTRAINT"),
        (500, "Code: 252. DB::Exception: Too many parts (300). Merges are slow", "retryable", "Too many parts"),
        (500, "Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)", REFUSED, "252"),
        (200, "<html>Log in</html>", "retryable", "Log in"),
        (500, enum_of_2021, REFUSED, "in the column e"),
        (500, "Code: 36. DB::Exception: Something else", "retryable", "Something else"),
        (403, "Code: 516. DB::Exception: writer: Authentication failed", "fatal", "AUTHENTICATION_FAILED"),
        (403, "Forbidden by a proxy", "fatal", "HTTP 403"),
        (413, "too large", REFUSED, "HTTP 413"),
        (307, "", "retryable", "HTTP 307"),
        (502, "", "retryable", "HTTP 502"),
    ] {
        let (url, _requests) = scripted(KNOWS, &[(status, text)]);
        let mut connector = connector(&url, "");
        initialize(&mut connector).await.expect("the script");
        let error = connector.process_batch(records(["{}"])).await.expect_err("an error");
        let kind = match error {
            ConnectorError::Refused { .. } => REFUSED,
            ConnectorError::Retryable { .. } => "retryable",
            ConnectorError::Fatal { .. } => "fatal",
            _ => "something else",
        };
        let report = error.report();
        assert_eq!(kind, expected, "{status} {text}: {report}");
        assert!(report.contains(told) && !report.contains("s3cret"), "{status} {text}: {report}");
    }
}

/// The token says which records the rows are from: equal rows of other records are other rows.
#[tokio::test]
async fn a_server_that_knows_tokens_gets_one_for_the_same_records_alone() {
    let (url, requests) = scripted(KNOWS, &[(200, ""); 4]);
    let mut connector = connector(&url, "");
    initialize(&mut connector).await.expect("the script");
    let batch = records(["{}", "{}", "{}"]);
    for records in [&batch[..], &batch[..], &batch[..2], &batch[1..]] {
        connector.process_batch(records.to_vec()).await.expect("the script");
    }
    let requests: Vec<_> = requests.iter().skip(1).collect();
    let tokens: Vec<_> = requests.iter().map(|request| parameter(request, "insert_deduplication_token")).collect();
    assert!(tokens[0].is_none(), "nothing to remember without rows: {tokens:?}");
    assert!(tokens[1].is_some() && tokens[1] == tokens[2], "{tokens:?}");
    assert!(tokens[3] != tokens[2] && tokens[4] != tokens[3] && tokens[4] != tokens[2], "{tokens:?}");
    for request in &requests {
        assert!(request.contains("transfer-encoding: chunked"), "else a cut one could be taken: {request}");
        assert_eq!(parameter(request, "async_insert"), Some("0"), "{request}");
        assert_eq!(parameter(request, "insert_deduplicate"), None, "{request}");
    }
}

/// ClickHouse has a user for whoever says no name.
#[tokio::test]
async fn a_password_alone_is_that_of_the_default_user() {
    let (url, requests) = scripted("", &[]);
    let mut connector = connector(&url, "");
    connector.password = Some(danube_sink::Secret::new("s3cret"));
    initialize(&mut connector).await.expect("the script");
    for request in requests.iter() {
        assert!(request.contains("authorization: basic zgvmyxvsddpzm2nyzxq=\r\n"), "{request}");
    }
}

/// A number that lost its end is another one.
#[tokio::test]
async fn an_answer_that_breaks_off_is_no_verdict() {
    for (text, is_verdict) in [("Code: 6", false), ("Code: 60. DB::Exception: Table", false), ("Code: 6. DB", true)] {
        let (url, _requests) = scripted("", &[(500, text)]);
        let mut connector = connector(&url, "");
        initialize(&mut connector).await.expect("the script");
        let error = connector.process_batch(records(["{}"])).await.expect_err("an error");
        assert_eq!(matches!(error, ConnectorError::Refused { .. }), is_verdict, "{text}: {error:?}");
    }
}

/// An older server would take two equal batches for one; with ids no two are equal.
#[tokio::test]
async fn a_server_that_knows_no_tokens_compares_rows_with_ids_alone() {
    for (mapping, expected) in [("", "0"), ("metadata = ['id']", "1")] {
        let (url, requests) = scripted("", &[(200, "")]);
        let mut connector = connector(&url, mapping);
        initialize(&mut connector).await.expect("the script");
        connector.process_batch(records(["{}"])).await.expect("the script");
        for request in requests.iter().skip(1) {
            assert_eq!(parameter(&request, "insert_deduplicate"), Some(expected), "{request}");
            assert_eq!(parameter(&request, "insert_deduplication_token"), None, "{request}");
            assert_eq!(parameter(&request, "async_insert"), None, "{request}");
        }
    }
}
