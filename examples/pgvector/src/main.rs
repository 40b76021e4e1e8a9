//! Embeddings from Danube topics into PostgreSQL with pgvector: `cargo run -p pgvector -- dev`

mod check;
mod index;
#[cfg(test)]
mod tests;

use danube_sink::{
    config::{Diagnostic, Diagnostics, Mapping},
    prelude::*,
};
use danube_sink_postgres::{Credentials, Plan, Server, Table, quoted};

/// Writes the embeddings of each topic, with what they are of, into a table of PostgreSQL with pgvector.
#[sink_connector(
    config = "connector.toml",
    dev_hint = "Try: psql -h localhost -U postgres -c 'SELECT text FROM places ORDER BY embedding <=> (SELECT embedding \
                FROM places LIMIT 1) LIMIT 5'"
)]
pub(crate) struct Pgvector {
    /// The server and its database.
    server: Server,
    /// The password, if the server asks for one.
    #[setting(secret)]
    password: Option<Secret>,
    /// The connection URL with its password, such as `postgres://user:password@host/database`; it takes the place of what
    /// `server` names.
    #[setting(secret)]
    url: Option<Secret>,
    /// Where each topic goes.
    #[topic_mappings(subscription_type = "Exclusive", batch_size = 500)]
    topics: TopicMappings<Vectors>,
    #[state]
    tables: TopicMappings<Table>,
}

/// What a topic mapping says beyond the common keys.
#[derive(TopicMapping)]
#[setting(validate = Self::can_be_made)]
pub(crate) struct Vectors {
    /// The table, as `table` or `schema.table`; capital letters count.
    #[setting(length = 1..)]
    table: String,
    /// Whether the extension is made if it is not there, and the table, with its index.
    #[setting(default = true)]
    create: bool,
    /// How many numbers an embedding has; a record with another number of them is not valid.
    #[setting(range = 1..=16_000)]
    dimensions: usize,
    /// Where in the payload the id stands; a record takes the place of the one with its id.
    #[setting(default = "/id")]
    id: Pointer,
    /// Where in the payload the embedding stands, a list of numbers.
    #[setting(default = "/embedding")]
    embedding: Pointer,
    /// Where in the payload the text stands, for the column `text`; without it there is no such column.
    text: Option<Pointer>,
    /// Where in the payload stands what goes into the column `payload` as jsonb; without it there is no such column.
    payload: Option<Pointer>,
    /// Columns for what a record says of itself, each named like it.
    #[setting(default = [])]
    metadata: Vec<Metadata>,
    /// By what the index finds neighbours: `<=>`, `<->` or `<#>`.
    #[setting(default = "cosine", one_of = ["cosine", "l2", "inner_product"])]
    distance: String,
    /// The index: a graph for up to 2 000 dimensions; lists, which are good if rows are there when they are made; or none,
    /// so that every row is compared.
    #[setting(default = "hnsw", one_of = ["hnsw", "ivfflat", "none"])]
    index: String,
    /// Whether the index is made also on a table that was there, if none on the column has the distance. The table's other
    /// writers wait until it is built, for `write_timeout_ms` at most; then the connector ends.
    #[setting(default = false)]
    index_existing: bool,
}

impl Vectors {
    fn can_be_made(&self) -> Result<(), Diagnostics> {
        let mut mistakes = Diagnostics::default();
        if self.create && self.index != "none" && self.dimensions > index::MOST_INDEXED {
            let message = format!("pgvector indexes up to {} dimensions of the type vector", index::MOST_INDEXED);
            let help =
                "set index = \"none\"; rows are compared one by one then, unless you index them as halfvec yourself";
            mistakes.push(Diagnostic::of_key("dimensions", message, help));
        }
        for (number, which) in self.metadata.iter().enumerate() {
            if *which == Metadata::Id || self.metadata[..number].contains(which) {
                let message = format!("there is a column `{which}` already");
                mistakes.push(Diagnostic::of_key("metadata", message, "leave it out"));
            }
        }
        mistakes.into_result()
    }

    fn plan(&self, write_timeout: Duration) -> Plan {
        let embedding = format!("vector({}) NOT NULL", self.dimensions);
        let payload = [
            ("id", "text PRIMARY KEY", Some(&self.id)),
            ("embedding", &embedding, Some(&self.embedding)),
            ("text", "text", self.text.as_ref()),
            ("payload", "jsonb", self.payload.as_ref()),
        ];
        let mut made = Vec::new();
        let mut columns = Vec::new();
        for (name, ty, pointer) in payload {
            let Some(pointer) = pointer else { continue };
            made.push(format!("{name} {ty}"));
            columns.push((name.to_owned(), Field::Payload(pointer.clone())));
        }
        for which in &self.metadata {
            let ty = match which {
                Metadata::Partition => "int",
                Metadata::Offset => "bigint",
                Metadata::PublishTime => "timestamptz",
                _ => "text",
            };
            made.push(format!("{} {ty}", quoted(which.as_str())));
            columns.push((which.to_string(), Field::Metadata(*which)));
        }
        let limit = (write_timeout * 9 / 10).as_millis();
        let create = self.create.then(|| index::statements(self, &made.join(", "), limit));
        Plan { table: self.table.clone(), create, columns, key: vec!["id".to_owned()], replace: true, changes: None }
    }
}

#[sink_connector]
impl SinkConnector for Pgvector {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let plan = |vectors: &Vectors| vectors.plan(config.write_timeout);
        let credentials = Credentials { password: self.password.as_ref(), url: self.url.as_ref() };
        self.tables = self.server.open(credentials, &config, &self.topics, plan).await?;
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let Some(first) = records.first() else { return Ok(()) };
        let vectors = self.topics.for_record(first)?;
        self.tables.for_record(first)?.write_valid(&records, |record| vectors.check(record)).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for Mapping { own: table, .. } in &self.tables {
            table.write(&[]).await?;
        }
        Ok(())
    }
}
