//! Connection settings of a PostgreSQL server.

use std::{path::PathBuf, sync::Arc};

use danube_sink::{
    ConfigSchemas, ConnectorConfig, ConnectorError, ConnectorResult, Secret, Setting, TopicMappings,
    config::{Diagnostic, Diagnostics, Mapping, TlsFiles},
};
use tokio_postgres::config::{Config, SslMode, TargetSessionAttrs};

use super::{
    endpoint::{hosts, tls},
    plan::Plan,
    session::Session,
    table::Table,
    url::{ConnectionUrl, Url},
};

/// Connection settings of a PostgreSQL server and its database, as a table of settings: a connection `url`, or `host`, `user` and
/// `database`.
#[derive(Setting, Debug)]
#[setting(validate = Self::is_set_once)]
pub struct Server {
    /// Connection URL without a password, such as `postgres://user@host:5432/database?sslmode=require`; replaces `host`, `port`,
    /// `user`, `database` and `tls`.
    pub url: Option<ConnectionUrl>,
    /// Host, or several separated by commas: the first that accepts writes is used.
    #[setting(example = "db.example.com")]
    pub host: Option<String>,
    /// Port of every host; without it, 5432.
    pub port: Option<u16>,
    /// User name.
    #[setting(example = "danube")]
    pub user: Option<String>,
    /// Name of the database.
    #[setting(example = "events")]
    pub database: Option<String>,
    /// Whether the connection uses TLS, which is the default. TLS verifies the server's certificate and host name.
    pub tls: Option<bool>,
    /// CA certificates in PEM that the server's certificate may be signed by; without it, those of the system.
    pub ca_file: Option<PathBuf>,
    /// Client certificate (mTLS), in PEM; needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// Private key of `cert_file`, in PEM.
    pub key_file: Option<PathBuf>,
    /// Application name in `pg_stat_activity` and the server's log; without it, `connector_name`.
    pub application_name: Option<String>,
}

/// The secrets of a connector to PostgreSQL, from the environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'s> {
    /// The password of the user.
    pub password: Option<&'s Secret>,
    /// A connection URL, with or without a password; it overrides the settings.
    pub url: Option<&'s Secret>,
}

impl Server {
    /// Opens the table of each mapping: connects, creates missing tables, and checks columns and privileges.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if no server is set, [`ConnectorError::Retryable`] if it cannot be reached,
    /// [`ConnectorError::Initialization`] if it refuses the credentials, or a table, column or privilege is missing.
    pub async fn open<T>(
        &self,
        credentials: Credentials<'_>,
        config: &ConnectorConfig,
        topics: &TopicMappings<T>,
        plan: impl Fn(&T) -> Plan,
    ) -> ConnectorResult<TopicMappings<Table>> {
        let session = Arc::new(self.session(credentials, config)?);
        let mut tables = Vec::new();
        for Mapping { settings, own } in topics {
            let own = Table::open(&session, plan(own), async || config.table_schema(settings).await).await?;
            tables.push(Mapping { settings: settings.clone(), own });
        }
        Ok(tables.into_iter().collect())
    }

    /// Checks the certificates and the secret URL, without the server: for the connector's `validate_external`. `variable` is that
    /// of the secret URL, and `table` the key of these settings.
    ///
    /// # Errors
    /// Everything that is wrong with them; also if neither the settings nor the URL name a server.
    pub fn validate_external(&self, table: &str, url: Option<&Secret>, variable: &str) -> Result<(), Diagnostics> {
        let of_url = |message: String, help: String| match url {
            Some(_) => Diagnostic::new(format!("variable {variable}: {message}"), help),
            None => Diagnostic::of_key("url", message, help),
        };
        let mut found = Diagnostics::default();
        let connection = self.connection(url).map_err(|reason| match url {
            Some(_) => of_url(reason, "set one such as `postgres://user:password@host:5432/database`".to_owned()),
            None => Diagnostic::new(reason, format!("set one of them, or the variable {variable}")),
        });
        let connection = found.keep(connection.map_err(Diagnostics::from)).unwrap_or_default();
        let [own, others] = self.files(&connection);
        found.keep(own.validate());
        found.keep(others.validate_as(["sslrootcert", "sslcert", "sslkey"], |name, message, help| {
            of_url(format!("`{name}`: {message}"), help)
        }));
        found.of_table(table).into_result()
    }

