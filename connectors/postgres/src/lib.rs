//! Writes records of Danube topics into PostgreSQL tables ([`Postgres`], the program `danube-sink-postgres`), and has what connectors
//! to PostgreSQL and to databases that speak its protocol share: connection settings, the writing of rows, and the meaning of the
//! server's errors for the records.
//!
//! ```text
//!  Server::open ──Plan──▶ Table ──▶ Table::write ──▶ one transaction
//!                                       ▲                  │
//!  records ──▶ texts of their values ───┘ classified ◀──SQLSTATE
//! ```
//!
//! ```no_run
//! use danube_sink::prelude::*;
//! use danube_sink_postgres::{Credentials, Plan, Server, Table};
//!
//! /// Adds a row of each record.
//! #[sink_connector(name = "rows")]
//! struct Rows {
//!     /// The server and its database.
//!     server: Server,
//!     /// The password, if the server asks for one.
//!     #[setting(secret)]
//!     password: Option<Secret>,
//!     #[topic_mappings(batch_size = 1000)]
//!     topics: TopicMappings<Target>,
//!     #[state]
//!     tables: TopicMappings<Table>,
//! }
//!
//! #[derive(TopicMapping)]
//! struct Target {
//!     /// The table, with a column `id`.
//!     table: Template,
//!     /// The field of a record with the id.
//!     id: Field,
//! }
//!
//! #[sink_connector]
//! impl SinkConnector for Rows {
//!     async fn initialize(&mut self, config: ConnectorConfig) -> ConnectorResult<()> {
//!         let plan = |target: &Target| Plan {
//!             key: vec!["id".to_owned()],
//!             ..Plan::new(target.table.clone(), vec![("id".to_owned(), target.id.clone())])
//!         };
//!         let credentials = Credentials { password: self.password.as_ref(), url: None };
//!         self.tables = self.server.open(credentials, &config, &self.topics, plan).await?;
//!         Ok(())
//!     }
//!
//!     async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
//!         let batch = self.tables.batch(records)?;
//!         batch.own().write(batch).await
//!     }
//! }
//! ```

#![warn(missing_docs)]

mod catalog;
mod changes;
mod column;
mod connector;
mod copy;
mod datum;
mod endpoint;
mod failure;
mod fields;
mod layout;
mod message;
mod name;
mod number;
mod open_table;
mod plan;
mod positions;
mod records;
mod redelivered;
mod rows;
mod schema;
mod server;
mod session;
mod shared;
mod sqlstate;
mod statements;
mod streamed;
mod table;
mod text;
mod time;
mod transaction;
mod unreadable;
mod url;
mod vector;

pub use self::{
    changes::{Changes, OnTruncate, Tombstones},
    connector::Postgres,
    name::{check_table, quoted, quoted_table},
    plan::{Check, Create, Plan},
    schema::{definition, metadata_type, type_of},
    server::{Credentials, Server},
    sqlstate::verdicts,
    table::Table,
    url::ConnectionUrl,
    vector::numbers,
};
