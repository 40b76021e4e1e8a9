//! The batch of a `process_batch`: its records, the settings of their mapping, and the outcome of each record.
//!
//! ```text
//!  records ──TopicMappings::batch──▶ Batch ──each, typed, joined──▶ values ──▶ target
//!                                      │ └──group_by, runs_by──▶ groups ──concurrently─┐
//!                                      ▼                                               ▼
//!                       rejected by themselves          done, finish, answered: the result of process_batch
//! ```

mod attempt;
mod concurrently;
mod convert;
mod groups;
mod parts;
#[cfg(test)]
mod tests;
mod verdict;

use std::{fmt, time::Instant};

use self::attempt::Open;
pub(crate) use self::attempt::attempt;
#[cfg(test)]
pub(crate) use self::concurrently::Concurrently;
pub use self::{
    groups::Group,
    parts::{Joined, in_parts},
    verdict::Verdict,
};
use crate::{
    config::{Mapping, MappingSettings, NoMapping, SubscriptionType, TopicMappings},
    error::PartialFailure,
    record::SinkRecord,
};

/// A batch of one topic mapping, on its way through `process_batch`: the records, the mapping's settings, and the outcome of
/// each record. [`TopicMappings::batch`](TopicMappingsExt::batch) makes it.
///
/// - [`each`](Self::each), [`typed`](Self::typed), [`joined`](Self::joined) and [`joined_each`](Self::joined_each) convert the records. One that cannot be
///   converted is rejected by itself, and the others are written.
/// - [`group_by`](Self::group_by), [`group_by_target`](Self::group_by_target), [`runs_by`](Self::runs_by) and
///   [`one_by_one`](Self::one_by_one) split the batch into writes.
/// - One of these ends it and returns the result of `process_batch`: [`done`](Self::done) if the target has all records,
///   [`finish`](Self::finish) with the result of one write, [`answered`](Self::answered) if the target answers for each record,
///   [`concurrently`](Self::concurrently) if there are several writes.
///
/// A record without an outcome is retried, never delivered. A batch that is dropped while `process_batch` returns `Ok` is a
/// fatal error, since the records that it has rejected would be acknowledged unseen.
///
/// A connector for a target that takes JSON documents and answers for each of them:
///
/// ```
/// use danube_sink::prelude::*;
/// # use serde::{Deserialize, Serialize};
/// # use std::time::Instant;
/// # #[derive(Serialize)]
/// # struct Point { id: u64 }
/// # #[derive(Default)]
/// # struct Client;
/// # impl Client {
/// #     async fn post(&self, path: &str, points: &[Point], _by: Instant) -> ConnectorResult<Bulk> {
/// #         assert_eq!(path, "/collections/places/points");
/// #         let items = points.iter().map(|point| Item { status: if point.id == 2 { 400 } else { 200 } });
/// #         Ok(Bulk { items: items.collect() })
/// #     }
/// # }
/// # struct Bulk { items: Vec<Item> }
/// # struct Item { status: u16 }
///
/// #[sink_connector(main = false)]
/// struct Points {
///     #[topic_mappings]
///     topics: TopicMappings<Collection>,
///     #[state]
///     client: Late<Client>,
/// }
///
/// #[derive(TopicMapping)]
/// struct Collection {
///     /// Name of the collection.
///     name: String,
/// }
///
/// impl Collection {
///     fn path(&self) -> String {
///         format!("/collections/{}/points", self.name)
///     }
///
///     fn point(&self, record: &SinkRecord) -> ConnectorResult<Point> {
///         let id = record.payload()["id"].as_u64();
///         Ok(Point { id: id.ok_or_else(|| ConnectorError::invalid_record(record, "no number `id`"))? })
///     }
/// }
///
/// impl Item {
///     fn verdict(self) -> Verdict {
///         match self.status {
///             200..=299 => Verdict::Written,
///             429 | 500..=599 => Verdict::Retry(format!("status {}", self.status)),
///             _ => Verdict::Rejected(format!("status {}", self.status)),
///         }
///     }
/// }
///
/// #[sink_connector]
/// impl SinkConnector for Points {
///     async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
///         self.client = Late::new(Client);
///         Ok(())
///     }
///
///     async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
///         let mut batch = self.topics.batch(records)?;
///         let points = batch.each(Collection::point)?;
///         let answer = self.client.post(&batch.own().path(), &points, batch.deadline()).await?;
///         batch.answered(answer.items, Item::verdict)
///     }
/// }
/// # fn main() {
/// #     let file = "[[points.topic_mappings]]\ntopic = '/default/places'\nname = 'places'";
/// #     let (mut points, core) = danube_sink::testing::from_toml::<Points>(file).unwrap();
/// #     let record = |payload: &'static str| SinkRecord::builder("/default/places").payload(payload).build();
/// #     let records = [r#"{"id":1}"#, "{}", r#"{"id":2}"#].map(record);
/// #     tokio::runtime::Runtime::new().unwrap().block_on(async {
/// #         points.initialize(core).await.unwrap();
/// #         let error = points.process_batch(records.to_vec()).await.unwrap_err();
/// #         assert!(error.to_string().starts_with("0 records to retry, 2 rejected"), "{error}");
/// #         points.process_batch(vec![]).await.unwrap();
/// #     });
/// # }
/// ```
#[must_use = "a batch without an outcome is not delivered: end it with `done`, `finish`, `answered` or `concurrently`"]
pub struct Batch<'t, T = ()> {
    mapping: &'t Mapping<T>,
    deadline: Instant,
    /// Records without an outcome, in order.
    records: Vec<SinkRecord>,
    /// Records that are rejected or to be retried.
    failure: PartialFailure,
    /// The order that records keep across groups; none if it counts within a group alone.
    across_groups: SubscriptionType,
    open: Open,
}

