//! Names of objects, by the positions of their records.

use danube_sink_arrow::store::path_value;

/// The topic or partition as a part of a name: `default+events-part-1`. Topics have no `+`.
fn topic(name: &str) -> String {
    name.trim_start_matches('/').replace('/', "+")
}

/// The journal of a topic or partition.
pub(crate) fn journal(subscription: &str, name: &str) -> String {
    staging(subscription, name) + ".json"
}

/// The name for which objects of a topic or partition are staged.
pub(crate) fn staging(subscription: &str, name: &str) -> String {
    format!("{}/{}", own_folder(subscription), topic(name))
}

/// The folder with what is not data of a subscription.
pub(crate) fn own_folder(subscription: &str) -> String {
    format!("{DANUBE}/{}", path_value(subscription))
}

/// The folder with what is not data. Readers of tables skip it for its `_`.
pub(crate) const DANUBE: &str = "_danube";

/// The file of records: `default+events+lake+000000000001-000000000100+3f2a9c41.parquet`, with the subscription, since each has
/// records of its own, the lowest and the highest offset, and what distinguishes offsets that restart and sets of offsets with gaps.
pub(crate) fn file(name: &str, subscription: &str, (first, last): (u64, u64), id: &str, extension: &str) -> String {
    format!("{}+{}+{first:012}-{last:012}+{id}.{extension}", topic(name), path_value(subscription))
}

/// The most bytes of a name in most file systems.
const NAME: usize = 255;

/// Which files of a topic a folder can have: their names are the longest of all.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    All,
    /// None of many partitions, with many records or with gaps.
    Some,
    None,
}

pub(crate) fn fit_of_files(topic: &str, subscription: &str, extension: &str) -> Fit {
    const MOST: u64 = 999_999_999_999_999;
    let fits = |topic: &str, offset, id| file(topic, subscription, (offset, offset), id, extension).len() <= NAME;
    match fits(topic, 0, "00000000") {
        false => Fit::None,
        true if fits(&format!("{topic}-part-9999"), MOST, "00000000-00000000") => Fit::All,
        true => Fit::Some,
    }
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
        let name = file("/default/t-part-1", "a+b", (7, 9), "00c0ffee", "csv");
        assert_eq!(name, "default+t-part-1+a%2Bb+000000000007-000000000009+00c0ffee.csv");
        assert_eq!(journal("a b", "/default/t-part-1"), "_danube/a%20b/default+t-part-1.json");
    }

    #[test]
    fn the_longest_names_of_a_topic_may_not_fit_where_the_shortest_do() {
        let fit = |length: usize| fit_of_files("/a/t", &"s".repeat(length), "csv");
        assert_eq!([fit(180), fit(190), fit(212), fit(213)], [Fit::All, Fit::Some, Fit::Some, Fit::None]);
    }
}
