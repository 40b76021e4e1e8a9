//! The hosts of a server, and the TLS settings for connections to them.

use std::{path::Path, time::Duration};

use danube_sink::{ConnectorResult, ErrorExt};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use rustls_native_certs::load_native_certs;
use tokio_postgres::config::{Config, Host as HostName};
use tokio_postgres_rustls::MakeRustlsConnect;

/// A server that does not answer for this long counts as unreachable.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// One host: its name for error messages, and the configuration that connects to it alone.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) config: Config,
}

/// Splits a configuration with several hosts.
pub(crate) fn hosts(all: &Config) -> Vec<Host> {
    let (names, ports) = (all.get_hosts(), all.get_ports());
    let host = |(number, name): (usize, &HostName)| {
        let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432);
        let mut config = Config::new();
        let name = match name {
            HostName::Tcp(name) => {
                config.host(name);
                name.clone()
            }
            HostName::Unix(path) => {
                config.host_path(path);
                path.display().to_string()
            }
        };
        config.port(port).keepalives_idle(PATIENCE).tcp_user_timeout(PATIENCE);
        config.ssl_mode(all.get_ssl_mode()).ssl_negotiation(all.get_ssl_negotiation());
        config.channel_binding(all.get_channel_binding()).target_session_attrs(all.get_target_session_attrs());
        all.get_connect_timeout().map(|timeout| config.connect_timeout(*timeout));
        all.get_user().map(|user| config.user(user));
        all.get_password().map(|password| config.password(password));
        all.get_dbname().map(|database| config.dbname(database));
        all.get_application_name().map(|name| config.application_name(name));
        all.get_options().map(|options| config.options(options));
        Host { name: format!("{name}:{port}"), config }
    };
    names.iter().enumerate().map(host).collect()
}

/// TLS settings from certificate files. The server's certificate and host name are always verified.
///
/// # Errors
/// [`ConnectorError::Initialization`] if a file cannot be read or is not PEM.
pub(crate) fn tls(ca_file: Option<&Path>, identity: Option<(&Path, &Path)>) -> ConnectorResult<MakeRustlsConnect> {
    let authorities = match ca_file {
        None => load_native_certs().certs,
        Some(path) => certificates(path, "ca_file")?,
    };
    let mut trusted = RootCertStore::empty();
    trusted.add_parsable_certificates(authorities);
    let builder = ClientConfig::builder_with_provider(default_provider().into())
        .with_safe_default_protocol_versions()
        .initialization("prepare TLS")?
        .with_root_certificates(trusted);
    let client = match identity {
        None => builder.with_no_client_auth(),
        Some((cert_file, key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file);
            let key = key.initialization(format!("read key_file {}", key_file.display()))?;
            let chain = certificates(cert_file, "cert_file")?;
            builder.with_client_auth_cert(chain, key).initialization("use cert_file and key_file")?
        }
    };
    Ok(MakeRustlsConnect::new(client))
}

fn certificates(path: &Path, key: &str) -> ConnectorResult<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.initialization(format!("read {key} {}", path.display()))
}
