//! Converts records to [Arrow](https://arrow.apache.org) record batches, for connectors to columnar targets: Delta Lake, Iceberg,
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
//! // `process_batch` returns this when the batch is written:
//! let result = rows.rejected.into_result();
//! assert!(result.unwrap_err().to_string().contains("1 rejected"));
//! # Ok::<(), arrow_schema::ArrowError>(())
//! ```
//!
//! [`MappedColumns`] is for a mapping that names columns: it gives the schema of a new table, validates an existing one, and fills
//! the columns. [`registered_columns`] makes columns of a topic's registered schema. The feature `store` adds the module `store`, for
//! connectors that write files into object stores.
//!
//! # What a column takes
//!
//! | type | takes |
//! |---|---|
//! | strings | strings; anything else as its JSON text |
//! | integers | integers, exactly, also as strings or as `7.0`; a fraction or a number out of range is rejected |
//! | floating point | numbers, also as strings, as the nearest that the type has, and the strings `NaN`, `Infinity` and `-Infinity`; a number out of range is rejected |
//! | booleans | `true`, `false` |
//! | decimals | numbers, also as strings, exactly; one with more digits than precision or scale allow is rejected, never rounded |
//! | dates and times | strings: `2018-02-07`, `01:26:13` |
//! | timestamps | RFC 3339, in UTC unless it has an offset; and numbers, if [`Columns::with_unit`] sets their unit |
//! | binary | base64, as payloads of the schema type Bytes and bytes in Avro and Protobuf are |
//! | lists, structs, maps | arrays and objects, each value in them by these rules; fields that the type lacks are left out |
//!
//! The years 1 to 9999 are supported. Digits of a timestamp beyond the column's unit are cut off; a leap second (`23:59:60`) is the
//! second after it, as in POSIX; a column without a time zone gets the time in UTC.
//!
//! Values are read from the JSON that the producer wrote, so that no number changes on the way. `null` counts as a missing value. If
//! an object repeats a field, the last one counts. Batches of several thousand records are converted on all cores.
//!
//! The `arrow-…` crates have version 59; a target's library has to use the same.

#![warn(missing_docs)]

mod cells;
mod columns;
mod names;
mod nested;
mod number;
mod registered;
mod scalar;
mod schema;
#[cfg(feature = "store")]
pub mod store;
mod time;
mod value;
mod violation;

pub use self::{
    columns::{Columns, Rows},
    registered::{registered_column, registered_columns},
    schema::{MappedColumns, metadata_column},
    time::validate_unit,
};
