//! Sink connectors for the [Danube](https://github.com/danube-messaging/danube) message broker.
//!
//! Annotate a struct, write one method, run:
//!
//! ```no_run
//! use danube_sink::prelude::*;
//!
//! /// Prints the records of each topic.
//! #[sink_connector]
//! struct Printer {
//!     #[topic_mappings]
//!     topics: TopicMappings,
//! }
//!
//! #[sink_connector]
//! impl SinkConnector for Printer {
//!     async fn initialize(&mut self, _config: ConnectorConfig) -> ConnectorResult<()> {
//!         Ok(())
//!     }
//!
//!     async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
//!         for record in records {
//!             println!("{}", record.payload());
//!         }
//!         Ok(())
//!     }
//! }
//! ```
//!
//! That is a whole `main.rs`. The [guide] begins here: [first connector](guide::first_connector),
//! [configuration](guide::configuration), [delivery](guide::delivery), [errors](guide::errors), [testing](guide::testing),
//! [operating](guide::operating). The way of the data is the order of the modules:
//!
//! ```text
//!  broker ──stream──▶ intake ──▶ decode ──▶ batch ──▶ write ──▶ settle ──acks──▶ broker
//!         (a partition)       (schema)   (a mapping) (the connector)  └─ dead letter
//! ```
//!
//! - what an author touches: [`SinkConnector`], [`SinkRecord`], [`Batch`] with the conversion and the outcome of each record,
//!   [`ConnectorError`], [`SinkRuntime`]; [`TargetFailure`] and [`Failure`] for what the target answers, [`Late`] for what `initialize` makes,
//!   [`Fields`] for a target that has columns, [`JsonRow`] for one that takes JSON, [`Template`] for names that records fill in,
//!   [`change`] for change events, [`Deduplication`] for one that can remember what it has
//! - [`config`]: files, environment, secrets, topic mappings
//! - [`schema`]: from bytes to values
//! - [`metrics`]: what `/metrics`, `/ready`, `/live` and `/status` show, and a connector's own metrics
//! - `dev` (feature `dev`, on by default): a broker inside the process, for development and tests
//! - `testing` (feature `dev`): a conformance kit that a connector's author calls from a test

#![warn(missing_docs)]

// Generated code names the crate, also in its own tests.
#[cfg(test)]
extern crate self as danube_sink;

mod audit;
mod batch;
pub mod change;
mod cli;
pub mod config;
mod connector;
mod credentials;
mod danube;
mod deduplication;
#[cfg(feature = "dev")]
pub mod dev;
mod error;
mod fields;
mod filter;
mod grammar;
pub mod guide;
pub mod json;
mod json_row;
mod late;
#[cfg(feature = "measure")]
mod measure;
pub mod metrics;
mod observe;
mod payload;
mod pipeline;
mod recent;
mod record;
mod runtime;
pub mod schema;
mod spool;
mod template;
#[cfg(feature = "dev")]
pub mod testing;
mod time_unit;
mod varint;

pub use self::{
    batch::{Batch, Group, Joined, TopicMappingsExt, Verdict, in_parts},
    cli::{Catalog, main},
    config::{
        ByteSize, ConnectorConfig, ConsumerConfig, Field, LoadConfig, LogFormat, MappingSettings, Metadata,
        MetadataColumns, NamedFields, OnInvalidRecord, OnMassRefusal, OnRetriesExhausted, Options, Parsed,
        PayloadFormat, Pointer, Secret, Setting, SpoolSync, SubscriptionType, Token, TopicMapping, TopicMappings,
    },
    connector::SinkConnector,
    deduplication::{Deduplication, Fresh},
    error::{ConnectorError, ConnectorResult, ErrorExt, Failure, PartialFailure, TargetFailure},
    fields::Fields,
    grammar::{Setting, TopicMapping, sink_connector},
    json_row::JsonRow,
    late::Late,
    metrics::ConfigMetrics,
    recent::Recent,
    record::{RecordBuilder, RecordId, SinkRecord},
    runtime::{RuntimeHandle, SinkRuntime},
    schema::{ConfigSchemas, OnNewField, SchemaInfo, SchemaType},
    template::{NotATemplate, Template},
    time_unit::TimeUnit,
};

/// What the `main.rs` of a connector needs.
pub mod prelude {
    pub use std::{path::PathBuf, time::Duration};

    #[cfg(feature = "url")]
    pub use url::Url;

    pub use crate::{
        Batch, ByteSize, ConfigMetrics, ConfigSchemas, ConnectorConfig, ConnectorError, ConnectorResult,
        ConsumerConfig, ErrorExt, Failure, Field, Fields, Group, Joined, JsonRow, Late, LoadConfig, Metadata,
        MetadataColumns, NamedFields, OnNewField, Parsed, PartialFailure, Pointer, Secret, Setting, SinkConnector,
        SinkRecord, SinkRuntime, SubscriptionType, TargetFailure, Template, TimeUnit, TopicMapping, TopicMappings,
        TopicMappingsExt, Verdict, sink_connector,
    };
}

#[doc(hidden)]
pub mod __private {
    pub use async_trait::async_trait;

    pub use crate::{
        config::private::*,
        connector::{CompletedImpl, assert_completed},
    };

    /// The `main` of a connector. Its one bound names what is missing, also where the impl is invalid without the attribute.
    pub fn main<C: CompletedImpl + GeneratedConnector>() -> std::process::ExitCode {
        crate::main::<C>()
    }
}

/// What benchmarks and tests of the framework's own cost call; covered by no promise.
#[cfg(feature = "measure")]
#[doc(hidden)]
pub mod __measure {
    pub use crate::measure::MemoryRun;
}
