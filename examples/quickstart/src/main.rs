//! Writes a week of earthquakes from a Danube topic into SQLite: `cargo run -p quickstart -- dev`

#[cfg(test)]
mod conformance;
mod event;

use std::sync::{Mutex, PoisonError};

use danube_sink::prelude::*;
use event::Event;
use rusqlite::{Connection, ErrorCode, params};

/// Writes earthquakes into a SQLite database, one row for each event.
#[sink_connector(
    config = "connector.toml",
    dev_hint = "Try: sqlite3 earthquakes.db 'SELECT magnitude, place, time FROM earthquakes ORDER BY 1 DESC LIMIT 5'"
)]
struct Quickstart {
    /// Path of the database file; created if it is missing.
    #[setting(default = "earthquakes.db")]
    database: PathBuf,
    /// The topics to read, and the table for each.
    #[topic_mappings]
    topics: TopicMappings<Table>,
    #[state]
    connection: Late<Mutex<Connection>>,
}

/// Settings of a topic mapping.
#[derive(TopicMapping)]
struct Table {
    /// Name of the table; created if it is missing.
    table: String,
}

#[sink_connector]
impl SinkConnector for Quickstart {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        let connection = Connection::open(&self.database)
            .initialization(format!("open the database {}", self.database.display()))?;
        // One sync to disk per commit instead of several; with FULL, committed rows survive a power failure.
        let durable = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
        connection.execute_batch(durable).initialization("set the journal mode")?;
        for mapping in self.topics.iter() {
            let create = format!(
                "CREATE TABLE IF NOT EXISTS {} (id TEXT PRIMARY KEY, magnitude REAL, place TEXT, time TEXT NOT NULL, \
                 longitude REAL NOT NULL, latitude REAL NOT NULL, depth_km REAL NOT NULL)",
                mapping.own.table
            );
            connection.execute(&create, ()).initialization("create the table")?;
        }
        self.connection = Late::new(Mutex::new(connection));
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        let mut batch = self.topics.batch(records)?;
        let events: Vec<Event> = batch.typed()?;
        let upsert = format!(
            "INSERT OR REPLACE INTO {} VALUES (?1, ?2, ?3, datetime(?4 / 1000, 'unixepoch'), ?5, ?6, ?7)",
            batch.own().table
        );
        let connection = self.connection.get_mut().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction().classified(class, "begin a transaction")?;
        for Event { id, properties, geometry } in events {
            let (longitude, latitude, depth) = geometry.coordinates;
            let row = params![id, properties.mag, properties.place, properties.time, longitude, latitude, depth];
            transaction.execute(&upsert, row).classified(class, "upsert an event")?;
        }
        transaction.commit().classified(class, "commit")?;
        batch.done()
    }
}

/// The class of an SQLite error. A time beyond the calendar becomes NULL, which violates a constraint.
fn class(error: &rusqlite::Error) -> TargetFailure {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => TargetFailure::Refused,
        _ => TargetFailure::Busy,
    }
}
