//! The statements that make extension, table and index. An index is made where that takes no time, or on request.

use danube_sink_postgres::quoted_table;

use super::Vectors;

/// What the comment of a table says that the connector made.
const OWN: &str = "made by danube-sink";

/// The most dimensions that pgvector indexes of the type `vector`.
pub(crate) const MOST_INDEXED: usize = 2_000;

/// The statements, for a table with these columns; `limit_ms` is the time that an index may take on a table that is there.
///
/// A table that others made gets no index, since its writers would wait until it is built; nor does one with rows that the
/// connector made. An index on the column by the same distance counts, whatever its name; the server names those that are
/// made, since a name of our own might be cut off at 63 bytes and then be another one's.
pub(crate) fn statements(vectors: &Vectors, columns: &str, limit_ms: u128) -> String {
    let (table, regclass) = (quoted_table(&vectors.table), literal(&quoted_table(&vectors.table)));
    let extension = "CREATE EXTENSION IF NOT EXISTS vector";
    let create = format!("CREATE TABLE {table} ({columns}); COMMENT ON TABLE {table} IS {}", literal(OWN));
    let (condition, index) = match vectors.index.as_str() {
        "none" => ("false".to_owned(), "NULL".to_owned()),
        kind => {
            let distance = vectors.distance.replace("inner_product", "ip");
            let is_asked = vectors.index_existing;
            let is_own = format!("obj_description({regclass}::regclass, 'pg_class') = {}", literal(OWN));
            let is_missing = format!(
                "NOT EXISTS (SELECT FROM pg_index i JOIN pg_opclass o ON o.oid = i.indclass[0] \
                 WHERE i.indrelid = {regclass}::regclass AND i.indisvalid AND o.opcname LIKE '%\\_{distance}\\_ops' \
                 AND pg_get_indexdef(i.indexrelid, 1, true) LIKE '%embedding%')"
            );
            let is_empty = format!("NOT EXISTS (SELECT FROM {table})");
            let index = format!("CREATE INDEX ON {table} USING {kind} (embedding vector_{distance}_ops)");
            (format!("{is_missing} AND ({is_asked} OR {is_own} AND {is_empty})"), index)
        }
    };
    let advice = "the index takes too long; make it with CREATE INDEX CONCURRENTLY, or leave out index_existing";
    let block = format!(
        "BEGIN IF to_regclass({regclass}) IS NULL THEN {create}; END IF; \
         IF {condition} THEN EXECUTE {}; END IF; \
         EXCEPTION WHEN query_canceled OR lock_not_available THEN RAISE EXCEPTION {}; END",
        literal(&index),
        literal(advice)
    );
    format!("{extension}; SET LOCAL statement_timeout = {limit_ms}; DO {}", literal(&block))
}

/// A text in SQL, whatever is in it.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
