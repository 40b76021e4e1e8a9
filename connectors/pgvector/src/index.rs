//! The statements that create extension, table and index. An index is created where that takes no time, or on request.

use std::time::Duration;

use danube_sink::schema::SchemaColumn;
use danube_sink_postgres::definition;

use super::mapping::Vectors;

/// The comment on a table that the connector created.
const OWN: &str = "made by danube-sink";

/// What is created if it is missing.
#[derive(Debug)]
pub(crate) struct Creation {
    /// The definitions of the columns.
    columns: Vec<String>,
    /// The method, operators and parameters of the index, and its distance; `None` without an index.
    index: Option<(String, String)>,
    index_existing: bool,
    /// Limits the time to build an index on an existing table.
    limit: Duration,
}

impl Creation {
    pub(crate) fn of(vectors: &Vectors, columns: Vec<String>, limit: Duration) -> Self {
        let distance = vectors.distance.replace("inner_product", "ip");
        let parameters: Vec<_> =
            vectors.index_parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let with = if parameters.is_empty() { String::new() } else { format!(" WITH ({})", parameters.join(", ")) };
        let index = match vectors.index.as_str() {
            "none" => None,
            method => {
                let kind = vectors.vector_type().name();
                Some((format!("USING {method} (embedding {kind}_{distance}_ops){with}"), distance))
            }
        };
        Self { columns, index, index_existing: vectors.index_existing, limit }
    }

    /// The statements for a table with this quoted name, and columns of the registered schema.
    ///
    /// A table of others gets no index, since its writers would wait until it is built; nor does an own table that has rows. An
    /// existing index on the column with the same distance counts, whatever its name. The server names new indexes, since a name
    /// of ours might be truncated to 63 bytes and collide.
    pub(crate) fn statements(&self, table: &str, schema: &[SchemaColumn]) -> String {
        let regclass = literal(table);
        let extension = "CREATE EXTENSION IF NOT EXISTS vector";
        let columns: Vec<_> = self.columns.iter().cloned().chain(schema.iter().map(definition)).collect();
        let columns = columns.join(", ");
        let create = format!("CREATE TABLE {table} ({columns}); COMMENT ON TABLE {table} IS {}", literal(OWN));
        let (condition, index) = match &self.index {
            None => ("false".to_owned(), "NULL".to_owned()),
            Some((index, distance)) => {
                let is_requested = self.index_existing;
                let is_own = format!("obj_description({regclass}::regclass, 'pg_class') = {}", literal(OWN));
                let is_missing = format!(
                    "NOT EXISTS (SELECT FROM pg_index i JOIN pg_opclass o ON o.oid = i.indclass[0] \
                     WHERE i.indrelid = {regclass}::regclass AND i.indisvalid AND o.opcname LIKE '%\\_{distance}\\_ops' \
                     AND pg_get_indexdef(i.indexrelid, 1, true) LIKE '%embedding%')"
                );
                let is_empty = format!("NOT EXISTS (SELECT FROM {table})");
                let condition = format!("{is_missing} AND ({is_requested} OR {is_own} AND {is_empty})");
                (condition, format!("CREATE INDEX ON {table} {index}"))
            }
        };
        let advice = "the index takes too long; create it with CREATE INDEX CONCURRENTLY, or remove index_existing";
        let block = format!(
            "BEGIN IF to_regclass({regclass}) IS NULL THEN {create}; END IF; \
             IF {condition} THEN EXECUTE {}; END IF; \
             EXCEPTION WHEN query_canceled OR lock_not_available THEN RAISE EXCEPTION {}; END",
            literal(&index),
            literal(advice)
        );
        let limit = self.limit.as_millis();
        format!("{extension}; SET LOCAL statement_timeout = {limit}; DO {}", literal(&block))
    }
}

/// Quotes a string literal of SQL.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
