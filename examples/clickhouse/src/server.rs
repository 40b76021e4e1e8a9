//! The server, over HTTP.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use danube_sink::{RecordId, prelude::*};
use danube_sink_http::{
    Client,
    reqwest::{
        self, Method, RequestBuilder,
        header::{CONTENT_ENCODING, TRANSFER_ENCODING},
    },
};
use flate2::{Compression, write::GzEncoder};

use super::{Clickhouse, Table, answer::judged};

/// Servers close a connection that was idle for 3 seconds, or more.
const IDLE: Duration = Duration::from_secs(2);

/// A server that has answered.
pub(super) struct Server {
    client: Client,
    database: String,
    gzip: Compression,
    /// Whether it knows the settings of these names, which came later than JSONEachRow.
    has_async_inserts: bool,
    has_tokens: bool,
}

impl Server {
    pub(super) async fn connect(connector: &Clickhouse, write_timeout: Duration) -> ConnectorResult<Self> {
        // HTTP/2 has no chunks that a proxy could hand on.
        let builder = reqwest::Client::builder().http1_only().pool_idle_timeout(IDLE);
        let mut server = Self {
            // The log is to say what took too long.
            client: connector.api.client(builder, connector.password.as_ref(), write_timeout * 9 / 10)?,
            database: connector.database.clone(),
            gzip: Compression::new(connector.gzip_level),
            has_async_inserts: false,
            has_tokens: false,
        };
        let known = "SELECT name FROM system.settings WHERE name IN ('async_insert', 'insert_deduplication_token')";
        let known = server.query(known).await.initialization(format!(
            "ask ClickHouse at {}; `url` in the configuration says where it is, and examples/clickhouse/install-servers \
             installs one",
            connector.api.url
        ))?;
        server.has_async_inserts = known.contains("async_insert");
        server.has_tokens = known.contains("insert_deduplication_token");
        Ok(server)
    }

    /// The answer to a statement that has no rows.
    pub(super) async fn query(&self, statement: &str) -> ConnectorResult<String> {
        let what = "run a statement";
        let answer = self.client.send(what, self.post(BTreeMap::new()).body(statement.to_owned())).await?;
        Ok(judged(what, answer)?.text)
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
        let what = "insert rows";
        let answer = judged(what, self.client.send(what, insert).await?)?;
        match answer.text.is_empty() {
            true => Ok(()),
            // An insert has nothing to say.
            false => Err(ConnectorError::retryable(format!("{what}: no ClickHouse answers: {}", answer.told()))),
        }
    }

    fn compressed(&self, rows: &[u8]) -> io::Result<Vec<u8>> {
        let mut encoder = GzEncoder::new(Vec::new(), self.gzip);
        encoder.write_all(rows)?;
        encoder.finish()
    }

    fn post(&self, parameters: BTreeMap<&str, String>) -> RequestBuilder {
        let mut url = self.client.url().clone();
        url.query_pairs_mut().append_pair("database", &self.database).extend_pairs(parameters);
        self.client.request(Method::POST, url)
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
