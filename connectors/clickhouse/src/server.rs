//! The ClickHouse server, over its HTTP interface.

use std::collections::BTreeMap;

use bytes::Bytes;
use danube_sink::{RecordId, metrics::Counter, prelude::*};
use danube_sink_http::{
    Answer, Hosts,
    reqwest::{self, Method, header::TRANSFER_ENCODING},
};

use super::{
    Clickhouse,
    answer::{Hidden, foreign, is_unusable, judged},
    column::{Columns, Days},
    opened::Target,
    table::{Format, Table, insert_statement},
};

/// The client closes idle connections before servers do, after 3 seconds or more.
const IDLE: Duration = Duration::from_secs(2);
/// The most bytes of an answer; a table may have thousands of columns.
const BYTES_OF_ANSWER: usize = 16 * 1024 * 1024;
/// The settings by which a repeated insert, that the table has, still goes to the views that have it not. Without the second one, which
/// current servers only keep the name of, two views that write into one table would take each other's rows for repeated ones.
const OF_VIEWS: [&str; 2] = [
    "deduplicate_blocks_in_dependent_materialized_views",
    "update_insert_deduplication_token_in_dependent_materialized_views",
];
/// The names of the setting by which `Distributed` tables answer late enough: the current one, and that of older servers.
const DISTRIBUTED: [&str; 2] = ["distributed_foreground_insert", "insert_distributed_sync"];
/// The setting without which a server refuses blocks of other types than those of the table.
const CONVERSION: &str = "input_format_native_allow_types_conversion";

/// A server that has answered.
pub(super) struct Server {
    pub(super) hosts: Hosts,
    database: String,
    pub(super) cluster: Option<String>,
    /// Whether it has the setting `async_insert`.
    pub(super) has_async_inserts: bool,
    /// Whether it has the setting `async_insert_deduplicate`.
    has_async_deduplication: bool,
    /// Whether it has the setting `insert_deduplication_token`.
    has_tokens: bool,
    /// Whether it deduplicates what it writes into each materialised view by itself, with a token of its own.
    has_view_deduplication: bool,
    /// Whether it has the setting `describe_compact_output`.
    pub(super) has_compact_output: bool,
    /// Its name of the setting by which a `Distributed` table answers when the shards have the rows.
    distributed: Option<&'static str>,
    /// Whether it compares the types of `Native` with those of a table.
    pub(super) has_native: bool,
    /// Whether it reads `ArrowStream`.
    pub(super) has_arrow: bool,
    /// The days that its types have.
    pub(super) days: Days,
    /// Its time zone, which applies to columns without one.
    pub(super) zone: String,
    /// Counts batches that were sent as JSON because the format does not carry them.
    pub(super) unconverted: Counter,
}

/// An insert: the rows of records in a format.
pub(super) struct Insert<'r> {
    pub(super) format: Format,
    /// The columns that the statement names; without them, the rows do.
    pub(super) columns: Vec<&'r str>,
    pub(super) rows: Bytes,
    /// The records of the rows, which determine the deduplication token.
    pub(super) records: &'r [SinkRecord],
    /// The columns of the table; `None` if there are no rows.
    pub(super) known: Option<&'r Columns>,
}

/// Rows in a format of columns.
pub(super) struct Encoded<'c> {
    /// The columns that the rows have.
    pub(super) columns: Vec<&'c str>,
    pub(super) bytes: Vec<u8>,
}

impl<'c> Encoded<'c> {
    pub(super) fn insert(self, format: Format, records: &'c [SinkRecord], known: Option<&'c Columns>) -> Insert<'c> {
        let Self { columns, bytes } = self;
        Insert { format, columns, rows: bytes.into(), records, known }
    }
}

impl Server {
    /// How long one of several hosts may take to accept a connection.
    pub(super) const CONNECT: Duration = Duration::from_secs(3);

    /// The HTTP client's settings for ClickHouse.
    pub(super) fn client_builder() -> reqwest::ClientBuilder {
        // HTTP/2 has no chunks that a proxy could pass on.
        reqwest::Client::builder().http1_only().pool_idle_timeout(IDLE)
    }

