//! Where the server is, and the connection to it.

use std::{path::PathBuf, time::Duration};

use danube_sink::{ConnectorConfig, ConnectorResult, ErrorExt, Secret, Setting, TopicMappings, config::Mapping};
use deadpool_postgres::{Manager, Pool, Runtime};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_native_certs::load_native_certs;
use tokio_postgres::config::{Config, SslMode, TargetSessionAttrs};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::table::{Plan, Table};

/// A server that does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the server is, as a table of settings.
#[derive(Setting, Debug)]
pub struct Server {
    /// The host; of several with commas between, the first that takes writes.
    pub host: String,
    /// The port, of every host.
    #[setting(default = 5432)]
    pub port: u16,
    /// Who connects.
    pub user: String,
    /// The database.
    pub database: String,
    /// Whether the connection is a safe one; the server's certificate and name are checked then.
    #[setting(default = true)]
    pub tls: bool,
    /// The CAs that the certificate may be signed by, in PEM; without it those that the system trusts.
    pub ca_file: Option<PathBuf>,
}

impl Server {
    /// Opens the table of each mapping.
    ///
    /// # Errors
    /// [`ConnectorError::Initialization`](danube_sink::ConnectorError::Initialization) where the server is not there, or
    /// something is missing in it.
    pub async fn open<T>(
        &self,
        password: Option<&Secret>,
        config: &ConnectorConfig,
        topics: &TopicMappings<T>,
        plan: impl Fn(&T) -> Plan,
    ) -> ConnectorResult<TopicMappings<Table>> {
        let what = || format!("prepare PostgreSQL at {}:{}", self.host, self.port);
        let pool = self.pool(password, config.write_timeout).initialization(what())?;
        let mut tables = Vec::new();
        for Mapping { settings, own } in topics {
            let own = Table::open(&pool, plan(own)).await.initialization(what())?;
            tables.push(Mapping { settings: settings.clone(), own });
        }
        Ok(tables.into_iter().collect())
    }

    /// One connection, opened when it is first needed, and again when it is lost.
    ///
    /// With more of them, a statement that the runtime has given up could overtake a later one. The server ends a statement
    /// by itself, before the runtime gives it up after `write_timeout`.
    fn pool(&self, password: Option<&Secret>, write_timeout: Duration) -> ConnectorResult<Pool> {
        let mut config = Config::new();
        for host in self.host.split(',') {
            config.host(host.trim()).port(self.port);
        }
        config.user(&self.user).dbname(&self.database).target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.password(password.map_or("", Secret::expose)).keepalives_idle(PATIENCE).tcp_user_timeout(PATIENCE);
        let limit = (write_timeout * 9 / 10).as_millis();
        config.options(format!("-c timezone=UTC -c statement_timeout={limit}"));
        config.ssl_mode(if self.tls { SslMode::Require } else { SslMode::Disable });
        let certificates = match &self.ca_file {
            None => load_native_certs().certs,
            Some(path) => CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .initialization(format!("read ca_file {}", path.display()))?,
        };
        let mut trusted = RootCertStore::empty();
        trusted.add_parsable_certificates(certificates);
        let tls = ClientConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .initialization("prepare safe connections")?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let manager = Manager::new(config, MakeRustlsConnect::new(tls));
        let pool = Pool::builder(manager).max_size(1).runtime(Runtime::Tokio1).create_timeout(Some(PATIENCE));
        pool.build().initialization("prepare the connection")
    }
}
