//! Embeddings from Danube topics into PostgreSQL with pgvector: `cargo run -p pgvector -- dev`

#[cfg(test)]
mod tests;

use danube_sink::{config::Mapping, prelude::*};
use danube_sink_postgres::{Credentials, Plan, Server, Table, quoted, quoted_table};

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
    #[topic_mappings(batch_size = 500)]
    topics: TopicMappings<Vectors>,
    #[state]
    tables: TopicMappings<Table>,
}

/// What a topic mapping says beyond the common keys.
#[derive(TopicMapping)]
pub(crate) struct Vectors {
    /// The table, as `table` or `schema.table`; capital letters count.
    #[setting(length = 1..)]
    table: String,
    /// Whether extension, table and index are made if they are not there.
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
}

impl Vectors {
    fn plan(&self) -> Plan {
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
        let create = self.create.then(|| self.statements(&made.join(", ")));
        Plan { table: self.table.clone(), create, columns, key: vec!["id".to_owned()], replace: true, changes: None }
    }

    /// What makes the extension, the table and the index.
    fn statements(&self, columns: &str) -> String {
        let (table, kind) = (quoted_table(&self.table), &self.index);
        let made = format!("CREATE EXTENSION IF NOT EXISTS vector; CREATE TABLE IF NOT EXISTS {table} ({columns})");
        if kind == "none" {
            return made;
        }
        let distance = self.distance.replace("inner_product", "ip");
        let name = quoted(&format!("{}_{kind}_{distance}", self.table.replace('.', "_")));
        format!("{made}; CREATE INDEX IF NOT EXISTS {name} ON {table} USING {kind} (embedding vector_{distance}_ops)")
    }

    /// Whether the embedding has as many numbers as it should.
    fn check(&self, record: &SinkRecord) -> ConnectorResult<()> {
        let reason = match self.embedding.of(record.payload()).and_then(|embedding| embedding.as_array()) {
            Some(numbers) if numbers.len() == self.dimensions => return Ok(()),
            Some(numbers) => format!("the embedding has {} dimensions, not {}", numbers.len(), self.dimensions),
            None => format!("there is no list of numbers at {}", self.embedding),
        };
        Err(ConnectorError::invalid_record(record, reason))
    }
}

#[sink_connector]
impl SinkConnector for Pgvector {
    async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
        let credentials = Credentials { password: self.password.as_ref(), url: self.url.as_ref() };
        self.tables = self.server.open(credentials, &config, &self.topics, Vectors::plan).await?;
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let vectors = self.topics.for_record(&records[0])?;
        self.tables.for_record(&records[0])?.write_valid(&records, |record| vectors.check(record)).await
    }

    async fn health_check(&self) -> ConnectorResult<()> {
        for Mapping { own: table, .. } in &self.tables {
            table.write(&[]).await?;
        }
        Ok(())
    }
}
