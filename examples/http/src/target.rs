//! The HTTP API, and how it is reached.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use danube_sink::{ConnectorError, ConnectorResult, ErrorExt, RecordId};
use reqwest::{
    Certificate, Client, Error, Proxy,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use super::{
    HttpSink, answer,
    endpoint::{Endpoint, Head, Request},
};

/// The HTTP API.
pub(crate) struct Target {
    client: Client,
    base: String,
    health: String,
    idempotency: HeaderName,
    /// An answer that repeats it is told without it.
    credential: Option<String>,
}

impl Target {
    /// Connects to nothing yet.
    pub(crate) fn new(sink: &HttpSink) -> ConnectorResult<Self> {
        let mut headers = HeaderMap::new();
        let credential = credential(sink);
        if let Some((name, scheme, credential)) = &credential {
            let value = HeaderValue::try_from(format!("{scheme}{credential}"));
            let mut value = value.initialization("make a header of the credential")?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        // reqwest asks for the provider of the process; one that is there already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));
        let builder = Client::builder().default_headers(headers).user_agent(agent).timeout(sink.timeout).no_proxy();
        // A write that follows a redirect may become a GET.
        let mut builder = builder.redirect(Policy::none());
        if let Some(proxy) = &sink.proxy {
            builder = builder.proxy(Proxy::all(proxy.clone()).initialization("use the proxy")?);
        }
        if let Some(file) = &sink.ca_file {
            let what = format!("read the CAs in {}", file.display());
            let pem = fs::read(file).initialization(&what)?;
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).initialization(what)?);
        }
        Ok(Self {
            client: builder.build().initialization("prepare the HTTP client")?,
            base: sink.base().to_owned(),
            health: format!("{}{}", sink.base(), sink.health_path),
            idempotency: sink.idempotency_header.0.clone(),
            credential: credential.map(|(.., credential)| credential),
        })
    }

    /// Sends a request; `Ok` if the API took it.
    pub(crate) async fn send(&self, endpoint: &Endpoint, request: Request) -> ConnectorResult<()> {
        let Request { head: Head { method, url, headers }, records } = request;
        let (content_type, body) = endpoint.content(&records)?;
        let key = match &records[..] {
            [record] => record.id().to_string(),
            records => RecordId::of_batch(records),
        };
        let key = HeaderValue::try_from(key).fatal("make a header of a record's id")?;
        let defaults = [(CONTENT_TYPE, HeaderValue::from_static(content_type)), (self.idempotency.clone(), key)];
        let mut all = HeaderMap::from_iter(defaults);
        for (name, value) in headers {
            all.insert(name, value);
        }
        // As it is configured: what a record holds is not told.
        let what = format!("{method} {}{}", self.base, endpoint.path);
        let request = self.client.request(method, url).headers(all).body(body);
        let answer = request.send().await.map_err(Error::without_url).retryable(&what)?;
        answer::judge(&what, answer, self.credential.as_deref()).await
    }

    /// Whether the API is there: any answer will do, unless it says that the API takes nothing now.
    pub(crate) async fn is_there(&self) -> ConnectorResult<()> {
        let what = format!("HEAD {}", self.health);
        let answer = self.client.head(&self.health).send().await.map_err(Error::without_url).retryable(&what)?;
        match answer.status() {
            status if answer::is_away(status) => {
                Err(ConnectorError::retryable(format!("{what} was answered {status}")))
            }
            _ => Ok(()),
        }
    }
}

/// The header, what it begins with, and what nobody else may see.
fn credential(sink: &HttpSink) -> Option<(HeaderName, &'static str, String)> {
    let secret = sink.secret.as_ref()?.expose();
    let header = sink.secret_header.as_ref().map(|header| header.0.clone());
    Some(match (header, &sink.username) {
        (header, Some(user)) => {
            let login = BASE64_STANDARD.encode(format!("{user}:{secret}"));
            (header.unwrap_or(AUTHORIZATION), "Basic ", login)
        }
        (Some(header), None) => (header, "", secret.to_owned()),
        (None, None) => (AUTHORIZATION, "Bearer ", secret.to_owned()),
    })
}