    fn session(&self, credentials: Credentials<'_>, config: &ConnectorConfig) -> ConnectorResult<Session> {
        let mut url = self.connection(credentials.url).map_err(ConnectorError::configuration)?;
        let client = &mut url.config;
        if let Some(password) = credentials.password {
            client.password(password.expose());
        }
        if let Some(name) = &self.application_name {
            client.application_name(name);
        } else if client.get_application_name().is_none() {
            client.application_name(&config.connector_name);
        }
        let hosts = hosts(client);
        let [own, others] = self.files(&url);
        let [identity, other] = [own, others].map(|files| files.cert_file.zip(files.key_file));
        let tls = tls(own.ca_file.or(others.ca_file), identity.or(other))?;
        Ok(Session::new(hosts, tls, config.write_timeout))
    }

    /// The certificates of these settings, and those of the URL that they do not override.
    fn files<'f>(&'f self, url: &'f Url) -> [TlsFiles<'f>; 2] {
        let own = TlsFiles {
            ca_file: self.ca_file.as_deref(),
            cert_file: self.cert_file.as_deref(),
            key_file: self.key_file.as_deref(),
        };
        let of_url = TlsFiles {
            ca_file: url.ca_file.as_deref().filter(|_| own.ca_file.is_none()),
            cert_file: url.cert_file.as_deref().filter(|_| own.cert_file.is_none()),
            key_file: url.key_file.as_deref().filter(|_| own.cert_file.is_none()),
        };
        [own, of_url]
    }

    /// The connection of the secret URL, the URL in the file, or the single settings, in this order.
    ///
    /// # Errors
    /// The reason, which contains nothing of the URL.
    fn connection(&self, secret: Option<&Secret>) -> Result<Url, String> {
        let url = secret.map(Secret::expose).or(self.url.as_ref().map(ConnectionUrl::as_str));
        if let Some(url) = url {
            return Url::read(url).map_err(|reason| format!("not a connection URL: {reason}"));
        }
        let (Some(host), Some(user), Some(database)) = (&self.host, &self.user, &self.database) else {
            return Err(
                "no server is set in the table `server`: neither `url`, nor `host`, `user` and `database`".to_owned()
            );
        };
        let mut config = Config::new();
        for host in host.split(',') {
            config.host(host.trim());
        }
        config.port(self.port.unwrap_or(5432)).user(user).dbname(database);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        config.ssl_mode(if self.tls.unwrap_or(true) { SslMode::Require } else { SslMode::Disable });
        Ok(Url { config, ..Url::default() })
    }

    fn is_set_once(&self) -> Result<(), Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let single = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("user", self.user.is_some()),
            ("database", self.database.is_some()),
            ("tls", self.tls.is_some()),
        ];
        for (key, _) in single.iter().filter(|(_, is_set)| self.url.is_some() && *is_set) {
            diagnostics.push(Diagnostic::of_key(*key, "conflicts with `url`", "remove it, and put it into the `url`"));
        }
        for (key, other, is_alone) in [
            ("cert_file", "key_file", self.cert_file.is_some() && self.key_file.is_none()),
            ("key_file", "cert_file", self.key_file.is_some() && self.cert_file.is_none()),
        ] {
            if is_alone {
                diagnostics.push(Diagnostic::of_key(
                    key,
                    format!("it needs `{other}`"),
                    format!("set `{other}` as well"),
                ));
            }
        }
        let is_begun = single[..4].iter().any(|(_, is_set)| *is_set);
        for (key, is_set) in [single[0], single[2], single[3]] {
            if self.url.is_none() && is_begun && !is_set {
                diagnostics.push(Diagnostic::new(
                    format!("`{key}` is missing"),
                    "set it as well, or set `url` instead of all of them",
                ));
            }
        }
        diagnostics.into_result()
    }
}
