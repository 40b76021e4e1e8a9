//! Records as rows of [Arrow](https://arrow.apache.org) columns, for connectors whose target takes them: Delta Lake, Iceberg,
//! Parquet files, Lance, DuckDB, ….
//!
//! ```
//! use std::sync::Arc;
//!
//! use arrow_schema::{DataType, Field, Schema};
//! use danube_sink::SinkRecord;
//! use danube_sink_arrow::Columns;
//!
//! let id = Field::new("id", DataType::Int64, false);
//! let user = Field::new("user", DataType::Utf8, true);
//! let columns = Columns::new(Arc::new(Schema::new(vec![id, user])), |name| match name {
//!     "user" => "/user/name".parse().ok(),
//!     _ => format!("/{name}").parse().ok(),
//! });
//!
//! let record = |offset, payload| SinkRecord::builder("/default/t").offset(offset).payload(payload).build();
//! let records = [record(1, r#"{"id":7,"user":{"name":"Ada"}}"#), record(2, r#"{"id":"seven"}"#)];
//! let rows = columns.rows(&records)?;
//! assert_eq!(rows.batch.num_rows(), 1);
//! // When the batch is written, this is what `process_batch` returns:
//! let result = rows.rejected.into_result();
//! assert!(result.unwrap_err().to_string().contains("1 rejected"));
//! # Ok::<(), arrow_schema::ArrowError>(())
//! ```
//!
//! [`MappedColumns`] is for a mapping that names columns: which a new table has, what a table that is there lacks, and what
//! fills them.
//!
//! # What a column takes
//!
//! | type | takes |
//! |---|---|
//! | texts | texts; anything else as its JSON text |
//! | integers | whole numbers, exactly, also as text or as `7.0`; a fraction or one out of range is rejected |
//! | floating point | numbers, also as text |
//! | booleans | `true`, `false` |
//! | decimals | numbers with every digit that was written, and texts; rounded to the scale |
//! | dates and times | `2018-02-07`, `01:26:13` |
//! | timestamps | RFC 3339 (UTC if no zone is said), or microseconds since 1970 |
//! | binary | base64, as payloads of the schema type Bytes and bytes in Avro and Protobuf are |
//! | lists, structs, maps | JSON of that shape, as [`arrow_json`] reads it |
//!
//! Values are read from the text that the producer wrote, so that no number changes on the way. `null` is a value that is not
//! there. All cores take part in batches of several thousand records.
//!
//! The `arrow-…` crates are of version 59; a target's library has to be of the same.

#![warn(missing_docs)]

mod columns;
mod schema;
mod value;

pub use self::{
    columns::{Columns, Rows},
    schema::MappedColumns,
};
