//! The server, over HTTP.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use danube_sink::{RecordId, prelude::*};
use flate2::{Compression, write::GzEncoder};
use reqwest::{
    Client, RequestBuilder,
    header::{CONTENT_ENCODING, HeaderMap, HeaderValue, TRANSFER_ENCODING},
    redirect::Policy,
};

use super::{
    Clickhouse, Table,
    answer::{Failure, judged},
};

/// Servers close a connection that was idle for 3 seconds, or more.
const IDLE: Duration = Duration::from_secs(2);

/// A server that has answered.
pub(super) struct Server {
    client: Client,
    /// With the database.
    url: Url,
    gzip: Compression,
    /// Whether it knows the settings of these names, which came later than JSONEachRow.
    has_async_inserts: bool,
    has_tokens: bool,
}

impl Server {
    pub(super) async fn connect(connector: &Clickhouse) -> ConnectorResult<Self> {
        // The client takes what the process has. An error says that it has one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // HTTP/2 has no chunks that a proxy could hand on.
        let client = Client::builder().http1_only().timeout(connector.timeout);
        let mut client = client.pool_idle_timeout(IDLE).redirect(Policy::none());
        if connector.url.scheme() == "http" {
            // Then it does not matter which authorities the machine trusts, or that there are none.
            client = client.tls_certs_only([]);
        }
        let mut headers = HeaderMap::new();
        for (header, secret) in [("x-clickhouse-user", &connector.user), ("x-clickhouse-key", &connector.password)] {
            if let Some(secret) = secret {
                let value = HeaderValue::from_bytes(secret.expose().as_bytes());
                let mut value = value.map_err(|_| ConnectorError::configuration(format!("{header}: not one line")))?;
                value.set_sensitive(true);
                headers.insert(header, value);
            }
        }
        let client = client.default_headers(headers).build().initialization("make an HTTP client")?;
        let mut url = connector.url.clone();
        url.query_pairs_mut().append_pair("database", &connector.database);
        let mut server = Self {
            client,
            url,
            gzip: Compression::new(connector.gzip_level),
            has_async_inserts: false,
            has_tokens: false,
        };

        let known = "SELECT name FROM system.settings WHERE name IN ('async_insert', 'insert_deduplication_token')";
        let known = server.query(known).await.initialization(format!(
            "ask ClickHouse at {}; `url` in the configuration says where it is, and examples/clickhouse/install-servers \
             installs one",
            connector.url
        ))?;
        server.has_async_inserts = known.contains("async_insert");
        server.has_tokens = known.contains("insert_deduplication_token");
        Ok(server)
    }

    /// The answer to a statement that has no rows.
    pub(super) async fn query(&self, statement: &str) -> Result<String, Failure> {
        answer_to(self.post(BTreeMap::new()).body(statement.to_owned())).await
    }

    /// Returns when the table has a row of each record.
    pub(super) async fn insert(&self, table: &Table, records: &[SinkRecord]) -> ConnectorResult<()> {
        let mut body = table.rows(records)?;
        let mut parameters = self.settings(table, records);
        parameters.insert("query", table.insert_statement(!records.is_empty()));
        let mut insert = self.post(parameters);
        if self.gzip.level() > 0 {
            body = self.compressed(&body).fatal("compress rows")?;
            insert = insert.header(CONTENT_ENCODING, "gzip");
        }
        // Of a request in chunks, a server knows that it was cut.
        insert = insert.header(TRANSFER_ENCODING, "chunked").body(body);
        // An insert has nothing to say. What speaks is an exception that came late, or no ClickHouse.
        let silent = |answer: String| if answer.is_empty() { Ok(()) } else { Err(Failure::of(200, None, answer)) };
        judged(answer_to(insert).await.and_then(silent))
    }

    fn compressed(&self, rows: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), self.gzip);
        encoder.write_all(rows)?;
        encoder.finish()
    }

    fn post(&self, parameters: BTreeMap<&str, String>) -> RequestBuilder {
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        self.client.post(url)
    }

    fn settings<'t>(&self, table: &'t Table, records: &[SinkRecord]) -> BTreeMap<&'t str, String> {
        let digit = |setting: bool| u8::from(setting).to_string();
        let mut settings = BTreeMap::from([
            ("date_time_input_format", "best_effort".to_owned()),
            ("input_format_skip_unknown_fields", digit(table.skip_unknown_fields)),
        ]);
        if self.has_async_inserts {
            settings.insert("async_insert", digit(false));
        }
        if !self.has_tokens {
            // A server that knows rows by their content alone takes two equal batches for one, unless each row has an id.
            settings.insert("insert_deduplicate", digit(table.metadata.contains(&Metadata::Id)));
        } else if !records.is_empty() {
            settings.insert("insert_deduplication_token", RecordId::of_batch(records));
        }
        settings.extend(table.settings.iter().flatten().map(|(name, value)| (name.as_str(), value.clone())));
        settings
    }
}

async fn answer_to(request: RequestBuilder) -> Result<String, Failure> {
    let answer = request.send().await?;
    let (status, headers) = (answer.status(), answer.headers());
    let code = headers.get("x-clickhouse-exception-code").and_then(|code| code.to_str().ok()?.parse().ok());
    let text = answer.text().await?;
    if status.is_success() && code.is_none() { Ok(text) } else { Err(Failure::of(status.as_u16(), code, text)) }
}
