//! What a table knows of the records that it has, so that none is written twice.
//!
//! ```text
//!  txn  appId = "danube:<subscription>:<topic or partition>:<producer>"   version = the last offset
//! ```
//!
//! Every commit says, for each producer in it, how far the table now is, in the same atomic write as the rows. A record at or
//! before that place is in the table already: it is a redelivery, and left out.
//!
//! - **A batch of several partitions or producers** has a `txn` for each of them, in one commit.
//! - **Offsets that start again at 0** are no redelivery. A broker that lost its storage has lost its producers too, and draws
//!   new numbers for them, of 64 random bits: their records count from nothing. Clocks play no part.
//! - **A rejected record** is not in the table, but may become valid when the mapping is changed. So those behind it in its
//!   batch are told of under a name that holds for the same columns only, and the producer's own place is moved on when
//!   the next batch is committed: the rejected record is settled by then.
//! - **The order** in which a producer's records come is what all this stands on: Exclusive and Failover keep it. Shared
//!   and KeyShared don't, so nothing is left out there, and the connector warns at its start.
//! - **Offset 0** is what every record of a topic that is not reliable has. There the producer's own count is taken instead,
//!   as a negative number, and must be the very same.
//! - **Producer 0** is the broker itself, which publishes dead letters and what came over MQTT. It keeps its number for ever,
//!   so its records are written at least once.

use std::{
    collections::{BTreeMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use danube_sink::{MappingSettings, SinkRecord, SubscriptionType};
use deltalake::arrow::datatypes::Schema;

use super::columns::Column;

/// Says which mappings write a record again that comes again.
pub(crate) fn warn_of_duplicates(settings: &MappingSettings) {
    let kind = settings.consumer.subscription_type;
    if !in_order(kind) {
        tracing::warn!(
            topic = settings.consumer.topic,
            "a {kind:?} subscription keeps no order: after a crash, records may be written twice; Exclusive and Failover \
             write each once"
        );
    }
}

fn in_order(kind: SubscriptionType) -> bool {
    matches!(kind, SubscriptionType::Exclusive | SubscriptionType::Failover)
}

/// A record's place among those of its producer.
pub(crate) struct Place {
    /// The producer's name in the log.
    pub(crate) application: String,
    version: i64,
}

impl Place {
    /// `None` where places say nothing.
    pub(crate) fn of(record: &SinkRecord, settings: &MappingSettings) -> Option<Self> {
        let id = record.id();
        let tells = in_order(settings.consumer.subscription_type) && id.producer_id() != 0;
        tells.then(|| Self {
            application: format!("danube:{}:{}:{:x}", record.subscription(), id.topic(), id.producer_id()),
            version: match record.offset() {
                0 => !id.sequence().cast_signed(),
                offset => offset.cast_signed(),
            },
        })
    }

    /// Whether a table that is at `known` has the record.
    pub(crate) fn is_within(&self, known: i64) -> bool {
        known == self.version || known > self.version.max(0)
    }
}

/// How far the table is when a batch is committed.
#[derive(Default)]
pub(crate) struct Progress {
    /// Versions by application.
    pub(crate) reached: BTreeMap<String, i64>,
    held: HashSet<String>,
}

impl Progress {
    /// The record is in the batch.
    pub(crate) fn reach(&mut self, place: Place, columns: &str) {
        let Place { mut application, version } = place;
        if self.held.contains(&application) {
            application += columns;
        }
        self.reached.insert(application, version);
    }

    /// The record is rejected.
    pub(crate) fn hold(&mut self, place: Place) {
        self.held.insert(place.application);
    }
}

/// Stands for everything that decides whether a record is rejected.
pub(crate) fn columns(schema: &Schema, columns: &[Column]) -> String {
    let mut hasher = DefaultHasher::new();
    (schema, format!("{columns:?}"), env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    format!(":{:x}", hasher.finish())
}
