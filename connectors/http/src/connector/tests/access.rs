//! How the connector is let in: access tokens of OAuth 2.0, and secrets in the path or the query.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use danube_sink::{
    ConnectorError, SinkConnector,
    testing::{HttpReply, HttpServer},
};

use super::{Http, connected, load, record, records, report, with};

const CLIENT_SECRET: &str = "a:client secret";

/// A token endpoint that numbers its tokens, and an API that takes only the tokens from a certain number on.
struct Guarded {
    tokens: HttpServer,
    api: HttpServer,
    oldest: Arc<AtomicUsize>,
}

impl Guarded {
    fn start(expires_in: &'static str) -> Self {
        let issued = AtomicUsize::new(0);
        let tokens = HttpServer::start(move |_| {
            let number = issued.fetch_add(1, Ordering::Relaxed);
            let text = format!(r#"{{"access_token":"token-{number}","token_type":"bearer"{expires_in}}}"#);
            HttpReply::status(200, text)
        });
        let oldest = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&oldest);
        let api = HttpServer::start(move |request| {
            let token = request.header("authorization");
            let number = token.strip_prefix("Bearer token-").and_then(|number| number.parse::<usize>().ok());
            let is_accepted = number.is_some_and(|number| number >= accepted.load(Ordering::Relaxed));
            HttpReply::status(if is_accepted { 204 } else { 401 }, format!("not with {token}"))
        });
        Self { tokens: tokens.expect("a port"), api: api.expect("a port"), oldest }
    }

    fn toml(&self, more: &str) -> String {
        toml(&self.api.url(), &self.tokens.url(), more)
    }

    async fn connected(&self) -> Http {
        connected(&self.toml(""), &[("HTTP_SECRET", CLIENT_SECRET)]).await
    }
}

fn toml(api: &str, tokens: &str, more: &str) -> String {
    format!(
        "[http.api]\nurl = '{api}'\n[http.api.oauth2]\ntoken_url = '{tokens}/token'\nclient_id = 'me&co'\n{more}\n\
         [[http.topic_mappings]]\ntopic = '{}'\nsubscription = 'http'\n",
        super::TOPIC
    )
}

