//! Column names that collide or are not allowed, and values that become folder names.

use std::fs;

use danube_sink::{prelude::*, testing::from_toml};
use serde_json::json;

use super::super::DeltaLake;
use super::{
    TOPIC,
    common::{Reader, folder, open_s3},
    connector, on_s3, read, record,
};

#[test]
fn a_repeated_column_name_is_an_error_of_the_configuration() {
    for (mapping, part) in [
        ("columns = [{ name = 'a' }, { name = 'A' }]", "two columns have the name"),
        ("columns = [{ name = 'Offset' }]\nmetadata = ['offset']", "two columns have the name"),
        ("metadata = ['offset', 'offset']", "would be written twice"),
    ] {
        let text = format!("[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 't'\n{mapping}\n");
        let Err(report) = from_toml::<DeltaLake>(&text) else { panic!("{mapping} is taken") };
        assert!(report.to_string().contains(part), "{mapping}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_others_could_not_read_is_not_created() {
    let list = r#"{"type":"struct","fields":[{"name":"a b","type":"long","nullable":true,"metadata":{}}]}"#;
    for (mapping, part) in [
        ("columns = [{ name = 'a b' }]", "`a b`"),
        ("columns = [{ name = 'a,b' }]", "`a,b`"),
        ("columns = [{ name = '' }]", "``"),
        (&format!("columns = [{{ name = 'x', type = '{list}' }}]"), "`a b`"),
        ("columns = [{ name = 'a' }, { name = 'b' }]\npartition_by = ['c']", "`c` of partition_by is not among"),
        ("columns = [{ name = 'a' }]\npartition_by = ['a']", "has all of the columns"),
        (
            "columns = [{ name = 'a' }, { name = 'b', type = 'binary' }]\npartition_by = ['b']",
            "`b` of partition_by has",
        ),
    ] {
        let folder = folder("unmakeable");
        let Err(error) = connector(&folder, mapping).await else { panic!("{mapping} is taken") };
        assert!(matches!(error, ConnectorError::Configuration { .. }), "{mapping}: {error:?}");
        assert!(error.report().contains(part), "{mapping}: {error:?}");
        assert!(!folder.join("table/_delta_log").exists(), "{mapping}");
        // With tables by content, no record would ever fit.
        let text = format!(
            "[[delta_lake.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\ntable = '{}/{{/tenant}}'\n{mapping}\n",
            folder.display()
        );
        let (mut by_content, config) = from_toml::<DeltaLake>(&text).unwrap();
        let error = by_content.initialize(config).await.expect_err(mapping);
        assert!(matches!(error, ConnectorError::Configuration { .. }), "{mapping}: {error:?}");
        assert!(error.report().contains(part), "{mapping}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dots_slashes_and_quotes_are_part_of_a_name() {
    let folder = folder("dots");
    let mapping = "columns = [{ name = 'a.b', type = 'long' }, { name = 'c/d' }, { name = 'e\"f', from = '/x/y.z' }, \
                   { name = 'größe' }, { name = 'select' }]\npartition_by = ['c/d']";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let payload = json!({"a.b": 1, "a": {"b": 2}, "c/d": "x", "x": {"y.z": "q"}, "größe": "L", "select": "s"});
    connector.process_batch(vec![record(1, &payload)]).await.unwrap();
    let row = json!({"a.b": 1, "c/d": "x", "e\"f": "q", "größe": "L", "select": "s"});
    assert_eq!(read(&folder).rows, [row]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_whose_names_collide_are_rejected_with_their_record_alone() {
    let folder = folder("collisions");
    let mut connector = connector(&folder, "metadata = ['offset']\non_new_field = 'ignore'").await.unwrap();
    let first = [
        json!({"id": 1, "v": "a"}),
        json!({"id": 2, "ID": "s3cret"}),
        json!({"id": 3, "a b": "s3cret"}),
        json!({"id": 4, "": "s3cret"}),
        json!("text"),
    ];
    let records: Vec<_> = first.iter().zip(1..).map(|(payload, offset)| record(offset, payload)).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains("0 records to retry, 4 rejected") && !failure.contains("s3cret"), "{failure}");
    let later = [json!({"Id": "s3cret"}), json!({"id": 6, "OFFSET": "s3cret"}), json!({"id": 7, "other": 1})];
    let records: Vec<_> = later.iter().zip(6..).map(|(payload, offset)| record(offset, payload)).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains("2 rejected") && failure.contains("`id`") && !failure.contains("s3cret"), "{failure}");
    let mut ids: Vec<_> = read(&folder).rows.iter().map(|row| (row["id"].clone(), row["offset"].clone())).collect();
    ids.sort_by_key(|(id, _)| id.as_u64());
    assert_eq!(ids, [(json!(1), json!(1)), (json!(7), json!(8))]);
}

/// The first record must not end the connector, which would read it again after each restart.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_no_table_can_be_made_of_are_rejected_until_others_come() {
    for (mapping, refused) in [
        ("metadata = ['offset']", [json!({}), json!({"offset": 1})]),
        ("partition_by = ['country']", [json!({"id": 1}), json!({"country": "DE"})]),
    ] {
        let folder = folder("unmade");
        let mut connector = connector(&folder, mapping).await.unwrap();
        for payload in refused {
            let failure = connector.process_batch(vec![record(1, &payload), record(2, &payload)]).await.unwrap_err();
            assert!(failure.report().contains("0 records to retry, 2 rejected"), "{payload}: {failure:?}");
        }
        connector.process_batch(vec![record(3, &json!({"id": 3, "country": "DE"}))]).await.unwrap();
        assert_eq!(read(&folder).rows.len(), 1, "{mapping}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_no_folder_name_is_rejected_and_every_other_is_read_back() {
    let folder = folder("partition-values");
    let mapping = "columns = [{ name = 'n', type = 'long' }, { name = 'p' }, { name = 'at', type = 'timestamp' }]\n\
                   partition_by = ['p', 'at']";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let (long, longest) = ("é".repeat(85), "x".repeat(253));
    let values =
        [".", "..", "a/b", "a%2Fb", "é ü", "\u{0}", "line\nbreak", "__HIVE_DEFAULT_PARTITION__", "'\"`", " ", &longest];
    let at = "0001-01-01T00:00:00.000001Z";
    let good = values.iter().map(|value| json!({"n": 1, "p": value, "at": at})).chain([json!({"n": 1, "p": null})]);
    let bad = ["", &long, "x".repeat(300).as_str()].map(|value| json!({"n": 2, "p": value}));
    let records = good.chain(bad).zip(1..).map(|(payload, offset)| record(offset, &payload)).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains("0 records to retry, 3 rejected") && failure.contains("column `p`"), "{failure}");
    assert!(!failure.contains("xxx"), "{failure}");
    let rows = read(&folder).rows;
    let mut held: Vec<_> = rows.iter().filter_map(|row| row["p"].as_str()).collect();
    held.sort_unstable();
    let mut expected = values.to_vec();
    expected.sort_unstable();
    assert_eq!(held, expected);
    assert_eq!(rows.len(), values.len() + 1);
}

/// Without a zone, Spark reads the time in the zone of its session.
#[tokio::test(flavor = "multi_thread")]
async fn a_timestamp_that_is_a_partition_has_its_zone() {
    let folder = folder("partition-zones");
    let mapping = "columns = [{ name = 'n', type = 'long' }, { name = 'at', type = 'timestamp' }, \
                   { name = 'local', type = 'timestamp_ntz' }]\npartition_by = ['at', 'local']\ncompact_after = 2";
    let mut connector = connector(&folder, mapping).await.unwrap();
    for n in 1..5 {
        let payload = json!({ "n": n, "at": "2018-02-07T03:26:13.5+02:00", "local": "2018-02-07T03:26:13" });
        connector.process_batch(vec![record(n, &payload)]).await.unwrap();
    }
    let commits = fs::read_dir(folder.join("table/_delta_log")).unwrap();
    let commits: String = commits.filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok()).collect();
    let adds: Vec<_> = commits.lines().filter(|line| line.contains(r#""add""#)).collect();
    let has_zone = |line: &&str| line.contains(r#""at":"2018-02-07T01:26:13.500000Z""#);
    let has_none = |line: &&str| line.contains(r#""local":"2018-02-07 03:26:13.000000""#);
    assert!(adds.iter().all(|add| has_zone(add) && has_none(add)), "{adds:#?}");
    let table = read(&folder);
    let is_read = |row: &serde_json::Value| {
        row["at"] == "2018-02-07 01:26:13.500000+00:00" && row["local"] == "2018-02-07 03:26:13"
    };
    assert!(table.rows.len() == 4 && table.rows.iter().all(is_read), "{:?}", table.rows);
    assert!(table.files < 4 && commits.contains("OPTIMIZE"), "{} files", table.files);
}

/// Each value is short enough for a folder, but all of them are too long for the key of an object.
#[tokio::test(flavor = "multi_thread")]
async fn values_that_are_together_too_long_for_a_key_are_rejected_alone() {
    let server = open_s3("partition-keys").await;
    let mapping = "columns = [{ name = 'n', type = 'long' }, { name = 'a' }, { name = 'b' }, { name = 'c' }, { name = 'd' }]\n\
                   partition_by = ['a', 'b', 'c', 'd']";
    let mut connector = on_s3(&server, mapping).await;
    let of = |n: u64, value: &str| record(n, &json!({ "n": n, "a": value, "b": value, "c": value, "d": value }));
    let records = vec![of(1, "x"), of(2, &"s3cret".repeat(40)), of(3, "y")];
    let report = connector.process_batch(records).await.unwrap_err().report();
    assert!(report.contains("0 records to retry, 1 rejected") && report.contains("together"), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
    let mut numbers = Reader::start().numbers(&server.url("table"), &server.options(), "n");
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_is_no_partition_is_rejected_alone() {
    let folder = folder("partition-numbers");
    let mapping = "columns = [{ name = 'n', type = 'long' }, { name = 'd', type = 'double' }, \
                   { name = 'm', type = 'decimal(10,2)' }]\npartition_by = ['d', 'm']";
    let mut connector = connector(&folder, mapping).await.unwrap();
    let good =
        [json!(1.5), json!(-0.1), json!("NaN"), json!("-Infinity"), json!(1e200), json!(null)].map(|d| (d, "1.05"));
    let good = good.into_iter().chain(["-2.00", "0", "-3"].map(|m| (json!(1.5), m)));
    let bad = [(json!(1e300), "1"), (json!(5e-324), "1"), (json!(1), "-0.05"), (json!(1), "-1.50")];
    let count = good.clone().count();
    let records = good.chain(bad).zip(1..);
    let records = records.map(|((d, m), offset)| record(offset, &json!({ "n": offset, "d": d, "m": m }))).collect();
    let failure = connector.process_batch(records).await.unwrap_err().report();
    assert!(failure.contains("0 records to retry, 4 rejected"), "{failure}");
    assert!(failure.contains("column `d`") && failure.contains("too long"), "{failure}");
    assert!(!failure.contains("0.05") && !failure.contains("1.50"), "{failure}");
    // JSON has no infinite numbers.
    let table = Reader::start().query(&folder.join("table"), "select n, cast(d as varchar) as d, m from t");
    assert_eq!(table.rows.len(), count);
}
