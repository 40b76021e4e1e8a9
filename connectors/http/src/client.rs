//! The HTTP client of an API.

use std::{
    error::Error as _,
    fmt, io,
    iter::successors,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use danube_sink::{
    ConnectorError, ConnectorResult, Failure, Secret,
    TargetFailure::{Busy, Misconfigured, NotReady, Refused, Unauthenticated},
};
use reqwest::{Body, Error, Method, Request, RequestBuilder, StatusCode, Url, header::CONTENT_ENCODING};
use rustls::AlertDescription;
use tokio::time::Instant;

use super::{
    answer::{Answer, READ, advice},
    compression::{Compression, Encoding},
    oauth2::Tokens,
    path::{PATH_RULE, behind, is_path},
    secrets::Secrets,
};

/// How a server says that it does not take the client certificate, or that it wants one.
const OF_CLIENT_CERTIFICATE: [AlertDescription; 8] = [
    AlertDescription::AccessDenied,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRequired,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::UnsupportedCertificate,
];

/// An HTTP client for one API, which [`Api::client`](crate::Api::client) builds.
pub struct Client {
    client: reqwest::Client,
    url: Url,
    /// What the secret path is appended to; `url` without one.
    shown: Url,
    timeout: Duration,
    /// Masked in responses that repeat them.
    secrets: Secrets,
    tokens: Option<Tokens>,
    encoding: Option<Encoding>,
}

impl Client {
    pub(crate) fn new(
        client: reqwest::Client,
        url: Url,
        timeout: Duration,
        secrets: Secrets,
        tokens: Option<Tokens>,
    ) -> Self {
        Self { client, shown: url.clone(), url, timeout, secrets, tokens, encoding: None }
    }

    /// Appends a path or a query that is a secret to the address, such as that of a Slack webhook or of an Azure signature. The
    /// query is appended to that of each request.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if it is neither.
    pub fn with_secret_path(mut self, path: &Secret) -> ConnectorResult<Self> {
        let url = behind(&self.url, path.expose()).ok().filter(|_| is_path(path.expose()));
        self.url =
            url.ok_or_else(|| ConnectorError::configuration(format!("the secret path is not valid: {PATH_RULE}")))?;
        self.secrets = self.secrets.and(path);
        self.tokens = self.tokens.map(|tokens| tokens.with_secrets(self.secrets.clone()));
        Ok(self)
    }

    /// Compresses the bodies of requests, but of those that have the header `content-encoding` already.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.encoding = compression.encoding();
        self
    }

    /// Compresses the bodies of requests with gzip, at a level from 1, the fastest, to 9, the smallest; 0 is none.
    #[must_use]
    pub fn with_gzip(mut self, level: u32) -> Self {
        self.encoding = (level > 0).then(|| Encoding::Gzip(flate2::Compression::new(level)));
        self
    }

    /// The address of the API, with the secret path if there is one.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The address of the API without the secret path, for messages.
    pub fn shown_url(&self) -> &Url {
        &self.shown
    }

    /// The timeout of one request, with the access tokens that it needs.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Starts a request, which carries the credential and the timeout.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request and reads the response. `what` names the operation in messages; the URL is not shown, since it may contain
    /// values of a record.
    ///
    /// # Errors
    /// A failure of the class [`Busy`] without a response, [`NotReady`] if the certificate is not trusted, [`Unauthenticated`] if the
    /// server refuses the client certificate, [`Refused`] if the request cannot be sent as it is; or that of the token endpoint.
    pub async fn send(&self, what: impl AsRef<str>, request: RequestBuilder) -> Result<Answer, Failure> {
        self.send_limited(what, request, READ).await
    }

    /// [`send`](Self::send), which sets `is_out` once the API may have the request, unless it is answered 401.
    pub(crate) async fn send_noting(
        &self,
        what: &str,
        request: RequestBuilder,
        is_out: &AtomicBool,
    ) -> Result<Answer, Failure> {
        self.send_as(what, request, READ, is_out).await
    }

    /// [`send`](Self::send) with another limit of the response body, in bytes, for an API that answers for each record.
    ///
    /// # Errors
    /// As of [`send`](Self::send).
    pub async fn send_limited(
        &self,
        what: impl AsRef<str>,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Answer, Failure> {
        self.send_as(what.as_ref(), request, limit, &AtomicBool::default()).await
    }

    async fn send_as(
        &self,
        what: &str,
        request: RequestBuilder,
        limit: usize,
        is_out: &AtomicBool,
    ) -> Result<Answer, Failure> {
        let failed = |error: Error| unsent(what, error);
        let (client, request) = request.build_split();
        let request = request.map_err(failed)?;
        // Compared with the response before it is compressed.
        let plain = request.try_clone();
        let mut request = self
            .compressed(request)
            .map_err(|error| Failure::new(Refused, format!("{what}: compress the body: {error}")))?;
        let execute = async |request| {
            is_out.store(true, Ordering::Relaxed);
            let response = client.execute(request).await;
            let has_not_left = response.as_ref().is_err_and(|error| error.is_connect() || error.is_builder());
            is_out.store(!has_not_left, Ordering::Relaxed);
            response
        };
        let Some(tokens) = &self.tokens else {
            let response = execute(request).await.map_err(failed)?;
            return Ok(Answer::read(response, limit, plain, self.secrets.clone()).await);
        };
        // For the tokens and the requests together.
        let deadline = Instant::now() + request.timeout().copied().unwrap_or(self.timeout);
        let again = request.try_clone();
        let mut token = tokens.token(deadline, None).await?;
        token.authorize(&mut request, deadline);
        let mut response = execute(request).await.map_err(failed)?;
        if let (StatusCode::UNAUTHORIZED, Some(mut again)) = (response.status(), again) {
            is_out.store(false, Ordering::Relaxed);
            // The token may be revoked: once more with a new one.
            token = tokens.token(deadline, Some(&token)).await?;
            token.authorize(&mut again, deadline);
            response = execute(again).await.map_err(failed)?;
        }
        Ok(Answer::read(response, limit, plain, token.secrets).await)
    }

    fn compressed(&self, mut request: Request) -> io::Result<Request> {
        let is_encoded = request.headers().contains_key(CONTENT_ENCODING);
        if let (Some(encoding), Some(body), false) =
            (self.encoding, request.body().and_then(Body::as_bytes), is_encoded)
        {
            let body = encoding.apply(body)?;
            *request.body_mut() = Some(body.into());
            request.headers_mut().insert(CONTENT_ENCODING, encoding.header());
        }
        Ok(request)
    }

    /// Health check: sends `HEAD` to a path behind the address. Any response counts as healthy, even 501 of an API that does not
    /// know `HEAD`; only 408, 425, 429, 502, 503 and 504 (temporarily unavailable), 401 and 407 (credential refused), a redirect to
    /// the same address with `https`, and 403, 404 and 405 to a path that is not empty, do not: the address of an API often is no
    /// resource, but a path that is named for the check is one.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if the API cannot be reached, is unavailable or does not have the path;
    /// [`ConnectorError::Fatal`] if it refuses the credential or redirects to `https`; [`ConnectorError::Configuration`] if the path
    /// is not valid.
    pub async fn is_there(&self, path: &str) -> ConnectorResult<()> {
        Ok(self.head(path).await??)
    }

    /// Health check for `initialize`, like [`is_there`](Self::is_there). `help` begins the message: what is needed, and what to do.
    ///
    /// # Errors
    /// [`ConnectorError::Retryable`] if the API cannot be reached or is unavailable; [`ConnectorError::Initialization`] if its
    /// certificate is not trusted, it refuses the credential or does not have the path; [`ConnectorError::Configuration`] if it
    /// redirects to `https`, or the path is not valid.
    pub async fn is_there_at_start(&self, path: &str, help: &str) -> ConnectorResult<()> {
        self.head(path).await?.map_err(|failure| failure.context(help).at_start())
    }

    async fn head(&self, path: &str) -> ConnectorResult<Result<(), Failure>> {
        let url = behind(&self.url, path).ok().filter(|_| is_path(path));
        let url = url.ok_or_else(|| ConnectorError::configuration(format!("`{path}`: {PATH_RULE}")))?;
        let what = format!("HEAD {}{path}", self.shown.as_str().trim_end_matches('/'));
        let answer = match self.send(&what, self.request(Method::HEAD, url.clone())).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(Err(failure)),
        };
        let (class, advice) = match answer.status.as_u16() {
            401 | 407 => (Unauthenticated, advice(Unauthenticated)),
            408 | 425 | 429 | 502..=504 => (Busy, advice(Busy)),
            403..=405 if !path.is_empty() => {
                (NotReady, "; the health check needs a path that answers HEAD: correct it, or leave it out")
            }
            300..=399 if answer.redirects_to_https(url) => (Misconfigured, "; write `https` in `url`"),
            _ => return Ok(Ok(())),
        };
        let mut failure = Failure::new(class, format!("{what} was answered {}{advice}", answer.status));
        (failure.code, failure.retry_after) = (Some(answer.status.as_u16()), answer.retry_after());
        Ok(Err(failure))
    }
}

