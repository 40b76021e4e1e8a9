//! Requests over real sockets: credentials and responses.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, Uri},
};
use danube_sink::{
    config::load_text,
    prelude::*,
    testing::{HttpReply, HttpServer},
};
use danube_sink_http::{
    Api, Client, Compression, Headers,
    reqwest::{self, Method},
};
use danube_sink_tests::{free_port, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// A connector that has an API, and writes nothing.
#[sink_connector(main = false, name = "probe")]
struct Probe {
    /// The API.
    api: Api,
    #[topic_mappings]
    topics: TopicMappings<To>,
}

#[derive(TopicMapping)]
struct To {
    /// The path of a record.
    #[setting(default = "")]
    path: danube_sink_http::Path,
    headers: Headers,
}

#[sink_connector]
impl SinkConnector for Probe {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Err(ConnectorError::fatal("it is not called"))
    }
}

fn probe(api: &str, mapping: &str) -> Result<Probe, String> {
    let text = format!("[probe.api]\n{api}\n[[probe.topic_mappings]]\ntopic = '/default/t'\n{mapping}");
    let environment = |name: &str| (name == "DANUBE_SERVICE_URL").then(|| "http://localhost:6650".into());
    let loaded = load_text::<Probe>(Path::new("test.toml"), &text, &environment);
    loaded.map(|loaded| loaded.connector).map_err(|error| error.to_string())
}

pub(super) fn client(api: &str, secret: Option<&str>) -> ConnectorResult<Client> {
    let probe = probe(api, "").expect("a configuration");
    probe.api.client(reqwest::Client::builder(), secret.map(Secret::new).as_ref(), Duration::from_secs(10))
}

/// An API that answers with the URI and the credential of the request.
pub(super) async fn api() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let echo = async |uri: Uri, headers: HeaderMap| {
        let credential = headers.get("authorization").map(|value| value.to_str().expect("text")).unwrap_or_default();
        // Backwards, so that it is not taken out of the answer.
        format!("{uri} {}", credential.chars().rev().collect::<String>())
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    address
}