#[tokio::test]
async fn one_access_token_serves_all_requests_until_the_api_refuses_it() {
    let guarded = Guarded::start(r#","expires_in":3600"#);
    let mut sink = guarded.connected().await;
    sink.process_batch(records(20)).await.unwrap();
    assert_eq!(guarded.tokens.requests().len(), 1);
    guarded.oldest.store(1, Ordering::Relaxed);
    sink.process_batch(records(20)).await.unwrap();
    assert_eq!(guarded.tokens.requests().len(), 2, "requests that are refused together fetch one token");
    let asked = &guarded.tokens.requests()[0];
    assert_eq!(
        (asked.method.as_str(), &asked.uri[..], &asked.text()[..]),
        ("POST", "/token", "grant_type=client_credentials")
    );
    // `me%26co:a%3Aclient+secret`
    assert_eq!(asked.header("authorization"), "Basic bWUlMjZjbzphJTNBY2xpZW50K3NlY3JldA==");
}

#[tokio::test]
async fn the_lifetime_of_an_access_token_may_be_a_string_or_missing() {
    for expires_in in [
        r#","expires_in":"3600""#,
        r#","expires_in":3600.5"#,
        r#","expires_in":-1"#,
        r#","expires_in":null"#,
        r#","expires_in":"soon""#,
        r#","expires_in":[3600]"#,
        r#","expires_in":18446744073709551615"#,
        r#","expires_in":1e300"#,
        "",
    ] {
        let guarded = Guarded::start(expires_in);
        let mut sink = guarded.connected().await;
        sink.process_batch(records(2)).await.unwrap();
        assert_eq!(guarded.tokens.requests().len(), 1, "{expires_in}");
    }
}

#[tokio::test]
async fn an_access_token_that_has_expired_is_not_sent() {
    let guarded = Guarded::start(r#","expires_in":0"#);
    let mut sink = guarded.connected().await;
    sink.process_batch(vec![record(0, "1")]).await.unwrap();
    let sent: Vec<_> = guarded.api.requests().iter().map(|seen| seen.header("authorization").to_owned()).collect();
    assert_eq!(sent, ["Bearer token-1"], "the first was for the health check");
}

/// A token endpoint that fails is asked once, and not once for each request.
#[tokio::test]
async fn requests_that_need_a_token_at_the_same_time_share_its_failure() {
    let guarded = Guarded::start(r#","expires_in":0"#);
    let file = guarded.toml("").replace("[http.api]\n", "[http.api]\ntimeout = '3s'\n");
    let mut sink = connected(&file, &[("HTTP_SECRET", CLIENT_SECRET)]).await;
    let busy = || HttpReply::status(429, "").header("retry-after", "7").after(Duration::from_millis(50));
    for reply in [HttpReply::never(), busy()] {
        let before = guarded.tokens.requests().len();
        guarded.tokens.script(vec![reply; 8]);
        let text = report(sink.process_batch(records(8)).await);
        assert!(text.contains("fetch an access token from") && text.contains("rejected: []"), "{text}");
        assert_eq!(guarded.tokens.requests().len() - before, 1, "{text}");
    }
    assert!(guarded.api.requests().is_empty());
}

#[tokio::test]
async fn a_request_that_has_got_no_token_is_no_try() {
    let guarded = Guarded::start(r#","expires_in":0"#);
    let mut sink = guarded.connected().await;
    guarded.tokens.script([HttpReply::status(503, "")]);
    let unsent = report(sink.process_batch(records(1)).await);
    assert!(unsent.contains("fetch an access token from") && unsent.contains("rejected: []"), "{unsent}");
    guarded.api.script([HttpReply::status(409, "")]);
    let refused = report(sink.process_batch(records(1)).await);
    assert!(refused.contains("409") && refused.contains("retry: []"), "{refused}");
}

#[tokio::test]
async fn a_request_and_its_tokens_have_the_time_of_one_request() {
    let guarded = Guarded::start(r#","expires_in":0"#);
    let file = guarded.toml("").replace("[http.api]\n", "[http.api]\ntimeout = '3s'\n");
    let mut sink = connected(&file, &[("HTTP_SECRET", CLIENT_SECRET)]).await;
    // Each is in time alone, and no two are in time together.
    let late = Duration::from_secs(2);
    guarded.tokens.script(vec![HttpReply::handled().after(late); 2]);
    guarded.api.script([HttpReply::status(401, "").after(late)]);
    let text = report(sink.process_batch(records(1)).await);
    assert!(text.contains("tried: true") && text.contains("rejected: []"), "{text}");
}

#[tokio::test]
async fn the_client_can_authenticate_itself_in_the_body() {
    let guarded = Guarded::start("");
    let more = "client_auth = 'body'\nscope = 'read write'\naudience = 'https://api'";
    let mut sink = connected(&guarded.toml(more), &[("HTTP_SECRET", CLIENT_SECRET)]).await;
    sink.process_batch(vec![record(0, "1")]).await.unwrap();
    let text = guarded.tokens.requests()[0].text().into_owned();
    assert_eq!(
        text,
        "grant_type=client_credentials&scope=read+write&audience=https%3A%2F%2Fapi&client_id=me%26co&\
         client_secret=a%3Aclient+secret"
    );
}

#[tokio::test]
async fn an_access_token_that_is_refused_again_ends_the_connector_and_is_not_shown() {
    let guarded = Guarded::start("");
    let mut sink = guarded.connected().await;
    guarded.oldest.store(usize::MAX, Ordering::Relaxed);
    let error = sink.process_batch(vec![record(0, "1")]).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Fatal { .. }), "{error:?}");
    assert!(!error.report().contains("token-"), "{}", error.report());
}

#[tokio::test]
async fn the_answer_of_the_token_endpoint_decides_what_happens() {
    let api = HttpServer::start(|_| HttpReply::status(204, "")).unwrap();
    for (status, body, class, text) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"of a:client secret"}"#,
            "Initialization",
            "invalid_client",
        ),
        (400, r#"{"error":"invalid_scope"}"#, "Configuration", "invalid_scope; correct `oauth2`"),
        (503, "a:client secret", "Retryable", "503"),
        (404, "<html>", "Initialization", "correct `token_url`"),
        (200, r#"{"access_token":"a\nb"}"#, "Initialization", "not valid in a header"),
        (200, r#"{"access_token":""}"#, "Initialization", "the `access_token` of the response is empty"),
        (200, r#"{"token":"x"}"#, "Initialization", "no `access_token`"),
        (200, r#"{"access_token":"x","token_type":"mac"}"#, "Configuration", "not of the type Bearer"),
    ] {
        let tokens = HttpServer::start(move |_| HttpReply::status(status, body)).unwrap();
        let text_of_file = toml(&api.url(), &tokens.url(), "");
        let (mut sink, core) = load(&text_of_file, &with(&[("HTTP_SECRET", CLIENT_SECRET)])).unwrap();
        let error = sink.initialize(core).await.unwrap_err();
        let report = error.report();
        let its_class = match error {
            ConnectorError::Initialization { .. } => "Initialization",
            ConnectorError::Configuration { .. } => "Configuration",
            ConnectorError::Retryable { .. } => "Retryable",
            other => panic!("{other:?}"),
        };
        assert!(its_class == class && report.contains(text), "{status}: {its_class}: {report}");
        assert!(!report.contains("client secret"), "{report}");
    }
    assert!(api.requests().is_empty(), "no request without a token");
}

#[tokio::test]
async fn the_query_of_the_token_endpoint_is_sent_and_not_shown() {
    let api = HttpServer::start(|_| HttpReply::status(204, "")).unwrap();
    let tokens = HttpServer::start(|_| HttpReply::status(503, "")).unwrap();
    let file = toml(&api.url(), &tokens.url(), "").replace("/token'", "/token?policy=hunter2'");
    let (mut sink, core) = load(&file, &with(&[("HTTP_SECRET", CLIENT_SECRET)])).unwrap();
    let error = sink.initialize(core).await.unwrap_err().report();
    assert!(error.contains("/token was answered 503") && !error.contains("hunter2"), "{error}");
    assert_eq!(tokens.requests()[0].uri, "/token?policy=hunter2");
}

#[tokio::test]
async fn retry_after_of_the_token_endpoint_is_in_the_error() {
    let api = HttpServer::start(|_| HttpReply::status(204, "")).unwrap();
    let tokens = HttpServer::start(|_| HttpReply::status(429, "").header("retry-after", "7")).unwrap();
    let file = toml(&api.url(), &tokens.url(), "");
    let (mut sink, core) = load(&file, &with(&[("HTTP_SECRET", CLIENT_SECRET)])).unwrap();
    let error = sink.initialize(core).await.unwrap_err();
    let ConnectorError::Retryable { retry_after: Some(delay), .. } = error else { panic!("{error:?}") };
    assert_eq!(delay.as_secs(), 7);
}

#[tokio::test]
async fn retry_after_of_the_health_check_is_in_the_error() {
    let api = HttpServer::start(|_| HttpReply::status(503, "").header("retry-after", "7")).unwrap();
    let file = format!("[http.api]\nurl = '{}'\n[[http.topic_mappings]]\ntopic = '{}'\n", api.url(), super::TOPIC);
    let (mut sink, core) = load(&file, &with(&[])).unwrap();
    let error = sink.initialize(core).await.unwrap_err();
    let ConnectorError::Retryable { retry_after: Some(delay), .. } = error else { panic!("{error:?}") };
    assert_eq!(delay.as_secs(), 7);
}

/// A page that has no end would fill the memory.
#[tokio::test]
async fn no_more_of_the_token_endpoints_answer_is_read_than_a_token_needs() {
    let api = HttpServer::start(|_| HttpReply::status(204, "")).unwrap();
    let tokens = HttpServer::start(|_| {
        HttpReply::status(200, format!(r#"{{"access_token":"x","more":"{}"}}"#, "x".repeat(1 << 20)))
    })
    .unwrap();
    let file = toml(&api.url(), &tokens.url(), "");
    let (mut sink, core) = load(&file, &with(&[("HTTP_SECRET", CLIENT_SECRET)])).unwrap();
    let error = sink.initialize(core).await.unwrap_err();
    assert!(
        matches!(error, ConnectorError::Initialization { .. }) && error.report().contains("`token_url`"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_secret_path_is_sent_and_never_shown() {
    const PATH: &str = "/services/T024/hunter2secret";
    let api = HttpServer::start(|request| {
        if request.method == "HEAD" { HttpReply::status(405, "") } else { HttpReply::status(503, &*request.uri) }
    })
    .unwrap();
    for (path, uri) in
        [(PATH, "/services/T024/hunter2secret/x?a=1"), ("?sig=hunter2secret", "/x?a=1&sig=hunter2secret")]
    {
        let file = format!(
            "[http.api]\nurl = '{}'\n[[http.topic_mappings]]\ntopic = '{}'\nsubscription = 'http'\npath = '/x?a=1'",
            api.url(),
            super::TOPIC
        );
        let mut sink = connected(&file, &[("HTTP_SECRET_PATH", path)]).await;
        let text = report(sink.process_batch(vec![record(0, "1")]).await);
        assert!(text.contains("503") && !text.contains("hunter2"), "{text}");
        assert_eq!(api.requests().last().map(|seen| seen.uri.clone()).as_deref(), Some(uri));
        assert!(!format!("{:?}", sink.target).contains("hunter2"));
    }
}