/// Batches of topic mappings; [`TopicMappings`] is the only implementation.
pub trait TopicMappingsExt<T> {
    /// The batch of the records that `process_batch` is called with, which are of one mapping.
    ///
    /// A batch without records, which the runtime never writes, has the settings of the first mapping.
    ///
    /// # Errors
    /// [`NoMapping`] if the topic has no mapping here; as a connector's error it is a fatal one.
    fn batch(&self, records: Vec<SinkRecord>) -> Result<Batch<'_, T>, NoMapping>;
}

impl<T> TopicMappingsExt<T> for TopicMappings<T> {
    fn batch(&self, records: Vec<SinkRecord>) -> Result<Batch<'_, T>, NoMapping> {
        let mapping = match (records.first(), self.iter().next()) {
            (None, Some(first)) => first,
            (Some(record), _) => self.mapping_for(record)?,
            (None, None) => self.mapping_for(&SinkRecord::builder("").build())?,
        };
        let (deadline, open) = Open::in_attempt();
        let across_groups = mapping.settings.consumer.subscription_type;
        let failure = PartialFailure::default();
        Ok(Batch { mapping, deadline, records, failure, across_groups, open })
    }
}

impl<'t, T> Batch<'t, T> {
    /// The connector's own settings of the topic mapping.
    pub fn own(&self) -> &'t T {
        &self.mapping.own
    }

    /// The settings that every topic mapping has.
    pub fn settings(&self) -> &'t MappingSettings {
        &self.mapping.settings
    }

    /// What the connector keeps for this mapping in a list of its own, such as the open table of each.
    ///
    /// # Errors
    /// [`NoMapping`] if the list has nothing for the mapping; as a connector's error it is a fatal one.
    pub fn state<'s, S>(&self, states: &'s TopicMappings<S>) -> Result<&'s S, NoMapping> {
        states.for_record(&self.settings().consumer)
    }

    /// The type of the subscription, which determines the order to keep: within a partition with Exclusive and Failover,
    /// within a routing key with KeyShared, none with Shared.
    pub fn order(&self) -> SubscriptionType {
        self.settings().consumer.subscription_type
    }

    /// The records that have no outcome yet, in order. Rejected ones are not among them.
    pub fn records(&self) -> &[SinkRecord] {
        &self.records
    }

    /// Time by which the write must end: nine tenths of `write_timeout_ms` after the attempt began. Use it as the time limit
    /// of requests, so that the log shows their errors, and not that the runtime cancelled the attempt.
    ///
    /// Outside the runtime, as in a unit test, it is 18 seconds after the batch was made;
    /// [`attempt`](crate::testing::attempt) sets another timeout.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

/// Prints the number of records, never a payload.
impl<T> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({} records; {})", self.records.len(), self.failure)
    }
}
