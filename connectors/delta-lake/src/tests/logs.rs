//! The log: how often it is read, its checkpoints, and the removal of its old files.

use std::{
    fs::{self, File},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use danube_sink::{prelude::*, testing::attempt};
use serde_json::json;

use super::{
    TOPIC,
    common::{Reader, folder, open_s3},
    connector, on_s3, read, record, write_retrying,
};

/// Time of a write, of which what follows a commit has a part.
const TIMEOUT: Duration = Duration::from_secs(10);
const COLUMN: &str = "columns = [{ name = 'n', type = 'long' }]";

/// Makes commits older than the log retains them.
fn age(log: &Path, versions: std::ops::Range<u64>) {
    let long_ago = SystemTime::now() - Duration::from_hours(40 * 24);
    for version in versions {
        let file = File::options().write(true).open(log.join(format!("{version:020}.json"))).unwrap();
        file.set_modified(long_ago).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_does_not_list_the_whole_log() {
    let server = open_s3("listings").await;
    let mut connector = on_s3(&server, COLUMN).await;
    let write = |number| vec![record(number, &json!({ "n": number }))];
    connector.process_batch(write(1)).await.unwrap();
    let before = server.requests().len();
    for number in 2..22 {
        connector.process_batch(write(number)).await.unwrap();
    }
    let requests = server.requests().split_off(before);
    let is_commit = |request: &&String| request.starts_with("PUT ") && request.contains("/_delta_log/");
    assert_eq!(requests.iter().filter(is_commit).count(), 20);
    let is_whole = |request: &&String| request.contains("list-type=2") && !request.contains("start-after=");
    let whole: Vec<_> = requests.iter().filter(is_whole).collect();
    assert!(whole.is_empty(), "{whole:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_files_of_the_log_are_removed_with_a_checkpoint() {
    let folder = folder("cleaned");
    let mut connector = connector(&folder, &format!("checkpoint_interval = 2\n{COLUMN}")).await.unwrap();
    let log = folder.join("table/_delta_log");
    for number in 1..8 {
        connector.process_batch(vec![record(number, &json!({ "n": number }))]).await.unwrap();
        if number == 1 {
            age(&log, 0..2);
        }
    }
    let names = fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let commits: Vec<_> = names.filter(|name| name.ends_with(".json")).collect();
    assert!(!commits.contains(&format!("{:020}.json", 0)) && commits.len() == 7, "{commits:?}");
    assert_eq!(read(&folder).rows.len(), 7);
}

/// Records of the broker's own producer are at least once, so that nothing else hides a second write.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_or_a_cleanup_that_fails_fails_no_write() {
    type Refused = fn(&str) -> bool;
    let cases: [(&str, Refused); 2] = [
        ("cleanup-refused", |request| request.contains("delete")),
        ("checkpoint-refused", |request| !request.starts_with("GET ") && request.contains(".checkpoint")),
    ];
    for (name, refused) in cases {
        let server = open_s3(name).await;
        let mut connector = on_s3(&server, &format!("checkpoint_interval = 2\n{COLUMN}")).await;
        for number in 1..8 {
            let record = SinkRecord::builder(TOPIC).subscription("s").offset(number).producer("broker", 0, number);
            let record = record.payload(json!({ "n": number }).to_string()).build();
            connector.process_batch(vec![record]).await.unwrap();
            if number == 1 {
                age(&server.objects("table/_delta_log"), 0..2);
                server.refuse(refused);
            }
        }
        let requests = server.requests();
        assert!(requests.iter().any(|request| refused(request)), "{name}: {requests:?}");
        let mut numbers = Reader::start().numbers(&server.url("table"), &server.options(), "n");
        numbers.sort_unstable();
        assert_eq!(numbers, (1..8).collect::<Vec<_>>(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_outlives_its_time_limit_is_the_only_one_and_is_followed_by_the_cleanup() {
    let server = open_s3("late-checkpoint").await;
    let mut connector = on_s3(&server, &format!("checkpoint_interval = 2\n{COLUMN}")).await;
    let write = |number| vec![record(number, &json!({ "n": number }))];
    connector.process_batch(write(1)).await.unwrap();
    age(&server.objects("table/_delta_log"), 0..2);
    let is_checkpoint = |request: &str| request.starts_with("PUT ") && request.contains(".checkpoint");
    let before = server.requests().len();
    server.hold(is_checkpoint);
    for number in 2..8 {
        attempt(TIMEOUT, connector.process_batch(write(number))).await.unwrap();
    }
    let requests = server.requests().split_off(before);
    let checkpoints: Vec<_> = requests.iter().filter(|request| is_checkpoint(request)).collect();
    assert_eq!(checkpoints.len(), 1, "{checkpoints:?}");
    server.hold(|_| false);
    let oldest = server.objects("table/_delta_log").join(format!("{:020}.json", 0));
    danube_sink_tests::until("the cleanup", async || !oldest.exists()).await;
    // The task that removes files may not have ended yet.
    write_retrying(&mut connector, write(8)).await;
    let mut numbers = Reader::start().numbers(&server.url("table"), &server.options(), "n");
    numbers.sort_unstable();
    assert_eq!(numbers, (1..9).collect::<Vec<_>>());
}

/// The records are written: nothing that follows may take the time of the whole write.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_cannot_be_read_back_in_time_fails_no_write() {
    let server = open_s3("unread-commit").await;
    let mut connector = on_s3(&server, COLUMN).await;
    let write = |number| vec![record(number, &json!({ "n": number }))];
    connector.process_batch(write(1)).await.unwrap();
    server.hold(|request| {
        static READS: AtomicUsize = AtomicUsize::new(0);
        let is_read = request.starts_with("GET ") && request.contains(&format!("{:020}.json", 2));
        // The first two are the library's, within the commit.
        is_read && READS.fetch_add(1, Ordering::Relaxed) >= 2
    });
    attempt(TIMEOUT, connector.process_batch(write(2))).await.unwrap();
    let reads =
        server.requests().iter().filter(|request| request.starts_with("GET ") && request.ends_with("2.json")).count();
    assert_eq!(reads, 3, "one is held");
    server.hold(|_| false);
    connector.process_batch(write(3)).await.unwrap();
    let mut numbers = Reader::start().numbers(&server.url("table"), &server.options(), "n");
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offsets_of_many_producers_are_read_at_once_after_a_restart() {
    const PRODUCERS: u32 = 100;
    let server = open_s3("producers").await;
    let records = || -> Vec<SinkRecord> {
        let record = |id: u32| {
            let record = SinkRecord::builder(TOPIC).subscription("s").offset(1).producer("sensor", id.into(), 1);
            record.payload(json!({ "n": id }).to_string()).build()
        };
        (1..=PRODUCERS).map(record).collect()
    };
    on_s3(&server, COLUMN).await.process_batch(records()).await.unwrap();
    let mut restarted = on_s3(&server, COLUMN).await;
    // Requests that do not wait for each other meet.
    server.delay(Duration::from_millis(200));
    server.take_most_at_once();
    restarted.process_batch(records()).await.unwrap();
    // One look-up reads two commits, and asks for no more at once.
    let at_once = server.take_most_at_once();
    assert!(at_once >= 8, "{at_once} requests at once");
    server.delay(Duration::ZERO);
    let numbers = Reader::start().numbers(&server.url("table"), &server.options(), "n");
    assert_eq!(numbers.len(), PRODUCERS as usize);
}

/// Each would find no table, and another writer's table a moment later.
#[tokio::test(flavor = "multi_thread")]
async fn connectors_that_create_a_table_at_once_write_its_metadata_once() {
    let server = open_s3("created-at-once").await;
    let mut connectors = Vec::new();
    for _ in 0..8 {
        connectors.push(on_s3(&server, "on_new_field = 'ignore'").await);
    }
    server.delay(Duration::from_millis(100));
    let write = |(mut connector, number): (_, u64)| {
        tokio::spawn(async move {
            let payload = json!({ "n": number, (format!("of_{number}")): number });
            let record = SinkRecord::builder(TOPIC).subscription("s").offset(1).producer("sensor", number, 1);
            write_retrying(&mut connector, vec![record.payload(payload.to_string()).build()]).await;
        })
    };
    let running: Vec<_> = connectors.into_iter().zip(1..).map(write).collect();
    for writer in running {
        writer.await.unwrap();
    }
    server.delay(Duration::ZERO);
    let log = fs::read_dir(server.objects("table/_delta_log")).unwrap();
    let commits: Vec<_> = log.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    assert_eq!(commits.iter().filter(|commit| commit.contains(r#""metaData""#)).count(), 1, "{commits:#?}");
    let mut numbers = Reader::start().numbers(&server.url("table"), &server.options(), "n");
    numbers.sort_unstable();
    assert_eq!(numbers, (1..9).collect::<Vec<_>>());
}
