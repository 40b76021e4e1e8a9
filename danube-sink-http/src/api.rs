//! Where an API is, how it is reached, and by what it knows the connector.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use danube_sink::{ConnectorError, ConnectorResult, ErrorExt, Parsed, Secret, Setting, config::Diagnostic};
use reqwest::{
    Certificate, ClientBuilder, Identity, Proxy, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
};

use super::{client::Client, secrets::Secrets};

/// An API, as a table of settings: a field of a connector's struct.
#[derive(Debug, Setting)]
#[setting(validate = Self::has_a_certificate_for_its_key)]
pub struct Api {
    /// Where it is, such as `https://host/path`.
    #[setting(validate = is_plain)]
    pub url: Url,
    /// Name for basic authentication, whose password the secret is.
    pub username: Option<String>,
    /// Name of the header that holds the secret, such as `x-api-key`; without it, `authorization`.
    pub secret_header: Option<Parsed<HeaderName>>,
    /// Limit for one request, within what `write_timeout_ms` leaves for it.
    #[setting(default = "15s", range = "1ms"..)]
    pub timeout: Duration,
    /// Proxy that every request goes through, such as `http://host:3128`; those that the environment names do not count.
    #[setting(validate = is_plain)]
    pub proxy: Option<Url>,
    /// CAs, in PEM, that the API's certificate may be signed by, beside those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The certificate by which the API knows the connector, in PEM.
    pub cert_file: Option<PathBuf>,
    /// The private key of `cert_file`, in PEM, if it is not in that file.
    pub key_file: Option<PathBuf>,
}

impl Api {
    /// A client for it, which has not connected yet. It follows no redirects, since a write would become a GET.
    ///
    /// `builder` says what is special about the connector, such as its user agent; what stands here has the last word. The
    /// secret is sent as `Basic` with [`username`](Self::username), whose password is empty without one; alone in
    /// [`secret_header`](Self::secret_header); else as `Bearer`. No request takes longer than `limit`.
    ///
    /// # Errors
    /// [`ConnectorError::Initialization`] if a file cannot be read or is no PEM, or the secret cannot stand in a header;
    /// [`ConnectorError::Configuration`] if there is no secret for `secret_header`.
    pub fn client(&self, builder: ClientBuilder, secret: Option<&Secret>, limit: Duration) -> ConnectorResult<Client> {
        if self.secret_header.is_some() && self.username.is_none() && secret.is_none() {
            return Err(ConnectorError::configuration("`secret_header` is there, but not the secret that it holds"));
        }
        let mut headers = HeaderMap::new();
        let credential = self.credential(secret);
        if let Some((name, scheme, credential)) = &credential {
            let value = HeaderValue::try_from(format!("{scheme}{credential}"));
            let mut value = value.initialization("make a header of the credential")?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        // reqwest asks for the provider of the process; one that is there already stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let timeout = self.timeout.min(limit);
        let builder = builder.default_headers(headers).timeout(timeout);
        let mut builder = builder.redirect(Policy::none()).no_proxy();
        if let Some(proxy) = &self.proxy {
            builder = builder.proxy(Proxy::all(proxy.clone()).initialization("use the proxy")?);
        }
        let client = self.with_certificates(builder)?.build().initialization("prepare the HTTP client")?;
        // Of a login, an API may repeat the password alone.
        let login = credential.map(|(.., credential)| Secret::new(credential));
        Ok(Client::new(client, self.url.clone(), timeout, Secrets::new(login.iter().chain(secret))))
    }

    /// Whom the client trusts, and what it shows.
    fn with_certificates(&self, builder: ClientBuilder) -> ConnectorResult<ClientBuilder> {
        let builder = match &self.ca_file {
            Some(file) => {
                let (what, pem) = read(file)?;
                let certificates = Certificate::from_pem_bundle(&pem).initialization(&what)?;
                if certificates.is_empty() {
                    return Err(ConnectorError::initialization(format!("{what}: it holds no certificate in PEM")));
                }
                builder.tls_certs_merge(certificates)
            }
            // Then it does not matter what the machine trusts, or that there is nothing.
            None if self.is_plain_all_the_way() => builder.tls_certs_only([]),
            None => builder,
        };
        if let Some(file) = &self.cert_file {
            let (mut what, mut pem) = read(file)?;
            if let Some(file) = &self.key_file {
                let (of_key, key) = read(file)?;
                what = format!("{what}, {of_key}");
                // An editor may have left out the end of the last line.
                pem.push(b'\n');
                pem.extend(key);
            }
            return Ok(builder.identity(Identity::from_pem(&pem).initialization(what)?));
        }
        Ok(builder)
    }

    fn is_plain_all_the_way(&self) -> bool {
        [Some(&self.url), self.proxy.as_ref()].into_iter().flatten().all(|url| url.scheme() == "http")
    }

    /// The header, what it begins with, and what nobody else may see.
    fn credential(&self, secret: Option<&Secret>) -> Option<(HeaderName, &'static str, String)> {
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

    fn has_a_certificate_for_its_key(&self) -> Result<(), Diagnostic> {
        let alone = self.key_file.is_some() && self.cert_file.is_none();
        let mistake =
            || Diagnostic::of_key("key_file", "a key without its certificate", "add `cert_file`, or remove it");
        (!alone).then_some(()).ok_or_else(mistake)
    }
}

/// What is read, and what it holds.
fn read(file: &Path) -> ConnectorResult<(String, Vec<u8>)> {
    let what = format!("read {}", file.display());
    let pem = fs::read(file).initialization(&what)?;
    Ok((what, pem))
}

fn is_plain(url: &Url) -> Result<(), &'static str> {
    let no_name = url.username().is_empty() && url.password().is_none();
    let plain = no_name && url.query().or(url.fragment()).is_none() && matches!(url.scheme(), "http" | "https");
    plain.then_some(()).ok_or("an address is `https://host/path`, without name, password, `?` and `#`")
}
