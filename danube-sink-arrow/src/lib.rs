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
//! | floating point | numbers, also as text, as the nearest that the type has, and the texts `NaN`, `Infinity` and `-Infinity`; one out of range is rejected |
//! | booleans | `true`, `false` |
//! | decimals | numbers, also as text, exactly; one with more digits than precision or scale allow is rejected, never rounded |
//! | dates and times | texts: `2018-02-07`, `01:26:13` |
//! | timestamps | RFC 3339, UTC if no zone is said; and numbers, if [`Columns::with_unit`] says what they count |
//! | binary | base64, as payloads of the schema type Bytes and bytes in Avro and Protobuf are |
//! | lists, structs, maps | JSON of that shape, each value in it by these rules; fields that the type lacks are left out |
//!
//! Dates and timestamps are of the years 1 to 9999. Of a timestamp, digits beyond the column's unit are cut off; a leap second
//! (`23:59:60`) is the second after it, as in POSIX; in a column without a zone it is that of UTC.
//!
//! Values are read from the text that the producer wrote, so that no number changes on the way. `null` is a value that is not
//! there. Of fields with one name in an object the last counts. All cores take part in batches of several thousand records.
//!
//! The `arrow-…` crates are of version 59; a target's library has to be of the same.

#![warn(missing_docs)]

mod columns;
mod names;
mod nested;
mod number;
mod schema;
mod time;
mod value;

pub use self::{
    columns::{Columns, Rows},
    schema::MappedColumns,
};
