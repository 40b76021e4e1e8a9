//! Connection settings of an HTTP API: address, credentials, TLS and proxy.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use danube_sink::{
    ConnectorError, ConnectorResult, ErrorExt, Parsed, Secret, Setting,
    config::{Diagnostic, Diagnostics, TlsFiles},
};
use reqwest::{
    Certificate, ClientBuilder, Identity, Proxy, Url,
    header::{AUTHORIZATION, HeaderName, HeaderValue, InvalidHeaderValue},
    redirect::Policy,
};
use rustls_native_certs::load_native_certs;

use super::{
    client::Client,
    oauth2::{OAuth2, Tokens},
    secrets::Secrets,
};

/// Connection settings of an HTTP API: a table of settings, as a field of a connector's struct.
#[derive(Debug, Clone, Setting)]
#[setting(validate = Self::is_consistent)]
pub struct Api {
    /// Address of the API, such as `https://host/path`.
    #[setting(validate = is_plain)]
    pub url: Url,
    /// User name for basic authentication; the secret is the password.
    pub username: Option<String>,
    /// Name of the header that carries the secret, such as `x-api-key`; without it, `authorization`.
    pub secret_header: Option<Parsed<HeaderName>>,
    /// Timeout of one request; `write_timeout_ms` may shorten it.
    #[setting(default = "15s", range = "1ms"..)]
    pub timeout: Duration,
    /// Proxy for every request, such as `http://host:3128`; `HTTP_PROXY` and similar variables are ignored.
    #[setting(validate = is_proxy)]
    pub proxy: Option<Url>,
    /// CA certificates in PEM that the API's certificate may be signed by, in addition to those of the system.
    pub ca_file: Option<PathBuf>,
    /// Client certificate (mTLS), in PEM.
    pub cert_file: Option<PathBuf>,
    /// Private key of `cert_file`, in PEM; not needed if `cert_file` contains it.
    pub key_file: Option<PathBuf>,
    /// OAuth 2.0 client credentials: the connector fetches access tokens, and the secret is the client secret.
    pub oauth2: Option<OAuth2>,
}

