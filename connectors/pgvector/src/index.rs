//! The statements that create extension, table and index. An index is created where that takes no time, or on request.

use danube_sink_postgres::quoted_table;

use super::mapping::Vectors;

/// The comment on a table that the connector created.
const OWN: &str = "made by danube-sink";

/// The statements for a table with these columns; `limit_ms` limits the time to build an index on an existing table.
///
/// A table of others gets no index, since its writers would wait until it is built; nor does an own table that has rows. An existing
/// index on the column with the same distance counts, whatever its name. The server names new indexes, since a name of ours might
/// be truncated to 63 bytes and collide.
pub(crate) fn statements(vectors: &Vectors, columns: &str, limit_ms: u128) -> String {
    let (table, regclass) = (quoted_table(&vectors.table), literal(&quoted_table(&vectors.table)));
    let extension = "CREATE EXTENSION IF NOT EXISTS vector";
    let create = format!("CREATE TABLE {table} ({columns}); COMMENT ON TABLE {table} IS {}", literal(OWN));
    let (condition, index) = match vectors.index.as_str() {
        "none" => ("false".to_owned(), "NULL".to_owned()),
        kind => {
            let distance = vectors.distance.replace("inner_product", "ip");
            let is_requested = vectors.index_existing;
            let is_own = format!("obj_description({regclass}::regclass, 'pg_class') = {}", literal(OWN));
            let is_missing = format!(
                "NOT EXISTS (SELECT FROM pg_index i JOIN pg_opclass o ON o.oid = i.indclass[0] \
                 WHERE i.indrelid = {regclass}::regclass AND i.indisvalid AND o.opcname LIKE '%\\_{distance}\\_ops' \
                 AND pg_get_indexdef(i.indexrelid, 1, true) LIKE '%embedding%')"
            );
            let is_empty = format!("NOT EXISTS (SELECT FROM {table})");
            let index = format!("CREATE INDEX ON {table} USING {kind} (embedding vector_{distance}_ops)");
            (format!("{is_missing} AND ({is_requested} OR {is_own} AND {is_empty})"), index)
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
    format!("{extension}; SET LOCAL statement_timeout = {limit_ms}; DO {}", literal(&block))
}

/// Quotes a string literal of SQL.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
