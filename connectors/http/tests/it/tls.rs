//! Requests over TLS and through proxies.

use std::time::{Duration, SystemTime};

use danube_sink::{
    prelude::*,
    testing::{HttpReply, HttpServer},
};
use danube_sink_http::{Client, reqwest::Method};
use danube_sink_tests::{Ca, TlsProxy, until};

use super::api::{api, asked, client};

#[tokio::test(flavor = "multi_thread")]
async fn https_trusts_the_cas_of_ca_file_and_sends_the_client_certificate() {
    let (api, ca) = (api().await, Ca::new("api"));
    let trusting = format!("ca_file = '{}'", ca.file().display());
    let open = TlsProxy::to(api, &ca, false).await;
    let url = format!("url = '{}'", open.url);
    let untrusting = client(&url, None).unwrap();
    let error = asked(&untrusting).await.expect_err("the certificate is not trusted");
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    assert!(error.report().contains("certificate") && error.report().contains("fix the API"), "{error}");
    let error = untrusting.is_there_at_start("", "no API").await.expect_err("the certificate is not trusted");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "it does not pass by itself: {error:?}");
    asked(&client(&format!("{url}\n{trusting}"), None).unwrap()).await.expect("trusted");

    let closed = TlsProxy::to(api, &ca, true).await;
    let url = format!("url = '{}'\n{trusting}", closed.url);
    refused_by_tls(&client(&url, None).unwrap()).await;
    let identity = ca.issue(&["connector"]);
    let (certificate, key) =
        (ca.write("its.pem", identity.certificate.trim_end()), ca.write("its-key.pem", &identity.key));
    let both = ca.write("both.pem", &format!("{}{}", identity.key, identity.certificate));
    let two = format!("cert_file = '{}'\nkey_file = '{}'", certificate.display(), key.display());
    for files in [two, format!("cert_file = '{}'", both.display())] {
        asked(&client(&format!("{url}\n{files}"), None).unwrap()).await.expect("it is known");
    }
    let error = client(&format!("{url}\ncert_file = '{}'", certificate.display()), None).expect_err("no key").report();
    assert!(error.contains("its.pem"), "{error}");
    let error =
        client(&format!("url = '{}'\nca_file = '{}'", open.url, key.display()), None).expect_err("no CA").report();
    assert!(error.contains("its-key.pem: it contains no certificate"), "{error}");
}

/// The supervisor's restart reads the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_that_has_expired_or_is_not_trusted_ends_the_connector() {
    let (api, ca, other) = (api().await, Ca::new("closed"), Ca::new("other"));
    let closed = TlsProxy::to(api, &ca, true).await;
    let expired = ca.issue_until(&["connector"], SystemTime::now() - Duration::from_secs(60));
    for identity in [other.issue(&["connector"]), expired] {
        let both = ca.write("both.pem", &format!("{}{}", identity.key, identity.certificate));
        let files = format!("ca_file = '{}'\ncert_file = '{}'", ca.file().display(), both.display());
        refused_by_tls(&client(&format!("url = '{}'\n{files}", closed.url), None).unwrap()).await;
    }
}

/// Tries until the alert is read before the connection breaks.
async fn refused_by_tls(client: &Client) {
    let is_fatal = async || {
        let error = asked(client).await.expect_err("no client certificate that the server takes");
        let is_fatal = matches!(error, ConnectorError::Fatal { .. });
        assert_eq!(is_fatal, error.report().contains("correct `cert_file`, which a restart reads again"), "{error:?}");
        is_fatal
    };
    until("a fatal error", is_fatal).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_goes_through_the_proxy() {
    let proxy = format!("url = 'http://api.invalid/v1/'\nproxy = 'http://{}'", api().await);
    let client = client(&proxy, None).unwrap();
    assert_eq!(asked(&client).await.unwrap(), "http://api.invalid/v1/ ");
    client.is_there("/health").await.expect("an answer");
    let error = client.is_there("health").await.expect_err("another host");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
}

/// It is asked to connect to the API, and wants a login first.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_wants_a_login_ends_the_connector() {
    let proxy = HttpServer::start(|_| HttpReply::status(407, "")).expect("a free port");
    for url in ["http://api.invalid", "https://api.invalid"] {
        let client = client(&format!("url = '{url}'\nproxy = '{}'", proxy.url()), None).unwrap();
        let outcome = async {
            let request = client.request(Method::POST, client.url().clone());
            client.send("post", request).await?.judged("post")
        };
        let error = outcome.await.expect_err("a login");
        assert!(matches!(error, ConnectorError::Fatal { .. }), "{url}: {error:?}");
        assert!(matches!(client.is_there("").await, Err(ConnectorError::Fatal { .. })), "{url}");
    }
}

/// The URL says `https`, and the server speaks plain HTTP: a setting, or the API, has to change.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_speak_tls_is_not_waited_for_at_start() {
    let table = format!("url = 'https://{}'", api().await);
    let error = client(&table, None).unwrap().is_there_at_start("", "no API").await.expect_err("no TLS");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_whose_certificate_is_not_trusted_is_not_waited_for_at_start() {
    let (api, ca) = (api().await, Ca::new("tokens"));
    let tokens = TlsProxy::to(api, &ca, false).await;
    let table = format!("url = 'http://{api}'\noauth2 = {{ token_url = '{}', client_id = 'me' }}", tokens.url);
    let client = client(&table, Some("s3cret")).unwrap();
    let error = client.is_there_at_start("", "no API").await.expect_err("the certificate is not trusted");
    assert!(matches!(error, ConnectorError::Initialization { .. }), "it does not pass by itself: {error:?}");
    assert!(error.report().contains("fetch an access token") && error.report().contains("certificate"), "{error:?}");
}

/// The test asks again in a process whose system trusts the CA.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_endpoint_and_other_hosts_may_use_tls_where_the_api_does_not() {
    if let Ok(tls) = std::env::var("URL_OF_TRUSTED") {
        let table = format!("url = 'http://127.0.0.1:1'\noauth2 = {{ token_url = '{tls}', client_id = 'me' }}");
        let error = asked(&client(&table, Some("s3cret")).unwrap()).await.expect_err("its answer has no token");
        assert!(error.report().contains("the response has no `access_token`"), "{error:?}");
        let client = client("url = 'http://127.0.0.1:1'", None).unwrap();
        client.send("ask", client.request(Method::GET, tls.parse().unwrap())).await.expect("it is trusted");
        return;
    }
    let (api, ca) = (api().await, Ca::new("system"));
    let tls = TlsProxy::to(api, &ca, false).await;
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    again.arg("a_token_endpoint_and_other_hosts_may_use_tls_where_the_api_does_not");
    again.env("SSL_CERT_FILE", ca.file()).env("URL_OF_TRUSTED", &tls.url);
    let output = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("1 passed"), "{shown}");
}