impl Api {
    /// Checks the files that the settings name and the secret, without the API: for the connector's `validate_external`.
    /// `variable` is that of the secret, and `table` the key of these settings.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn validate_external(&self, table: &str, secret: Option<&Secret>, variable: &str) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::default();
        let Self { ca_file, cert_file, key_file, .. } = self;
        let [ca_file, cert_file, key_file] = [ca_file, cert_file, key_file].map(Option::as_deref);
        let files = TlsFiles { ca_file, cert_file, key_file };
        found.keep(files.validate());
        let needs_secret = [
            ("oauth2", self.oauth2.is_some(), "the client secret is not set"),
            (
                "secret_header",
                self.secret_header.is_some() && self.username.is_none(),
                "the secret that it carries is not set",
            ),
        ];
        for (key, is_set, message) in needs_secret {
            if is_set && secret.is_none() {
                found.push(Diagnostic::of_key(key, message, format!("set {variable}, or remove `{key}`")));
            }
        }
        if self.header(secret).is_err() {
            let help = "set it to one line: it is sent in a header";
            found.push(Diagnostic::new(
                format!("variable {variable}: it contains a line break or a control character"),
                help,
            ));
        }
        found.of_table(table).into_result()
    }

    /// Builds an HTTP client for the API, without connecting. It follows no redirects, since a write would become a GET.
    ///
    /// `builder` sets what is special about the connector, such as its user agent; these settings override it. The secret is sent
    /// as `Basic` with [`username`](Self::username) (an empty password without a secret), as it is in
    /// [`secret_header`](Self::secret_header), else as `Bearer`; with [`oauth2`](Self::oauth2) it is the client secret. No request takes longer than nine tenths of
    /// `write_timeout`, so that its error is reported, and not that the runtime cancelled the attempt.
    ///
    /// # Errors
    /// [`ConnectorError::Initialization`] if a file cannot be read or is not PEM, or the secret is not valid in a header;
    /// [`ConnectorError::Configuration`] if `secret_header` or `oauth2` is set without a secret.
    pub fn client(
        &self,
        builder: ClientBuilder,
        secret: Option<&Secret>,
        write_timeout: Duration,
    ) -> ConnectorResult<Client> {
        if self.secret_header.is_some() && self.username.is_none() && secret.is_none() {
            return Err(ConnectorError::configuration("`secret_header` is set, but not the secret that it carries"));
        }
        let header = self.header(secret).initialization("put the credential into a header")?;
        // reqwest uses the crypto provider of the process; one that is installed already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = self.timeout.min(write_timeout * 9 / 10);
        let builder = builder.default_headers(header.into_iter().collect()).timeout(timeout);
        let mut builder = builder.redirect(Policy::none()).no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(Proxy::all(proxy.clone()).initialization("use the proxy")?);
        }
        let client = self.with_certificates(builder)?.build().initialization("prepare the HTTP client")?;
        // An API may repeat the password of a login alone.
        let login = self.credential(secret).map(|(.., credential)| Secret::new(credential));
        let secrets = Secrets::new(login.iter().chain(secret));
        let tokens = match (&self.oauth2, secret) {
            (None, _) => None,
            (Some(settings), Some(secret)) => {
                Some(Tokens::new(client.clone(), settings.clone(), secret.clone(), secrets.clone()))
            }
            (Some(_), None) => {
                return Err(ConnectorError::configuration(
                    "`oauth2` is set, but not the secret, which is the client secret",
                ));
            }
        };
        Ok(Client::new(client, self.url.clone(), timeout, secrets, tokens))
    }

    /// Adds the trusted CAs and the client certificate.
    fn with_certificates(&self, builder: ClientBuilder) -> ConnectorResult<ClientBuilder> {
        let builder = match &self.ca_file {
            Some(file) => {
                let (what, pem) = read("ca_file", file)?;
                let certificates = Certificate::from_pem_bundle(&pem).initialization(&what)?;
                if certificates.is_empty() {
                    return Err(ConnectorError::initialization(format!("{what}: it contains no certificate in PEM")));
                }
                builder.tls_certs_merge(certificates)
            }
            // Without TLS, a machine that trusts no CA at all is no reason to fail.
            None if self.url.scheme() == "http" && load_native_certs().certs.is_empty() => builder.tls_certs_only([]),
            None => builder,
        };
        if let Some(file) = &self.cert_file {
            let (mut what, mut pem) = read("cert_file", file)?;
            if let Some(file) = &self.key_file {
                let (read_key, key) = read("key_file", file)?;
                what = format!("{what}, {read_key}");
                // An editor may have left out the end of the last line.
                pem.push(b'\n');
                pem.extend(key);
            }
            return Ok(builder.identity(Identity::from_pem(&pem).initialization(what)?));
        }
        Ok(builder)
    }

    /// The header of the credential, if there is one.
    fn header(&self, secret: Option<&Secret>) -> Result<Option<(HeaderName, HeaderValue)>, InvalidHeaderValue> {
        let Some((name, scheme, credential)) = self.credential(secret) else { return Ok(None) };
        let mut value = HeaderValue::try_from(format!("{scheme}{credential}"))?;
        value.set_sensitive(true);
        Ok(Some((name, value)))
    }

    /// The header of the credential, its scheme, and the credential itself; none with `oauth2`.
    fn credential(&self, secret: Option<&Secret>) -> Option<(HeaderName, &'static str, String)> {
        if self.oauth2.is_some() {
            return None;
        }
        let header = self.secret_header.as_ref().map(|header| header.0.clone());
        match (header, &self.username, secret.map(Secret::expose)) {
            (header, Some(user), secret) => {
                let login = BASE64_STANDARD.encode(format!("{user}:{}", secret.unwrap_or_default()));
                Some((header.unwrap_or(AUTHORIZATION), "Basic ", login))
            }
            (Some(header), None, Some(secret)) => Some((header, "", secret.to_owned())),
            (None, None, Some(secret)) => Some((AUTHORIZATION, "Bearer ", secret.to_owned())),
            (_, None, None) => None,
        }
    }

    fn is_consistent(&self) -> Result<(), Diagnostic> {
        if self.oauth2.is_some() && (self.username.is_some() || self.secret_header.is_some()) {
            let message = "conflicts with `username` and `secret_header`";
            return Err(Diagnostic::of_key("oauth2", message, "remove them: the access token is the credential"));
        }
        let alone = self.key_file.is_some() && self.cert_file.is_none();
        let diagnostic =
            || Diagnostic::of_key("key_file", "a key without its certificate", "set `cert_file`, or remove `key_file`");
        (!alone).then_some(()).ok_or_else(diagnostic)
    }
}

/// Reads the file of a setting; with the content comes what an error about it begins with.
fn read(key: &str, file: &Path) -> ConnectorResult<(String, Vec<u8>)> {
    let what = format!("read `{key}` {}", file.display());
    let pem = fs::read(file).initialization(&what)?;
    Ok((what, pem))
}

/// Whether it is an address of HTTP without user, password and `#`.
pub(crate) fn is_http(url: &Url) -> bool {
    let has_user = !url.username().is_empty() || url.password().is_some();
    !has_user && url.fragment().is_none() && matches!(url.scheme(), "http" | "https")
}

fn is_proxy(url: &Url) -> Result<(), Diagnostic> {
    (is_http(url) && url.query().is_none()).then_some(()).ok_or_else(|| {
        Diagnostic::new(
            "expected `http://host:port`, without user and password",
            "name an HTTP proxy that needs no login: the connector cannot log in to one",
        )
    })
}

pub(crate) fn is_plain(url: &Url) -> Result<(), Diagnostic> {
    (is_http(url) && url.query().is_none()).then_some(()).ok_or_else(|| {
        Diagnostic::new(
            "expected `https://host/path`, without user, password, `?` and `#`",
            "remove them: a password or token is the connector's secret; a path or query that is itself a secret is its \
             `secret_path`, if it has one",
        )
    })
}
