//! TLS and tokens of a connection: how a client is built with them, and the header that each call carries.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use danube_client::{BrokerAddress, DanubeClient, DanubeClientBuilder};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsConnector;
use tonic::{
    codegen::http::HeaderValue,
    transport::{Certificate, ClientTlsConfig, Identity, Uri},
};

use crate::{
    config::{ConnectorConfig, Secret},
    credentials::{TokenSupply, ca_file, uses_tls},
    pipeline::{BrokerFailure, FailureKind},
};

/// TLS and the token, as the settings name them.
pub(super) struct Security {
    /// `None` for plain connections.
    tls: Option<Tls>,
}

struct Tls {
    ca_file: Option<PathBuf>,
    /// Certificate and key.
    identity: Option<(PathBuf, PathBuf)>,
    /// A token is sent by TLS only.
    token: Option<TokenHeader>,
}

/// The header `authorization`, parsed once for each token.
struct TokenHeader {
    supply: Arc<TokenSupply>,
    parsed: Mutex<Option<(Secret, HeaderValue)>>,
}

impl Security {
    /// For connections to a URL: without TLS where it begins with `http`.
    pub(super) fn new(config: &ConnectorConfig, url: &str) -> Self {
        let tls = uses_tls(url).then(|| Tls {
            ca_file: config.tls_ca_file.clone(),
            identity: config.tls_cert_file.clone().zip(config.tls_key_file.clone()),
            token: config
                .token
                .clone()
                .map(|token| TokenHeader { supply: Arc::new(TokenSupply::new(token)), parsed: Mutex::default() }),
        });
        Self { tls }
    }

    /// A client for one URL. Reads certificates and keys, which may have changed since the last time.
    pub(super) async fn client(&self, url: &Uri) -> Result<DanubeClient, BrokerFailure> {
        let builder = DanubeClient::builder().service_url(url.to_string());
        let builder = match &self.tls {
            Some(tls) => tls.apply(builder)?,
            None => builder,
        };
        Ok(builder.build().await?)
    }

    /// The TLS settings for a channel without danube-client; `None` for plain connections. Reads certificates and keys.
    pub(super) fn channel_tls(&self) -> Result<Option<ClientTlsConfig>, BrokerFailure> {
        self.tls.as_ref().map(Tls::of_channel).transpose()
    }

    /// The TLS settings for a connection of neither tonic nor danube-client; `None` for plain connections. Reads certificates and keys.
    pub(super) fn connector(&self) -> Result<Option<TlsConnector>, BrokerFailure> {
        self.tls.as_ref().map(Tls::connector).transpose()
    }

    /// The value of the header `authorization`, if there is a token.
    pub(super) fn authorization(&self) -> Result<Option<HeaderValue>, BrokerFailure> {
        let Some(token) = self.tls.as_ref().and_then(|tls| tls.token.as_ref()) else { return Ok(None) };
        let current = token.supply.current();
        let mut parsed = token.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, header)) = parsed.as_ref().filter(|(of, _)| *of == current) {
            return Ok(Some(header.clone()));
        }
        let header = HeaderValue::from_str(&format!("Bearer {}", current.expose())).map_err(|_| {
            BrokerFailure::new(
                FailureKind::Unauthenticated,
                "the token contains characters that are invalid in a header",
            )
        })?;
        *parsed = Some((current, header.clone()));
        Ok(Some(header))
    }

    /// A token is not sent without TLS, whatever address the broker gives.
    pub(super) fn check_address(&self, topic: &str, address: &BrokerAddress) -> Result<(), BrokerFailure> {
        if self.tls.is_none() || address.connect_url.scheme_str() == Some("https") {
            return Ok(());
        }
        let address = &address.connect_url;
        Err(BrokerFailure::refused(format!(
            "the broker advertises {topic} at {address}, which has no TLS: change its advertised_listeners to `https`"
        )))
    }

    /// Adds what an operator can do about a failed call, and the address where no broker answers.
    pub(super) fn explain(&self, failure: BrokerFailure, address: &str) -> BrokerFailure {
        if failure.kind != FailureKind::Unauthenticated {
            return failure.at(address);
        }
        let message = match self.tls.as_ref().and_then(|tls| tls.token.as_ref()) {
            Some(token) => format!("{}: {}", failure.message, token.supply.describe()),
            None => {
                format!("{}: the broker requires a token: set DANUBE_TOKEN, or DANUBE_TOKEN_FILE", failure.message)
            }
        };
        BrokerFailure::new(failure.kind, message)
    }
}

