//! Constraints on the items of arrays and maps.

use std::collections::BTreeMap;

use danube_sink::{config::template, prelude::*};

use crate::{file, load, report};

/// A connector whose arrays and maps have constrained items.
#[sink_connector(section = "items", main = false)]
#[derive(Debug)]
pub struct Items {
    /// Integers.
    #[setting(default = [1, 2], length = 1..=3, items(range = 1..=10))]
    pub partitions: Vec<u8>,
    /// Strings.
    #[setting(items(length = 1..=3))]
    pub labels: Option<BTreeMap<String, String>>,
    /// A few words.
    #[setting(default = [], items(one_of = ["a", "b"]))]
    pub flags: Vec<String>,
    /// Durations, each of them checked alone.
    #[setting(default = ["1s"], items(range = "1s".."1m"))]
    pub delays: Vec<Duration>,
    /// The mappings.
    #[topic_mappings]
    pub topics: TopicMappings<Target>,
}

/// A target with constrained items.
#[derive(Debug, TopicMapping)]
pub struct Target {
    /// Columns.
    #[setting(default = ["id"], items(length = ..=5))]
    pub columns: Vec<String>,
}

writes_nothing!(Items);

#[test]
fn each_item_is_validated() {
    let connector =
        load::<Items>(&file("items", "partitions = [10]\nlabels = { a = \"b\" }", ""), &[]).expect("valid").connector;
    assert_eq!((connector.partitions, connector.labels.map_or(0, |labels| labels.len())), (vec![10], 1));
    let lines = "partitions = [1, 11, 3, 0]\nlabels = { a = \"\" }\nflags = [\"c\"]\ndelays = [\"5s\", \"60s\"]";
    let report = report::<Items>(&file("items", lines, "columns = [\"id\", \"longer\"]"), &[]);
    let expected = "error: connector.toml:3:14: `partitions`: the array is too long or too short
   3 | partitions = [1, 11, 3, 0]
     |              ^^^^^^^^^^^^^
   help: write an array of 1 to 3 values

error: connector.toml:3:18: `partitions`: the number is out of range
   3 | partitions = [1, 11, 3, 0]
     |                  ^^
   help: write an integer from 1 to 10

error: connector.toml:3:25: `partitions`: the number is out of range
   3 | partitions = [1, 11, 3, 0]
     |                         ^
   help: write an integer from 1 to 10

error: connector.toml:4:16: `labels`: `a`: the string is empty
   4 | labels = { a = \"\" }
     |                ^^
   help: write a string of 1 to 3 characters

error: connector.toml:5:10: `flags`: not one of the allowed values
   5 | flags = [\"c\"]
     |          ^^^
   help: write one of `\"a\"` or `\"b\"`

error: connector.toml:6:17: `delays`: the duration is out of range
   6 | delays = [\"5s\", \"60s\"]
     |                 ^^^^^
   help: write a duration such as `\"250ms\"`, `\"10s\"` or `\"1h30m\"`, from 1s to less than 1m

error: connector.toml:9:18: `columns`: the string is too long or too short
   9 | columns = [\"id\", \"longer\"]
     |                  ^^^^^^^^
   help: write a string of at most 5 characters

7 errors in connector.toml";
    assert_eq!(report, expected);
}

#[test]
fn the_documents_show_the_constraints_of_items() {
    let template = template::<Items>();
    assert!(template.contains("# An array; each value: an integer from 1 to 10. Default: [1, 2]."), "{template}");
    let schema = danube_sink::config::json_schema::<Items>();
    let items = &schema["properties"]["items"]["properties"]["partitions"]["items"];
    assert_eq!(*items, serde_json::json!({ "type": "integer", "minimum": 1, "maximum": 10 }));
}
