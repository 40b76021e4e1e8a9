//! Connection URLs of PostgreSQL.

use std::{error::Error, fmt, path::PathBuf};

use danube_sink::config::{Diagnostics, Setting, Value, schema::ValueType};
use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Config, Host, TargetSessionAttrs};

/// A connection URL without its password, such as `postgres://writer@db1,db2:6432/sales?sslmode=require`.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl(String);

/// A parsed connection URL: the configuration of the client library, and the parameters that it does not know.
#[derive(Debug, Default)]
pub(crate) struct Url {
    pub(crate) config: Config,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) cert_file: Option<PathBuf>,
    pub(crate) key_file: Option<PathBuf>,
}

impl Url {
    /// Parses `postgres://user:password@host:port,host:port/database?sslmode=…`.
    ///
    /// # Errors
    /// The reason, which contains nothing of the URL but names of parameters.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err("a connection URL begins with `postgres://`".to_owned());
        }
        let mut url = Self::default();
        let (location, parameters) = text.split_once('?').unwrap_or((text, ""));
        let (mut kept, mut ssl_mode, mut attributes) = (Vec::new(), None, None);
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or("a parameter has no value")?;
            let path = || Some(PathBuf::from(percent_decode_str(value).decode_utf8_lossy().into_owned()));
            match name {
                // TLS always verifies the certificate and the host name here.
                "sslmode" => ssl_mode = Some(if value.starts_with("verify-") { "require" } else { value }),
                "sslrootcert" if value == "system" => {}
                "sslrootcert" => url.ca_file = path(),
                "sslcert" => url.cert_file = path(),
                "sslkey" => url.key_file = path(),
                "target_session_attrs" => {
                    attributes = Some(if value == "primary" { "read-write" } else { value });
                }
                // The connector tries the hosts in order, and finds out by itself whether a server is gone.
                "load_balance_hosts"
                | "keepalives"
                | "keepalives_idle"
                | "keepalives_interval"
                | "keepalives_retries"
                | "tcp_user_timeout" => return Err(format!("`{name}` is not supported: remove it")),
                _ => kept.push(parameter.to_owned()),
            }
        }
        kept.push(format!("sslmode={}", ssl_mode.unwrap_or("require")));
        kept.push(format!("target_session_attrs={}", attributes.unwrap_or("read-write")));
        let parsed = format!("{location}?{}", kept.join("&")).parse::<Config>();
        url.config = parsed.map_err(|error| error.source().map_or(String::new(), ToString::to_string))?;
        let is_part_of_password = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if url.config.get_hosts().iter().any(is_part_of_password) {
            return Err("it contains two `@`: write one that belongs to the password as `%40`".to_owned());
        }
        if url.config.get_user().is_none() || url.config.get_hosts().is_empty() {
            return Err("it names no user or no host".to_owned());
        }
        let (names, ports) = (url.config.get_hosts(), url.config.get_ports());
        if ports.len() > 1 && ports.len() != names.len() || !url.config.get_hostaddrs().is_empty() {
            return Err("it needs one port, or one for each host, and no `hostaddr`".to_owned());
        }
        if url.cert_file.is_some() != url.key_file.is_some() {
            return Err("`sslcert` and `sslkey` need each other".to_owned());
        }
        if url.config.get_target_session_attrs() == TargetSessionAttrs::ReadOnly {
            return Err("`target_session_attrs=read-only` is for servers that do not accept writes".to_owned());
        }
        Ok(url)
    }
}

impl Setting for ConnectionUrl {
    const VALUE_TYPE: ValueType = ValueType::STRING;

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        let text = value.as_str()?;
        let diagnostic = match Url::read(text) {
            Ok(url) if url.config.get_password().is_none() => return Ok(Self(text.to_owned())),
            Ok(_) => value.diagnostic(
                "the URL contains a password, which must not be in the file",
                "set the password or the whole URL in the environment; `template` prints the variables",
            ),
            Err(reason) => value.diagnostic(
                format!("not a connection URL: {reason}"),
                "write one such as `\"postgres://user@host:5432/database\"`",
            ),
        };
        // An invalid URL may contain a password too.
        let mut diagnostics = Diagnostics::default();
        diagnostics.hide(value);
        diagnostics.push(diagnostic);
        Err(diagnostics)
    }
}

impl ConnectionUrl {
    /// The URL as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