pub(super) async fn asked(client: &Client) -> ConnectorResult<String> {
    Ok(client.send("ask", client.request(Method::GET, client.url().clone())).await?.text().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_credential_is_sent_and_not_shown() {
    let url = format!("url = 'http://{}'", api().await);
    let named = format!("{url}\nusername = 'me'");
    for (api, secret, sent) in [
        (&url, None, ""),
        (&url, Some("t0ken"), "Bearer t0ken"),
        (&named, Some("pass"), "Basic bWU6cGFzcw=="),
        // Of a user without a password, whom some APIs have.
        (&named, None, "Basic bWU6"),
    ] {
        let answer = asked(&client(api, secret).unwrap()).await.unwrap();
        let credential: String = answer.trim_start_matches("/ ").chars().rev().collect();
        assert_eq!(credential, sent, "{api}");
    }
    let repeating = client(&named, Some("pass")).unwrap();
    let url_of_both = format!("{}bWU6cGFzcw==/pass", repeating.url());
    let request = repeating.request(Method::GET, url_of_both.parse().unwrap());
    let answer = repeating.send("ask", request).await.unwrap();
    assert!(answer.excerpt().starts_with("/***/*** ") && !answer.words().contains("pass"));
    assert!(answer.text().contains("/pass ") && answer.masked("no pass") == "no ***", "what it means stays");
    let error = client(&format!("{url}\nsecret_header = 'x-key'"), None).expect_err("no secret").report();
    assert!(error.contains("`secret_header`"), "{error}");
    let shown = format!("{:?}", client(&url, Some("t0ken")).unwrap());
    assert!(!shown.contains("t0ken"), "{shown}");
    let error = client(&url, Some("two\nlines")).expect_err("no header").report();
    assert!(error.contains("credential") && !error.contains("lines"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_or_has_no_end_is_not_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let client = client(&format!("url = 'http://{}'", listener.local_addr().unwrap()), None).unwrap();
    tokio::spawn(async move {
        let long = || (1 << 20, "x".repeat(1 << 20));
        for (length, body) in [(2, "ok".to_owned()), (9, "ok".to_owned()), long(), long()] {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.read(&mut [0; 1024]).await.expect("a request");
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes()).await;
        }
    });
    for (is_whole, length) in [(true, 2..=2), (false, 2..=2), (false, 64 * 1024..=1024 * 1024)] {
        let answer = client.send("ask", client.request(Method::GET, client.url().clone())).await.expect("an answer");
        assert_eq!((answer.status, answer.is_whole), (StatusCode::OK, is_whole));
        assert!(length.contains(&answer.text().len()), "{}", answer.text().len());
    }
    let request = client.request(Method::GET, client.url().clone());
    let answer = client.send_limited("ask", request, 2 << 20).await.expect("an answer");
    assert!(answer.is_whole && answer.text().len() == 1 << 20, "the caller's limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_encoded_already_is_not_compressed() {
    let server = HttpServer::start(|_| HttpReply::status(204, "")).expect("a free port");
    let client = client(&format!("url = '{}'", server.url()), None).unwrap().with_compression(Compression::Gzip);
    let request = client.request(Method::POST, client.url().clone()).header("content-encoding", "br").body("encoded");
    client.send("post", request).await.unwrap();
    let seen = server.requests().pop().unwrap();
    assert_eq!((seen.header("content-encoding"), &*seen.text()), ("br", "encoded"));
}

/// No request is redirected, so the first record would end the connector.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_redirects_to_https_ends_the_start_and_another_redirect_is_healthy() {
    let location = Arc::new(Mutex::new(String::new()));
    let answered = Arc::clone(&location);
    let reply = move |_: &_| HttpReply::status(308, "").header("location", answered.lock().unwrap().clone());
    let server = HttpServer::start(reply).expect("a free port");
    let client = client(&format!("url = '{}/v1'", server.url()), None).unwrap();
    let secure = server.url().replace("http:", "https:");
    for healthy in [format!("{secure}/login?from=/v1/health"), "/v1/health/".to_owned(), "https://[".to_owned()] {
        *location.lock().unwrap() = healthy;
        client.is_there("/health").await.expect("another address");
    }
    *location.lock().unwrap() = format!("{secure}/v1/health");
    let error = client.is_there("/health").await.expect_err("every request has this answer");
    assert!(matches!(error, ConnectorError::Fatal { .. }), "{error:?}");
    let error = client.is_there_at_start("/health", "no API").await.expect_err("a setting is wrong");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
    assert!(error.report().contains("308") && error.report().contains("write `https` in `url`"), "{error:?}");
}

/// Whether the API took it is not known: the status came, and not all that it announced.
#[tokio::test(flavor = "multi_thread")]
async fn a_success_that_breaks_off_is_no_answer_and_one_that_is_long_is_a_success() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let table = format!("url = 'http://{}'\ntimeout = '2s'", listener.local_addr().unwrap());
    let client = client(&table, None).unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let length = stream.read(&mut [0; 1024]).await.expect("a request");
            assert!(length > 0);
            let (body, is_closed) = match open.len() {
                0 => ("content-length: 2\r\n\r\nok".to_owned(), true),
                1 => ("content-length: 9\r\n\r\nok".to_owned(), true),
                2 => ("transfer-encoding: chunked\r\n\r\n2\r\nok\r\n".to_owned(), true),
                // An answer that trickles, one that does not begin, and one that does not end.
                3 => ("content-length: 9\r\n\r\nok".to_owned(), false),
                4 => (String::new(), false),
                _ => (format!("content-length: 9999999\r\n\r\n{}", "x".repeat(99_999)), false),
            };
            let head = if open.len() == 4 { "" } else { "HTTP/1.1 200 OK\r\nconnection: close\r\n" };
            let _ = stream.write_all((head.to_owned() + &body).as_bytes()).await;
            open.push((!is_closed).then_some(stream));
        }
    });
    for is_taken in [true, false, false, false, false, true] {
        let request = client.request(Method::POST, client.url().clone());
        let outcome = async { client.send("post", request).await?.judged("post") };
        let outcome = within("an outcome", outcome).await;
        match outcome {
            Ok(()) => assert!(is_taken),
            Err(error) => assert!(!is_taken && matches!(error, ConnectorError::Retryable { .. }), "{error:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_api_is_waited_for_at_start_and_later() {
    let closed = format!("url = 'http://127.0.0.1:{}'", free_port());
    for table in [closed.as_str(), "url = 'http://no-such-host.invalid'"] {
        let client = client(table, None).unwrap();
        for error in [
            asked(&client).await.expect_err("no server is there"),
            client.is_there("").await.expect_err("no server is there"),
            client.is_there_at_start("", "start it").await.expect_err("no server is there"),
        ] {
            assert!(matches!(error, ConnectorError::Retryable { .. }), "{table}: {error:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_request_nor_the_answer_is_in_the_debug_output() {
    let client = client(&format!("url = 'http://{}'", api().await), None).unwrap();
    let url = format!("{}quagga", client.url()).parse().unwrap();
    let answer = client.send("ask", client.request(Method::GET, url)).await.unwrap();
    assert!(answer.text().contains("quagga") && !format!("{answer:?}").contains("quagga"), "{answer:?}");
    assert!(answer.excerpt().contains("quagga") && !answer.words().contains("quagga"));
}

/// A stream is gone when it has been sent.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_body_that_was_a_stream_are_not_shown() {
    let server = HttpServer::start(|seen| HttpReply::status(400, seen.text())).expect("a free port");
    let client = client(&format!("url = '{}'", server.url()), None).unwrap();
    let stream = reqwest::Body::wrap("no quagga".to_owned());
    let answer = client.send("post", client.request(Method::POST, client.url().clone()).body(stream)).await.unwrap();
    assert!(answer.text().contains("quagga") && !answer.words().contains("quagga"), "{answer:?}");
}

#[tokio::test]
async fn paths_and_headers_are_filled_in_from_the_record() {
    let mapping = "path = '/a/{/user}?of={topic}'\nheaders = { X-Note = 'by {/note}', x-same = 'as it is' }";
    let probe = probe("url = 'http://host/v1/'", mapping).expect("a configuration");
    let to = probe.topics.get("/default/t").expect("a mapping");
    let record = |user: &str, note: &str| {
        let payload = format!(r#"{{"user":"{user}","note":"{note}"}}"#);
        SinkRecord::builder("/default/t").payload(payload).build()
    };
    let good = record("a/b ü", "me");
    let url = to.path.behind(&probe.api.url, &good).expect("a URL");
    assert_eq!(url.as_str(), "http://host/v1/a/a%2Fb%20%C3%BC?of=%2Fdefault%2Ft");
    let headers = to.headers.fill(&good).expect("headers");
    assert_eq!((headers["x-note"].to_str().unwrap(), headers["x-same"].to_str().unwrap()), ("by me", "as it is"));
    for another_path in ["", ".", ".."] {
        let error = to.path.behind(&probe.api.url, &record(another_path, "")).expect_err("another path");
        assert!(matches!(error, ConnectorError::InvalidRecord { .. }), "{error:?}");
    }
    // Values that are no other path alone, and are one together.
    for (path, user, note) in [("/a/{/user}{/note}", ".", "."), ("/a/.{/user}/b", ".", ""), ("/%2E{/user}", ".", "")] {
        let probe = self::probe("url = 'http://host/v1/'", &format!("path = '{path}'")).expect("a configuration");
        let to = &probe.topics.get("/default/t").expect("a mapping").path;
        let error = to.behind(&probe.api.url, &record(user, note)).expect_err(path);
        assert!(matches!(error, ConnectorError::InvalidRecord { .. }), "{error:?}");
        to.behind(&probe.api.url, &record("b", ".")).expect("a path below");
    }
    let error = to.headers.fill(&record("a", r"two\nlines")).expect_err("two lines").report();
    assert!(error.contains("`by {/note}`") && !error.contains("lines"), "{error}");
}

#[test]
fn invalid_settings_are_reported_with_their_line() {
    for (api, mapping, message, line) in [
        ("url = 'ftp://host'", "", "expected `https://host/path`", 2),
        ("url = 'https://me@host'", "", "expected `https://host/path`", 2),
        ("url = 'http://host'\nkey_file = 'k.pem'", "", "a key without its certificate", 3),
        ("url = 'http://host'\nsecret_header = 'a b'", "", "not a HeaderName", 3),
        ("url = 'http://host'", "path = 'a'", "invalid path", 5),
        ("url = 'http://host'", "path = '/a#b'", "invalid path", 5),
        ("url = 'http://host'", "path = '/a/../{/b}'", "invalid path", 5),
        ("url = 'http://host'\nproxy = 'socks5://proxy:1080'", "", "an HTTP proxy that needs no login", 3),
        ("url = 'http://host'\nproxy = 'http://me:s3cret@proxy:3128'", "", "without user and password", 3),
        ("url = 'http://host'\noauth2 = { token_url = 'http://host#x', client_id = 'me' }", "", "and `#`", 3),
        ("url = 'http://host'\noauth2 = { token_url = 'ftp://host', client_id = 'me' }", "", "`https://host/path`", 3),
        ("url = 'http://host'", "headers = { host = 'x' }", "`host`: its name is not a Header", 5),
        ("url = 'http://host'", "headers = { authorization = 'Bearer {s3cret', x = 1 }", "`x`: expected a string", 5),
        ("url = 'http://host'", "headers = { x = \"two\\nlines\" }", "`x`: not a valid header value", 5),
    ] {
        let report = probe(api, mapping).err().unwrap_or_else(|| panic!("{api} {mapping} is taken"));
        assert!(report.contains(message) && report.contains(&format!("test.toml:{line}")), "{report}");
        assert!(!report.contains("s3cret"), "{report}");
    }
}
