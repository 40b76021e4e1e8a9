//! Failures: what is wrong at start, what is retried, and that nothing is lost.

use std::{collections::BTreeMap, fs, iter, process::Command, sync::Arc};

use danube_sink::{config::Mapping, testing::attempt};
use danube_sink_tests::stores::{Kind, Server, WITHOUT_TOKENS, assert_refusals, toml};
use futures_util::FutureExt;

use super::*;
use crate::{mapping::Target, store::Store, writer::Writer};

async fn start(text: &str) -> ConnectorError {
    let (mut connector, config) = from_toml::<ObjectStore>(text).expect("a configuration");
    connector.initialize(config).await.expect_err("it cannot start")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_cannot_be_written_is_found_at_start() {
    let folder = temporary("at-start");
    fs::write(folder.join("a-file"), "").unwrap();
    let error = start(&configuration(&folder.join("a-file"), "")).await;
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    let google = Server::open(Kind::Google, temporary("at-start-google")).await;
    let text = |options: &str, url: &str| {
        format!(
            "[object_store.storage_options]\n{options}\n[[object_store.topic_mappings]]\ntopic = '{TOPIC}'\n\
             subscription = 's'\nurl = '{url}'\n"
        )
    };
    let error = start(&text(&toml(&google.options()), "gs://missing/lake")).await;
    assert!(matches!(error, ConnectorError::Initialization { .. }), "{error:?}");
    assert!(error.report().contains("write _probe below gs://missing/lake"), "{}", error.report());
    let server = Server::open(Kind::S3, temporary("at-start-s3")).await;
    for (url, option, message) in [
        ("s3://lake", "aws_regoin = 'a'", "unknown option `aws_regoin`"),
        ("ftp://lake", "", "ftp://lake"),
        ("http://lake/a", "", "write s3://, gs://, az://, or a folder"),
    ] {
        let error = start(&text(&(toml(&server.options()) + option), url)).await;
        assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
        assert!(error.report().contains(message), "{}", error.report());
    }
    server.kill();
    let error = start(&text(&toml(&server.options()), "s3://lake/a")).await;
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_gone_is_waited_for_and_not_created_again() {
    let folder = temporary("gone");
    let mut running = connector(&folder, "metadata = { offset = '_offset' }").await;
    running.process_batch(vec![record(1, "{}")]).await.unwrap();
    fs::rename(folder.join("lake"), folder.join("away")).unwrap();
    for error in
        [running.process_batch(vec![record(2, "{}")]).await.unwrap_err(), running.health_check().await.unwrap_err()]
    {
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        let text = error.report();
        assert!(text.contains("lake no longer exists; restore it") && !text.contains(".json"), "{text}");
    }
    assert!(!folder.join("lake").exists());
    fs::rename(folder.join("away"), folder.join("lake")).unwrap();
    running.process_batch(vec![record(2, "{}"), record(3, "{}")]).await.unwrap();
    assert_eq!(offsets(&folder), [1, 2, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_journal_is_reported_and_not_overwritten() {
    let folder = temporary("damaged");
    connector(&folder, "").await.process_batch(vec![record(1, "{}")]).await.unwrap();
    let journal = folder.join("lake/_danube/s/default+t.json");
    for (content, message) in [("{", "it is damaged"), (r#"{"version":3}"#, "a later version")] {
        fs::write(&journal, content).unwrap();
        let error = connector(&folder, "").await.process_batch(vec![record(2, "{}")]).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        assert!(error.report().contains(message) && error.report().contains("default+t.json"), "{}", error.report());
        assert_eq!(fs::read_to_string(&journal).unwrap(), content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_file_system_cannot_have_is_not_retried() {
    let folder = temporary("name");
    let batch = || {
        let record = SinkRecord::builder(TOPIC).subscription("s").offset(1).producer("p", 7, 1).payload(r#"{"a":"x"}"#);
        vec![record.partition(Some(0), "p".repeat(250).into()).build()]
    };
    let error = connector(&folder, "").await.process_batch(batch()).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Fatal { .. }), "{error:?}");
    // Where records fill in a part of it, it may be theirs.
    let error = connector(&folder, "path = '{/a}'").await.process_batch(batch()).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Refused { .. }), "{error:?}");
}

/// A connector of one topic whose files are in a bucket.
fn in_bucket(server: &Server, mapping: &str) -> (ObjectStore, ConnectorConfig) {
    let text = format!(
        "[object_store.storage_options]\n{}\n[[object_store.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\n\
         url = '{}'\nmetadata = {{ offset = '_offset' }}\n{mapping}\n",
        toml(&server.options()),
        server.url("lake")
    );
    from_toml::<ObjectStore>(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_many_parts_are_whole() {
    for kind in [Kind::S3, Kind::Google] {
        let server = Server::open(kind, temporary(&format!("parts-{kind:?}"))).await;
        let (mut connector, config) = in_bucket(&server, "");
        connector.initialize(config).await.unwrap();
        let payload = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000_000));
        let records = (1..=20).map(|offset| record(offset, &payload)).collect();
        attempt(Duration::from_secs(120), connector.process_batch(records)).await.unwrap();
        let (numbers, sizes) = Reader::start().numbers(&Location::at(&server, "lake"), "_offset");
        assert!(numbers.into_iter().eq(1..=20) && sizes.len() == 1 && sizes[0] > 20_000_000, "{kind:?}: {sizes:?}");
        assert!(server.requests().iter().any(|request| request.contains("partNumber=2")), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_waited_for_and_refused_keys_end_the_connector() {
    let written = |server: &Server| Reader::start().numbers(&Location::at(server, "lake"), "_offset").0;
    let connector = |server: &Server| in_bucket(server, "");
    assert_refusals(temporary, connector, |number| record(number, "{}"), written).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_the_store_refuses_are_found_at_start() {
    for kind in [Kind::S3, Kind::Google] {
        let server = Server::start(kind, temporary(&format!("keys-{kind:?}"))).await;
        let (mut connector, config) = in_bucket(&server, "");
        connector.access_key_id = Some(Secret::new("key"));
        connector.secret_access_key = Some(Secret::new("wrong"));
        connector.google_key = Some(Secret::new(WITHOUT_TOKENS));
        let error = connector.initialize(config).await.unwrap_err();
        assert!(matches!(error, ConnectorError::Initialization { .. }), "{kind:?}: {error:?}");
        assert!(error.report().contains("the store refuses the credentials: correct"), "{kind:?}: {}", error.report());
    }
}

/// The requests that replace an object whose name has this part.
fn replacements(server: &Server, part: &str) -> usize {
    server.requests().iter().filter(|request| request.starts_with("PUT ") && request.contains(part)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_at_google_is_replaced_once_a_batch_and_once_a_second() {
    let server = Server::open(Kind::Google, temporary("google-journal")).await;
    let (mut connector, config) = in_bucket(&server, "format = 'parquet'\ncolumns = [{ name = 'n', type = 'long' }]");
    connector.initialize(config).await.unwrap();
    for batch in 0..3 {
        let records = vec![record(2 * batch + 1, r#"{"n":1}"#), record(2 * batch + 2, r#"{"n":"x"}"#)];
        let error = connector.process_batch(records).await.unwrap_err();
        assert!(error.report().contains("0 records to retry, 1 rejected"), "{}", error.report());
    }
    assert_eq!(replacements(&server, "danube%2Fs%2F"), 3, "{:?}", server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_at_google_is_replaced_once_for_all_mappings_and_once_a_second() {
    let server = Server::open(Kind::Google, temporary("google-probe")).await;
    let mapping = |topic: &str, url: &str| {
        format!("[[object_store.topic_mappings]]\ntopic = '/default/{topic}'\nsubscription = 's'\nurl = '{url}'\n")
    };
    let (x, y) = (server.url("x"), server.url("y"));
    let text = format!("[object_store.storage_options]\n{}", toml(&server.options()))
        + &mapping("a", &x)
        + &mapping("b", &x)
        + &mapping("c", &y);
    let instance = || from_toml::<ObjectStore>(&text).unwrap();
    let ((mut one, of_one), (mut other, of_other)) = (instance(), instance());
    tokio::try_join!(one.initialize(of_one), other.initialize(of_other)).unwrap();
    one.health_check().await.unwrap();
    let replaced = [replacements(&server, "/x%2F"), replacements(&server, "/y%2F"), replacements(&server, "")];
    assert_eq!(replaced, [3, 3, 6], "{:?}", server.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_called_so() {
    // The system takes connections, and nothing answers on them.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!(
        "[object_store.storage_options]\naws_endpoint = 'http://{}'\naws_allow_http = 'true'\naws_skip_signature = 'true'\n\
         [[object_store.topic_mappings]]\ntopic = '{TOPIC}'\nsubscription = 's'\nurl = 's3://lake'\n",
        listener.local_addr().unwrap()
    );
    let (mut connector, config) = from_toml::<ObjectStore>(&text).unwrap();
    let writer = |Mapping { settings, own }: &Mapping<Target>| {
        let store = Store::open(&own.url, &connector.options(config.write_timeout), 0).unwrap();
        Mapping { settings: settings.clone(), own: Writer::new(store, own, Arc::default()) }
    };
    connector.writers = connector.topics.iter().map(writer).collect();
    let error = attempt(Duration::from_secs(2), connector.process_batch(vec![record(1, "{}")])).await.unwrap_err();
    assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
    assert!(error.report().contains("the store did not answer within `write_timeout_ms`"), "{}", error.report());
}

#[test]
fn a_folder_that_hangs_leaves_threads_to_others() {
    let folder = temporary("hangs");
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().max_blocking_threads(40).build().unwrap();
    let (others, own) = runtime.block_on(async {
        let store = Store::open(&folder.display().to_string(), &BTreeMap::new(), 1).unwrap();
        // Each waits until the pipe is written to, and is given up.
        for _ in 0..100 {
            assert!(store.read("pipe").now_or_never().is_none());
        }
        assert!(store.content("file").now_or_never().is_none(), "records are encoded beside a disk that hangs");
        let others = tokio::time::timeout(Duration::from_secs(30), tokio::task::spawn_blocking(|| ())).await;
        // Those that wait end.
        drop(fs::File::options().write(true).open(&pipe).unwrap());
        (others, tokio::time::timeout(Duration::from_secs(30), store.read("none")).await)
    });
    // A thread that begins now waits for ever.
    runtime.shutdown_background();
    others.expect("a thread").unwrap();
    own.expect("a thread").unwrap();
}

#[tokio::test]
async fn instances_that_write_into_folders_leave_threads_to_others() {
    for (tasks, folders, at_once) in [(1, 1, 16), (2, 3, 16), (32, 1, 4), (8, 4, 4), (256, 1, 1)] {
        let folder = temporary("shares");
        let mappings = (0..folders).map(|number| {
            let url = folder.join(number.to_string());
            format!(
                "[[object_store.topic_mappings]]\ntopic = '{TOPIC}{number}'\nsubscription = 's'\nurl = '{}'\n",
                url.display()
            )
        });
        let text = format!("tasks = {tasks}\n{}", mappings.collect::<String>());
        let (mut connector, config) = from_toml::<ObjectStore>(&text).unwrap();
        connector.initialize(config).await.unwrap();
        let store = &connector.stores[0];
        let begun = iter::repeat_with(|| store.content("file").now_or_never()).map_while(|content| content).take(100);
        assert_eq!(begun.collect::<Vec<_>>().len(), at_once, "{tasks} instances, {folders} folders");
    }
}