/// Leaves out the secret path.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.shown)
    }
}

/// The failure of a request without a response.
pub(crate) fn unsent(what: &str, error: Error) -> Failure {
    let (class, advice) = match tls_error(&error) {
        _ if error.is_builder() => (Refused, ""),
        Some(rustls::Error::AlertReceived(alert)) if OF_CLIENT_CERTIFICATE.contains(alert) => {
            (Unauthenticated, "; set or correct `cert_file`, which a restart reads again")
        }
        Some(_) => (NotReady, advice(NotReady)),
        None if is_of_proxy_login(&error) => {
            (Unauthenticated, "; the connector cannot log in to a proxy: name another one as `proxy`")
        }
        None => (Busy, ""),
    };
    Failure::new(class, format!("{}{advice}", report(what, error)))
}

/// The operation and why it failed, with the chain of sources.
fn report(what: &str, error: Error) -> String {
    let source = Some(error.without_url().into());
    ConnectorError::Retryable { message: what.to_owned(), source, retry_after: None }.report()
}

/// The TLS error (a certificate, the protocol) among the sources, which no wait changes.
fn tls_error(error: &Error) -> Option<&rustls::Error> {
    sources(error).find_map(|error| error.downcast_ref())
}

/// Whether the proxy of an https request answered 407, which the client tells by this text alone.
fn is_of_proxy_login(error: &Error) -> bool {
    sources(error).any(|error| error.to_string().contains("proxy authorization required"))
}

fn sources(error: &Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    successors(error.source(), |&error| {
        // The source of an I/O error skips the error that it wraps.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map_or_else(|| error.source(), |wrapped| Some(wrapped))
    })
}
