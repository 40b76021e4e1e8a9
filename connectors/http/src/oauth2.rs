//! OAuth 2.0 client credentials: access tokens that are fetched and renewed.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use danube_sink::{
    Failure, Secret, Setting,
    TargetFailure::{self, Busy, Misconfigured, NotReady, Unauthenticated},
    config::Diagnostic,
};
use reqwest::{
    Request, StatusCode, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde_json::Value;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout_at},
};

use super::{
    answer::{Answer, READ},
    api::is_http,
    client::unsent,
    secrets::Secrets,
};

/// The lifetime of a token whose response does not tell it, and the longest one.
const USUAL_LIFETIME: Duration = Duration::from_secs(3_600);
const LONGEST_LIFETIME: Duration = Duration::from_secs(365 * 24 * 3_600);

/// OAuth 2.0 client credentials (RFC 6749, section 4.4): a table of settings in [`Api`](crate::Api). The connector's secret is the
/// client secret. A token is renewed before it expires, and when the API answers 401.
#[derive(Debug, Clone, Setting)]
pub struct OAuth2 {
    /// Address of the token endpoint, such as `https://login.example.com/oauth2/token`.
    #[setting(validate = is_token_url)]
    token_url: Url,
    /// Client id; the secret is the client secret.
    #[setting(length = 1..)]
    client_id: String,
    /// Scopes of the token, separated by spaces.
    scope: Option<String>,
    /// Audience of the token, for servers that ask for one.
    audience: Option<String>,
    /// How the client authenticates itself at the token endpoint: `basic`, in the `authorization` header, or in the `body`.
    client_auth: ClientAuth,
}

/// How a client authenticates itself at a token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Setting)]
enum ClientAuth {
    #[default]
    Basic,
    Body,
}

/// Fetches the access tokens of a client, and keeps the current one.
#[derive(Debug)]
pub(crate) struct Tokens {
    client: reqwest::Client,
    settings: OAuth2,
    secret: Secret,
    /// What responses of the API may repeat, beside the token.
    secrets: Secrets,
    current: Mutex<Current>,
}

/// What the last answer of the token endpoint was.
#[derive(Debug, Default)]
struct Current {
    token: Option<Token>,
    /// Why there is no newer token, and since when.
    failure: Option<(Instant, Failure)>,
}

/// An access token, as a header.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    /// Masked in responses to requests with the token, which is among them.
    pub(crate) secrets: Secrets,
    header: HeaderValue,
    renew_at: Instant,
}

impl Token {
    /// Puts the token into a request, which gets the time that is left.
    pub(crate) fn authorize(&self, request: &mut Request, deadline: Instant) {
        request.headers_mut().insert(AUTHORIZATION, self.header.clone());
        *request.timeout_mut() = Some(deadline - Instant::now());
    }
}

impl Tokens {
    pub(crate) fn new(client: reqwest::Client, settings: OAuth2, secret: Secret, secrets: Secrets) -> Self {
        Self { client, settings, secret, secrets, current: Mutex::default() }
    }

    /// Masks these secrets from the next token on.
    pub(crate) fn with_secrets(self, secrets: Secrets) -> Self {
        Self { secrets, ..self }
    }

    /// The current token, or a new one; never one that the API has `refused`. Requests that need one at the same time wait for one
    /// answer, also if it is a failure.
    ///
    /// # Errors
    /// The failure of the token endpoint, which has time until `deadline`.
    pub(crate) async fn token(&self, deadline: Instant, refused: Option<&Token>) -> Result<Token, Failure> {
        let entered = Instant::now();
        let Ok(mut current) = timeout_at(deadline, self.current.lock()).await else {
            return Err(Failure::new(Busy, format!("{}: no answer within `timeout`", self.what())));
        };
        let is_refused = |token: &Token| refused.is_some_and(|refused| refused.header == token.header);
        match &*current {
            Current { token: Some(token), .. } if Instant::now() < token.renew_at && !is_refused(token) => {
                return Ok(token.clone());
            }
            Current { failure: Some((at, failure)), .. } if entered < *at => return Err(failure.clone()),
            _ => {}
        }
        let fetched = self.fetch(deadline).await;
        *current = match &fetched {
            Ok(token) => Current { token: Some(token.clone()), failure: None },
            Err(failure) => Current { token: None, failure: Some((Instant::now(), failure.clone())) },
        };
        fetched
    }

    /// The operation, for messages.
    fn what(&self) -> String {
        // A query may be long, or have a secret that belongs in no log.
        let url = self.settings.token_url.as_str();
        format!("fetch an access token from {}", url.split('?').next().unwrap_or(url))
    }