impl Tls {
    fn apply(&self, builder: DanubeClientBuilder) -> Result<DanubeClientBuilder, BrokerFailure> {
        let ca = self.ca()?;
        let builder = match &self.identity {
            Some((certificate, key)) => builder.with_mtls(&ca, certificate, key),
            None => builder.with_tls(&ca),
        };
        let builder = builder.map_err(|error| {
            let files = self.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
            let files: Vec<_> = [&ca].into_iter().chain(files).map(|file| file.display().to_string()).collect();
            untrusted(format!("{error}; the files are {}", files.join(", ")))
        })?;
        // For the calls that danube-client makes itself: look-ups and the schema registry.
        Ok(match self.token.as_ref().map(|token| Arc::clone(&token.supply)) {
            Some(supply) => builder.with_token_supplier(move || supply.current().expose().to_owned()),
            None => builder,
        })
    }

    fn of_channel(&self) -> Result<ClientTlsConfig, BrokerFailure> {
        let read =
            |path: &Path| fs::read(path).map_err(|error| untrusted(format!("{error}; the file is {}", path.display())));
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&self.ca()?)?));
        Ok(match &self.identity {
            Some((certificate, key)) => config.identity(Identity::from_pem(read(certificate)?, read(key)?)),
            None => config,
        })
    }

    fn connector(&self) -> Result<TlsConnector, BrokerFailure> {
        let ca = self.ca()?;
        let of = |path: &Path| format!("; the file is {}", path.display());
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(&ca).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        roots.add_parsable_certificates(certificates.map_err(|error| untrusted(format!("{error}{}", of(&ca))))?);
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| untrusted(error.to_string()))?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => {
                let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
                let chain = chain.map_err(|error| untrusted(format!("{error}{}", of(certificate))))?;
                let private = PrivateKeyDer::from_pem_file(key);
                let private = private.map_err(|error| untrusted(format!("{error}{}", of(key))))?;
                let config = builder.with_client_auth_cert(chain, private);
                config.map_err(|error| untrusted(format!("{error}{}", of(certificate))))?
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(TlsConnector::from(Arc::new(config)))
    }

    fn ca(&self) -> Result<PathBuf, BrokerFailure> {
        ca_file(self.ca_file.as_deref())
            .ok_or_else(|| untrusted("this system has no CA bundle: set `tls_ca_file`".to_owned()))
    }
}

fn untrusted(message: String) -> BrokerFailure {
    BrokerFailure::new(FailureKind::Untrusted, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Token;

    #[test]
    fn a_broker_that_gives_an_address_without_tls_is_not_followed() {
        let at = |url: &'static str| {
            let url = Uri::from_static(url);
            BrokerAddress { connect_url: url.clone(), broker_url: url, proxy: false }
        };
        let check = |service: &str, broker| {
            let security = Security::new(&ConnectorConfig::new(service, "test"), service);
            security.check_address("/default/a", &at(broker)).map_err(|failure| failure.message)
        };
        assert_eq!(check("http://one:6650", "http://two:6650"), Ok(()));
        assert_eq!(check("https://one:6650", "https://two:6650"), Ok(()));
        let refused = check("HTTPS://one:6650", "http://two:6650").unwrap_err();
        assert!(
            refused.contains("advertises /default/a at http://two:6650/") && refused.contains("advertised_listeners")
        );
    }

    #[test]
    fn the_header_follows_the_token_and_is_not_sent_without_tls() {
        let file = std::env::temp_dir().join(format!("danube-sink-token-header-{}", std::process::id()));
        // Two tokens of different lengths: within one tick of the clock, the length alone shows a change of the file.
        let (first, second) = ("e30.e30.c2ln", "e30.e30.c2lnbmVk");
        std::fs::write(&file, first).unwrap();
        let mut config = ConnectorConfig::new("https://broker:6650", "test");
        config.token = Some(Token::File(file.clone()));
        let security = Security::new(&config, "https://broker:6650");
        let header = |security: &Security| security.authorization().unwrap();
        assert_eq!(header(&security).unwrap(), format!("Bearer {first}"));
        std::fs::write(&file, second).unwrap();
        assert_eq!(header(&security).unwrap(), format!("Bearer {second}"));
        assert_eq!(header(&Security::new(&config, "http://broker:6650")), None);
        std::fs::remove_file(file).unwrap();
    }
}
