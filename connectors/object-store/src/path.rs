//! Names of objects, by the positions of their records.

use danube_sink::{RecordId, prelude::*};
use danube_sink_arrow::store::path_value;

/// The topic or partition as a part of a name: `default+events-part-1`. Topics have no `+`.
fn topic(name: &str) -> String {
    name.trim_start_matches('/').replace('/', "+")
}

/// The journal of a topic or partition.
pub(crate) fn journal(subscription: &str, name: &str) -> String {
    format!("{DANUBE}/{}/{}.json", path_value(subscription), topic(name))
}

/// The folder with what is not data. Readers of tables skip it for its `_`.
pub(crate) const DANUBE: &str = "_danube";

/// The file of records: `default+events+lake+000000000001-000000000100+3f2a9c41.parquet`, with the subscription, since each has
/// records of its own, the lowest and the highest offset, and what distinguishes offsets that restart.
pub(crate) fn file(records: &[SinkRecord], subscription: &str, epoch: Option<&str>, extension: &str) -> String {
    let offsets = || records.iter().map(SinkRecord::offset);
    let (first, last) = (offsets().min().unwrap_or_default(), offsets().max().unwrap_or_default());
    let topic = topic(records.first().map_or("", |record| record.id().topic()));
    let id = epoch.map_or_else(|| RecordId::of_batch(records).chars().take(16).collect(), str::to_owned);
    format!("{topic}+{}+{first:012}-{last:012}+{id}.{extension}", path_value(subscription))
}

/// A name within a folder, which may be the root.
pub(crate) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_positions() {
        let record = |offset| {
            SinkRecord::builder("/default/t").partition(Some(1), "/default/t-part-1".into()).offset(offset).build()
        };
        let records = [record(7), record(9)];
        let name = file(&records, "a+b", Some("00c0ffee"), "csv");
        assert_eq!(name, "default+t-part-1+a%2Bb+000000000007-000000000009+00c0ffee.csv");
        let name = file(&records, "s", None, "csv");
        assert!(name.len() == "default+t-part-1+s+000000000007-000000000009+0123456789abcdef.csv".len(), "{name}");
        assert_ne!(name, file(&[record(7), record(8), record(9)], "s", None, "csv"));
        assert_eq!(journal("a b", "/default/t-part-1"), "_danube/a%20b/default+t-part-1.json");
    }
}
