//! Each record is written once: after kills at any write, with any cut of the batches, and where offsets restart.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::SystemTime,
};

use danube_sink_tests::until;

use super::*;

const MAPPING: &str = "path = '{/kind}'\nmetadata = { offset = '_offset', producer = '_producer' }";

fn records(offsets: impl IntoIterator<Item = u64>) -> Vec<SinkRecord> {
    let kind = |offset: u64| if offset.is_multiple_of(3) { "third" } else { "other" };
    offsets.into_iter().map(|offset| record(offset, &format!(r#"{{"kind":"{}"}}"#, kind(offset)))).collect()
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

fn data(folder: &Path) -> Vec<PathBuf> {
    let mut files = walk(&folder.join("lake"));
    files.retain(|file| !file.to_string_lossy().contains("_danube"));
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_redelivered_in_another_cut_is_written_once_whichever_objects_a_killed_process_has_written() {
    // The objects of the last batch that exist: none, either, both.
    for kept in 0..4_usize {
        let folder = temporary(&format!("cut-{kept}"));
        let mut first = connector(&folder, MAPPING).await;
        first.process_batch(records(1..=10)).await.unwrap();
        let before = data(&folder);
        first.process_batch(records(11..=30)).await.unwrap();
        drop(first);
        let last: Vec<_> = data(&folder).into_iter().filter(|file| !before.contains(file)).collect();
        assert_eq!(last.len(), 2);
        for (index, file) in last.iter().enumerate() {
            if kept & 1 << index == 0 {
                fs::remove_file(file).unwrap();
            }
        }
        // Another process gets the unacknowledged records, in other batches, and is killed after the first of them.
        let mut second = connector(&folder, MAPPING).await;
        second.process_batch(records(5..=14)).await.unwrap();
        drop(second);
        let mut third = connector(&folder, MAPPING).await;
        third.process_batch(records(9..=40)).await.unwrap();
        third.process_batch(records(41..=42)).await.unwrap();
        assert!(offsets(&folder).into_iter().eq(1..=42), "{kept}: {:?}", offsets(&folder));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_cut_has_the_same_names() {
    let folder = temporary("names");
    connector(&folder, MAPPING).await.process_batch(records(1..=10)).await.unwrap();
    let first = data(&folder);
    // Without its journal the connector does not know what is written.
    fs::remove_dir_all(folder.join("lake/_danube")).unwrap();
    connector(&folder, MAPPING).await.process_batch(records(1..=10)).await.unwrap();
    assert_eq!(data(&folder), first);
    assert!(first[0].ends_with("other/default+t+s+000000000001-000000000010+00000007-477b832a.jsonl"), "{first:?}");
    assert!(offsets(&folder).into_iter().eq(1..=10));
}

const JOURNAL: &str = "lake/_danube/s/default+t.json";

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_overwritten_by_one_with_fewer_of_its_records() {
    let folder = temporary("fewer");
    let mapping = "metadata = { offset = '_offset' }";
    connector(&folder, mapping).await.process_batch(records(1..=3)).await.unwrap();
    // The journal is damaged and removed, and a record between the others was acknowledged before.
    for _ in 0..2 {
        fs::remove_dir_all(folder.join("lake/_danube")).unwrap();
        connector(&folder, mapping).await.process_batch(records([1, 3])).await.unwrap();
        assert_eq!(offsets(&folder), [1, 1, 2, 3, 3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_rejected_record_is_not_the_one_that_was_announced_with_it() {
    let folder = temporary("late");
    let mapping = "columns = [{ name = 'n', required = true }]\nmetadata = { offset = '_offset' }";
    let batch = || (1..=10).map(|n| record(n, if n == 5 { "{}" } else { r#"{"n":"1"}"# })).collect::<Vec<_>>();
    connector(&folder, mapping).await.process_batch(batch()).await.unwrap_err();
    // Its upload ended after its time, when another attempt had announced the whole batch, and was killed before it found the record.
    let announced = r#"{"version":2,"epochs":[{"id":"00000007","producers":[7],"newest":10,"written":[],"writing":{"offsets":[1,9],
        "objects":[{"name":"default/t/default+t+s+000000000001-000000000010+00000007.jsonl","group":"default/t"}]}}]}"#;
    fs::write(folder.join(JOURNAL), announced).unwrap();
    let error = connector(&folder, mapping).await.process_batch(batch()).await.unwrap_err();
    assert!(error.to_string().starts_with("0 records to retry, 1 rejected"), "{error}");
    assert_eq!(offsets(&folder), [1, 2, 3, 4, 6, 7, 8, 9, 10]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_known_by_the_name_that_the_journal_has_for_it() {
    let folder = temporary("named-before");
    let mapping = "metadata = { offset = '_offset' }";
    connector(&folder, mapping).await.process_batch(records([1, 3])).await.unwrap();
    // The version before named it so.
    let files = data(&folder);
    let name = files[0].file_name().unwrap().to_str().unwrap();
    let before = "default+t+s+000000000001-000000000003+00000007.jsonl";
    assert!(name != before && name.starts_with(&before[..before.len() - 6]), "{name}");
    fs::rename(&files[0], files[0].with_file_name(before)).unwrap();
    let journal = fs::read_to_string(folder.join(JOURNAL)).unwrap();
    fs::write(folder.join(JOURNAL), journal.replace(name, before)).unwrap();
    connector(&folder, mapping).await.process_batch(records([1, 3, 4])).await.unwrap();
    assert_eq!(offsets(&folder), [1, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_subscription_of_a_topic_has_files_of_its_own() {
    for kind in ["Exclusive", "Shared"] {
        let folder = temporary("subscriptions");
        let of = |subscription: &str, kinds: [&str; 4]| -> Vec<SinkRecord> {
            let record = |(kind, offset): (&str, u64)| {
                let record = SinkRecord::builder(TOPIC).subscription(subscription).offset(offset);
                record.producer("sensor", 7, offset).payload(format!(r#"{{"kind":"{kind}"}}"#)).build()
            };
            kinds.into_iter().zip(1..).map(record).collect()
        };
        for subscription in ["probe", "_probe"] {
            let text = configuration(&folder, &format!("subscription_type = '{kind}'\n{MAPPING}"));
            let text = text.replace("subscription = 's'", &format!("subscription = '{subscription}'"));
            let (mut connector, config) = from_toml::<ObjectStore>(&text).unwrap();
            connector.initialize(config).await.unwrap();
            connector.process_batch(of(subscription, ["a", "b", "b", "a"])).await.unwrap();
        }
        assert_eq!(offsets(&folder), [1, 1, 2, 2, 3, 3, 4, 4], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_record_is_written_when_the_mapping_takes_it() {
    let folder = temporary("rejected");
    let mut batch = records(1..=5);
    batch[2] = record(3, r#"{"kind":null,"sort":"third"}"#);
    let error = connector(&folder, MAPPING).await.process_batch(batch.clone()).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Partial(_)), "{error:?}");
    assert_eq!(offsets(&folder), [1, 2, 4, 5]);
    // Corrected, and all are redelivered; a record that cannot be decoded does not even reach the connector.
    let mapping = MAPPING.replace("/kind", "/sort");
    let mut with_sort = records(1..=5);
    with_sort[2] = batch[2].clone();
    let error = connector(&folder, &mapping).await.process_batch(with_sort).await.unwrap_err();
    assert!(error.to_string().starts_with("0 records to retry, 4 rejected"), "{error}");
    assert_eq!(offsets(&folder), [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_that_restart_are_other_records() {
    let folder = temporary("epochs");
    let of = |producer, offsets: std::ops::RangeInclusive<u64>| -> Vec<SinkRecord> {
        offsets.map(|offset| record_of(producer, offset, r#"{"kind":"a"}"#)).collect()
    };
    let mut running = connector(&folder, MAPPING).await;
    running.process_batch(of(1, 1..=10)).await.unwrap();
    // Another producer of the same broker, and then a broker that has lost its storage: twice, and the connector restarts.
    running.process_batch(of(2, 11..=12)).await.unwrap();
    running.process_batch(of(3, 1..=10)).await.unwrap();
    let mut again = connector(&folder, MAPPING).await;
    again.process_batch([of(2, 11..=12), of(3, 1..=12)].concat()).await.unwrap();
    again.process_batch(of(4, 1..=10)).await.unwrap();
    let mut expected: Vec<u64> = [1..=12, 1..=12, 1..=10].into_iter().flatten().collect();
    expected.sort_unstable();
    assert_eq!(offsets(&folder), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_without_positions_are_written_at_least_once_under_names_of_their_ids() {
    let folder = temporary("unordered");
    let shared = format!("subscription_type = 'Shared'\n{MAPPING}");
    let mut running = connector(&folder, &shared).await;
    for _ in 0..2 {
        running.process_batch(records([4, 1, 7])).await.unwrap();
    }
    assert_eq!(offsets(&folder), [1, 4, 7], "the same batch overwrites");
    running.process_batch(records([1, 2])).await.unwrap();
    assert_eq!(offsets(&folder), [1, 1, 2, 4, 7]);
    // A topic that is not reliable has offset 0 alone, and a broker's own records have no producer.
    let folder = temporary("no-offsets");
    let mut running = connector(&folder, "metadata = { offset = '_offset' }").await;
    running.process_batch(vec![record(0, "{}"), record(0, r#"{"a":1}"#)]).await.unwrap();
    running.process_batch(vec![record(0, r#"{"a":2}"#)]).await.unwrap();
    running.process_batch(vec![record_of(0, 5, "{}"), record_of(0, 4, "{}")]).await.unwrap();
    running.process_batch(vec![record_of(0, 4, r#"{"a":3}"#)]).await.unwrap();
    assert_eq!(offsets(&folder), [0, 0, 0, 4, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_have_files_and_journals_of_their_own() {
    let folder = temporary("partitions");
    let of = |number: u32, offset: u64| {
        let record = SinkRecord::builder(TOPIC).subscription("s").offset(offset).producer("p", 7, offset).payload("{}");
        record.partition(Some(number), format!("{TOPIC}-part-{number}").into()).build()
    };
    let batch = || vec![of(0, 1), of(1, 1), of(0, 2), of(1, 2), of(1, 3)];
    for _ in 0..2 {
        connector(&folder, "metadata = { offset = '_offset' }").await.process_batch(batch()).await.unwrap();
    }
    let found = files(&folder);
    assert_eq!(
        names(&found),
        [
            "default/t/default+t-part-0+s+000000000001-000000000002+00000007.jsonl",
            "default/t/default+t-part-1+s+000000000001-000000000003+00000007.jsonl",
        ]
    );
    let journals = fs::read_dir(folder.join("lake/_danube/s")).unwrap().count();
    assert_eq!((journals, offsets(&folder)), (2, vec![1, 1, 2, 2, 3]));
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_instances_see_what_others_have_written() {
    let folder = temporary("tasks");
    let text = format!("tasks = 2\n\n{}", configuration(&folder, MAPPING));
    let mut instances = Vec::new();
    for _ in 0..2 {
        let (mut instance, config) = from_toml::<ObjectStore>(&text).unwrap();
        instance.initialize(config).await.unwrap();
        instances.push(instance);
    }
    for number in 0..6 {
        let batch = records(10 * number + 1..=10 * number + 15);
        instances[number as usize % 2].process_batch(batch).await.unwrap();
    }
    assert!(offsets(&folder).into_iter().eq(1..=65));
    // They share what they know: the first batch begins the journal, and each later one is a line.
    let journal = fs::read_to_string(folder.join(JOURNAL)).unwrap();
    assert_eq!(journal.lines().filter(|line| !line.is_empty()).count(), 2 + 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_its_format_rejects_is_not_announced() {
    let folder = temporary("not-announced");
    let mapping = |required| {
        format!(
            "columns = [{{ name = 'id' }}, {{ name = 'n', required = {required} }}]\nmetadata = {{ offset = '_offset' }}"
        )
    };
    let batch =
        || (1..=3).map(|n| record(n, if n == 2 { r#"{"id":"2"}"# } else { r#"{"n":"1"}"# })).collect::<Vec<_>>();
    let error = connector(&folder, &mapping(true)).await.process_batch(batch()).await.unwrap_err();
    assert!(error.to_string().starts_with("0 records to retry, 1 rejected"), "{error}");
    assert_eq!(offsets(&folder), [1, 3]);
    connector(&folder, &mapping(false)).await.process_batch(batch()).await.unwrap();
    assert_eq!(offsets(&folder), [1, 2, 3]);
    // None is left to announce.
    connector(&folder, &mapping(true)).await.process_batch(vec![record(4, r#"{"id":"4"}"#)]).await.unwrap_err();
    connector(&folder, &mapping(false)).await.process_batch(vec![record(4, r#"{"id":"4"}"#)]).await.unwrap();
    assert_eq!(offsets(&folder), [1, 2, 3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_has_begun_is_removed() {
    let folder = temporary("begun");
    connector(&folder, MAPPING).await.process_batch(records(1..=3)).await.unwrap();
    let begun = |names: [&str; 3]| names.map(|name| folder.join("lake/_danube/s").join(name));
    let own = begun([".default+t.99-0.partial", ".default+t.99-17.partial", ".default+t.json.99-1.partial"]);
    let others =
        begun([".default+t-part-1.99-0.partial", ".default+t.x.99-0.partial", ".default+t.9.json.99-0.partial"]);
    own.iter().chain(&others).for_each(|path| fs::write(path, "{").unwrap());
    let mut again = connector(&folder, MAPPING).await;
    again.process_batch(records(4..=5)).await.unwrap();
    assert!(!own.iter().any(|path| path.exists()), "its own files are removed");
    assert!(others.iter().all(|path| path.exists()), "those of other topics and partitions are not");
    assert!(offsets(&folder).into_iter().eq(1..=5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_killed_processes_have_begun_long_ago_is_removed_whoever_else_writes() {
    let folder = temporary("begun-shared");
    let mapping = format!("subscription_type = 'Shared'\n{MAPPING}");
    connector(&folder, &mapping).await.process_batch(records(1..=3)).await.unwrap();
    let begun = |name: &str, hours: u64| {
        let path = folder.join("lake/_danube/s").join(name);
        let time = SystemTime::now() - Duration::from_secs(hours * 3_600);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        File::create(&path).unwrap().set_modified(time).unwrap();
        path
    };
    let abandoned = [
        begun(".default+t.99-0.partial", 2),
        begun(".default+other.json.7-31.partial", 48),
        begun("../._probe.7-31.partial", 48),
    ];
    // What another process may still write, and what is none of these.
    let kept = [begun(".default+t.99-1.partial", 0), begun(".default+t.99.partial", 48), begun("default+t.json", 48)];
    connector(&folder, &mapping).await.process_batch(records(4..=5)).await.unwrap();
    assert!(abandoned.iter().all(|path| !path.exists()), "abandoned");
    assert!(kept.iter().all(|path| path.exists()), "kept");
    assert!(offsets(&folder).into_iter().eq(1..=5));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_may_be_a_link_to_another_file_system() {
    use std::os::unix::fs::{MetadataExt, symlink};
    let folder = temporary("link");
    let other = PathBuf::from(format!("/dev/shm/danube-sink-{}", std::process::id()));
    if fs::create_dir_all(&other).is_err() || other.metadata().unwrap().dev() == folder.metadata().unwrap().dev() {
        println!("skipped: /dev/shm is no file system of its own here");
        return;
    }
    let mut running = connector(&folder, "path = 'away'\nmetadata = { offset = '_offset' }").await;
    symlink(&other, folder.join("lake/away")).unwrap();
    let payload = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000));
    running.process_batch((1..=1_000).map(|n| record(n, &payload)).collect()).await.unwrap();
    let names = walk(&other);
    let content = fs::read_to_string(&names[0]).unwrap();
    fs::remove_dir_all(&other).unwrap();
    assert!(names.len() == 1 && content.lines().count() == 1_000, "{names:?}");
    let is_partial = |path: &PathBuf| path.extension().unwrap_or_default() == "partial";
    until("the file that could not be renamed is removed", async || {
        !walk(&folder.join("lake/_danube")).iter().any(is_partial)
    })
    .await;
}
