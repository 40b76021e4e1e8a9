//! Where the server is, as a table of settings.

use std::{path::PathBuf, sync::Arc};

use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, Secret, Setting, TopicMappings,
    config::{Diagnostic, Diagnostics, Mapping},
};
use tokio_postgres::config::{Config, SslMode, TargetSessionAttrs};

use super::{
    endpoint::{hosts, tls},
    session::Session,
    table::{Plan, Table},
    url::{ConnectionUrl, Url},
};

/// The server and its database: a connection `url`, or `host`, `user` and `database`.
#[derive(Setting, Debug)]
#[setting(validate = Self::is_named_once)]
pub struct Server {
    /// The connection URL, such as `postgres://user@host:5432/database?sslmode=require`, without its password; instead of
    /// `host`, `port`, `user`, `database` and `tls`.
    pub url: Option<ConnectionUrl>,
    /// The host; of several with commas between, the first that takes writes.
    pub host: Option<String>,
    /// The port of every host; without it 5432.
    pub port: Option<u16>,
    /// The user.
    pub user: Option<String>,
    /// The database.
    pub database: Option<String>,
    /// Whether the connection uses TLS, as it does without this key. The server's certificate and name are checked then.
    pub tls: Option<bool>,
    /// The CAs that the certificate may be signed by, in PEM; without it those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The client certificate (mTLS), in PEM; with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The private key of `cert_file`, in PEM.
    pub key_file: Option<PathBuf>,
    /// The name of the connection in `pg_stat_activity` and the server's log; without it `connector_name`.
    pub application_name: Option<String>,
}

/// The secrets of a connector to PostgreSQL, from the environment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Credentials<'s> {
    /// The password of the user.
    pub password: Option<&'s Secret>,
    /// A connection URL, with its password or without; it takes the place of what the settings name.
    pub url: Option<&'s Secret>,
}

impl Server {
    /// Opens the table of each mapping.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] where no server is named, [`ConnectorError::Retryable`] where it cannot be reached,
    /// [`ConnectorError::Initialization`] where something is missing in it.
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
            let own = Table::open(&session, plan(own)).await?;
            tables.push(Mapping { settings: settings.clone(), own });
        }
        Ok(tables.into_iter().collect())
    }

    fn session(&self, credentials: Credentials<'_>, config: &ConnectorConfig) -> ConnectorResult<Session> {
        let Url { config: mut client, ca_file, cert_file, key_file } = self.named(credentials.url)?;
        if let Some(password) = credentials.password {
            client.password(password.expose());
        }
        if let Some(name) = &self.application_name {
            client.application_name(name);
        } else if client.get_application_name().is_none() {
            client.application_name(&config.connector_name);
        }
        let identity = [(&self.cert_file, &self.key_file), (&cert_file, &key_file)];
        let identity = identity.into_iter().find_map(|(cert, key)| Some((cert.as_deref()?, key.as_deref()?)));
        let tls = tls(self.ca_file.as_ref().or(ca_file.as_ref()).map(PathBuf::as_path), identity)?;
        Ok(Session::new(hosts(&client)?, tls, config.write_timeout))
    }

    /// What the secret URL, the URL of the file or the settings name, in this order.
    fn named(&self, secret: Option<&Secret>) -> ConnectorResult<Url> {
        let url = secret.map(Secret::expose).or(self.url.as_ref().map(ConnectionUrl::as_str));
        if let Some(url) = url {
            return Url::read(url)
                .map_err(|reason| ConnectorError::configuration(format!("the connection URL: {reason}")));
        }
        let (Some(host), Some(user), Some(database)) = (&self.host, &self.user, &self.database) else {
            let what = "no server is named: set `host`, `user` and `database`, or `url`, in the table `server`";
            return Err(ConnectorError::configuration(what));
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

    fn is_named_once(&self) -> Result<(), Diagnostics> {
        let mut mistakes = Diagnostics::default();
        let beside = [
            ("host", self.host.is_some()),
            ("port", self.port.is_some()),
            ("user", self.user.is_some()),
            ("database", self.database.is_some()),
            ("tls", self.tls.is_some()),
        ];
        for (key, _) in beside.iter().filter(|(_, is_set)| self.url.is_some() && *is_set) {
            mistakes.push(Diagnostic::of_key(
                *key,
                "the `url` says the same",
                "remove it, and write it into the `url`",
            ));
        }
        for (key, other, is_alone) in [
            ("cert_file", "key_file", self.cert_file.is_some() && self.key_file.is_none()),
            ("key_file", "cert_file", self.key_file.is_some() && self.cert_file.is_none()),
        ] {
            if is_alone {
                mistakes.push(Diagnostic::of_key(key, format!("it needs `{other}`"), format!("set `{other}` as well")));
            }
        }
        let is_begun = beside[..4].iter().any(|(_, is_set)| *is_set);
        for (key, is_set) in [beside[0], beside[2], beside[3]] {
            if self.url.is_none() && is_begun && !is_set {
                mistakes.push(Diagnostic::new(
                    format!("`{key}` is missing beside the other keys of the server"),
                    "set it, or write a `url` instead",
                ));
            }
        }
        mistakes.into_result()
    }
}