    /// Connects, and reads the server's features and time zone.
    pub(super) async fn connect(
        hosts: Hosts,
        settings: &Clickhouse,
        config: &ConnectorConfig,
    ) -> ConnectorResult<Self> {
        let mut server = Self {
            hosts,
            database: settings.database.clone(),
            cluster: settings.cluster.clone(),
            has_async_inserts: false,
            has_async_deduplication: false,
            has_tokens: false,
            has_view_deduplication: false,
            has_compact_output: false,
            distributed: None,
            has_native: false,
            has_arrow: false,
            days: Days::of("", false),
            zone: String::new(),
            unconverted: config.metrics().counter(
                "unconverted_batches",
                "Batches that were sent as JSON because `format` does not carry them",
            )?,
        };
        let settings = [
            "async_insert",
            "async_insert_deduplicate",
            "insert_deduplication_token",
            "describe_compact_output",
            CONVERSION,
        ];
        let settings: Vec<_> =
            settings.iter().chain(&OF_VIEWS).chain(&DISTRIBUTED).map(|name| format!("'{name}'")).collect();
        let known = format!(
            "SELECT name FROM system.settings WHERE name IN ({}) \
             UNION ALL SELECT concat('format ', name) FROM system.formats WHERE name = 'ArrowStream' AND is_input \
             UNION ALL SELECT concat('version ', version()) \
             UNION ALL SELECT concat('time zone ', timezone())",
            settings.join(", ")
        );
        let known = server.query(&known, Hidden::default()).await.map_err(|failure| {
            let help = "`url` in the configuration is its address; in a checkout of danube-sink, \
                        `connectors/clickhouse/install-servers run` starts one to try with";
            failure.context(format!("connect to ClickHouse at {}; {help}", server.hosts.client().url())).at_start()
        })?;
        let has = |setting| known.lines().any(|line| line == setting);
        server.has_async_inserts = has("async_insert");
        server.has_async_deduplication = has("async_insert_deduplicate");
        server.has_tokens = has("insert_deduplication_token");
        server.has_view_deduplication = OF_VIEWS.into_iter().all(has);
        server.has_compact_output = has("describe_compact_output");
        server.distributed = DISTRIBUTED.into_iter().find(|name| has(name));
        server.has_native = has(CONVERSION);
        server.has_arrow = has("format ArrowStream");
        let value = |name| known.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        server.days = Days::of(value("version "), server.is_old());
        server.zone = value("time zone ").to_owned();
        Ok(server)
    }

    /// Whether its version is before 21.11, which has asynchronous inserts and the extended range of `Date`.
    pub(super) fn is_old(&self) -> bool {
        !self.has_async_inserts
    }

    /// The answer to a statement that has no rows.
    pub(super) async fn query(&self, statement: &str, hidden: Hidden<'_>) -> Result<String, Failure> {
        let what = "run a statement";
        let request = |url: &Url| {
            let url = self.with_parameters(url, BTreeMap::new());
            self.hosts.client().request(Method::POST, url).body(statement.to_owned())
        };
        Ok(judged(what, self.request(what, request).await?, hidden)?.text().to_owned())
    }

    /// Sends an insert; `is_async` if the server may collect the rows of several ones.
    pub(super) async fn send(&self, target: Target<'_>, insert: &Insert<'_>, is_async: bool) -> Result<(), Failure> {
        let what = "insert rows";
        let mut parameters = self.settings(target.table, insert, is_async);
        let statement = insert_statement(target.name, insert.columns.iter().copied(), insert.format);
        parameters.insert("query", statement);
        let request = |url: &Url| {
            let request = self.hosts.client().request(Method::POST, self.with_parameters(url, parameters.clone()));
            // A server detects that a chunked request is truncated.
            request.header(TRANSFER_ENCODING, "chunked").body(insert.rows.clone())
        };
        let hidden = Hidden { rows: insert.known, table: target.by_content };
        let answer = judged(what, self.request(what, request).await?, hidden)?;
        if answer.text().is_empty() {
            return Ok(());
        }
        // A successful insert has an empty answer.
        let (class, message) = foreign(&answer, hidden);
        Err(Failure::new(class, format!("{what}: {message}")))
    }

    async fn request(&self, what: &str, request: impl Fn(&Url) -> reqwest::RequestBuilder) -> Result<Answer, Failure> {
        self.hosts.send(what, BYTES_OF_ANSWER, request, is_unusable).await
    }

    fn with_parameters(&self, url: &Url, parameters: BTreeMap<&str, String>) -> Url {
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("database", &self.database).extend_pairs(parameters);
        url
    }

    fn settings<'t>(&self, table: &'t Table, insert: &Insert<'_>, is_async: bool) -> BTreeMap<&'t str, String> {
        let digit = |setting: bool| u8::from(setting).to_string();
        let mut settings = BTreeMap::from([
            ("date_time_input_format", "best_effort".to_owned()),
            ("input_format_skip_unknown_fields", digit(table.on_new_field == OnNewField::Ignore)),
        ]);
        if self.has_async_inserts {
            settings.insert("async_insert", digit(is_async));
        }
        if is_async {
            settings.insert("wait_for_async_insert", digit(true));
            if self.has_async_deduplication {
                settings.insert("async_insert_deduplicate", digit(true));
            }
        }
        if !self.has_tokens {
            // A server without tokens deduplicates by content: equal batches would be one, unless each row has an id.
            settings.insert("insert_deduplicate", digit(table.metadata.contains(Metadata::Id)));
        } else if !insert.records.is_empty() {
            settings.insert("insert_deduplication_token", RecordId::of_batch(insert.records));
            // Some servers refuse it for asynchronous ones.
            if self.has_view_deduplication && !is_async {
                settings.extend(OF_VIEWS.map(|name| (name, digit(true))));
            }
        }
        if let Some(name) = self.distributed
            && DISTRIBUTED.iter().all(|name| table.setting(name).is_none())
        {
            settings.insert(name, digit(true));
        }
        settings.extend(table.settings.iter().flatten().map(|(name, value)| (name.as_str(), value.clone())));
        match insert.format {
            // Otherwise it would store nulls as defaults in a column that is not `Nullable` any more.
            Format::Native => {
                settings.extend([CONVERSION, "input_format_null_as_default"].map(|name| (name, digit(false))));
            }
            // A value that a record does not have is null in Arrow.
            Format::ArrowStream => drop(settings.insert("input_format_null_as_default", digit(true))),
            Format::JsonEachRow => {}
        }
        settings
    }
}