    async fn fetch(&self, deadline: Instant) -> Result<Token, Failure> {
        let (what, asked) = (&self.what(), Instant::now());
        let failed = |error| unsent(what, error);
        let response = self.request().timeout(deadline - asked).send().await.map_err(failed)?;
        let answer = Answer::read(response, READ, None, Secrets::default()).await;
        let (status, body) = (answer.status, answer.json().unwrap_or(Value::Null));
        if !status.is_success() {
            let mut failure = refusal(what, status, &body);
            failure.retry_after = answer.retry_after();
            return Err(failure);
        }
        answer.judged_as(Ok(()), what, "")?;
        let unusable = |class, message: &str| Failure::new(class, format!("{what}: {message}"));
        let token = match body["access_token"].as_str() {
            Some("") => return Err(unusable(NotReady, "the `access_token` of the response is empty")),
            Some(token) => token,
            None => return Err(unusable(NotReady, "the response has no `access_token`; correct `token_url`")),
        };
        if body["token_type"].as_str().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(unusable(Misconfigured, "the token is not of the type Bearer"));
        }
        let mut header = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| unusable(NotReady, "the token is not valid in a header"))?;
        header.set_sensitive(true);
        // Nine tenths of its time, so that no request arrives with one that has expired on the way.
        let renew_at = asked + lifetime(&body["expires_in"]) * 9 / 10;
        Ok(Token { secrets: self.secrets.and(&Secret::new(token)), header, renew_at })
    }

    fn request(&self) -> reqwest::RequestBuilder {
        let OAuth2 { token_url, client_id, scope, audience, client_auth } = &self.settings;
        let secret = self.secret.expose();
        let optional = [("scope", scope), ("audience", audience)];
        let mut fields = vec![("grant_type", "client_credentials")];
        fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))));
        let request = self.client.post(token_url.clone());
        let request = match client_auth {
            ClientAuth::Basic => {
                // RFC 6749, section 2.3.1: both are encoded like a form first.
                let login = BASE64_STANDARD.encode(format!("{}:{}", form_encoded(client_id), form_encoded(secret)));
                request.header(AUTHORIZATION, format!("Basic {login}"))
            }
            ClientAuth::Body => {
                fields.extend([("client_id", client_id.as_str()), ("client_secret", secret)]);
                request
            }
        };
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
    }
}

/// RFC 6749, section 3.2: it may have a query, but no fragment.
fn is_token_url(url: &Url) -> Result<(), Diagnostic> {
    is_http(url).then_some(()).ok_or_else(|| {
        let help = "remove them: the client is `client_id`, and its secret is the connector's secret";
        Diagnostic::new("expected `https://host/path`, without user, password and `#`", help)
    })
}

fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The lifetime of a token: a number of seconds, which some servers write as a string.
fn lifetime(expires_in: &Value) -> Duration {
    let seconds = expires_in.as_f64().or_else(|| expires_in.as_str()?.trim().parse().ok());
    let seconds = seconds.filter(|seconds| *seconds >= 0.0).map(|seconds| seconds.min(LONGEST_LIFETIME.as_secs_f64()));
    seconds.map_or(USUAL_LIFETIME, Duration::from_secs_f64)
}

/// The failure of a response (RFC 6749, section 5.2) that has no token. Of the body only the error code is shown.
fn refusal(what: &str, status: StatusCode, answer: &Value) -> Failure {
    const CODES: [(&str, TargetFailure); 6] = [
        ("invalid_client", Unauthenticated),
        ("invalid_grant", Unauthenticated),
        ("unauthorized_client", Unauthenticated),
        ("invalid_request", Misconfigured),
        ("invalid_scope", Misconfigured),
        ("unsupported_grant_type", Misconfigured),
    ];
    let code = answer["error"].as_str();
    let known = CODES.into_iter().find(|(known, _)| code == Some(known));
    let class = match (known, status.as_u16()) {
        (Some((_, class)), _) => class,
        (None, 401 | 403) => Unauthenticated,
        (None, 408 | 425 | 429 | 500..=599) => Busy,
        (None, _) => NotReady,
    };
    let code = known.map(|(code, _)| format!(" {code}")).unwrap_or_default();
    let advice = match class {
        Unauthenticated => "; correct `client_id` or the secret, which a restart reads again",
        Misconfigured => "; correct `oauth2`",
        NotReady => "; correct `token_url`",
        _ => "",
    };
    Failure::new(class, format!("{what} was answered {status}{code}{advice}"))
}
