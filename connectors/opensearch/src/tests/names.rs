//! Indexes by content and date.

use super::{Process, connector, partial, record, records, started, write};

#[tokio::test]
async fn records_go_to_indexes_by_content_and_date() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'by-{/tenant}-{publish_time:%Y.%m}'\nid = '{id}'").await;
    let batch = ["acme", "other", "acme"].map(|tenant| format!(r#"{{"tenant":"{tenant}"}}"#));
    write(&mut connector, records(batch)).await.expect("documents");
    let counts = ["by-acme-2018.02", "by-other-2018.02"].map(|index| server.documents(index).len());
    assert_eq!(counts, [2, 1]);
}

#[tokio::test]
async fn a_name_that_no_server_takes_rejects_its_record_alone() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'names{/end}'\nid = '{id}'").await;
    let ends = ["-a", "-S3CRET", "-s3cret space", "-s3cret/x", "", "-s3cret,", "-s3cret*", "-b"];
    let long = "s3cret".repeat(50);
    let batch = ends.into_iter().chain([&*long]).map(|end| format!(r#"{{"end":"{end}"}}"#));
    let message = partial(write(&mut connector, records(batch)).await);
    assert!(message.contains("6 rejected") && message.contains("`names{/end}`"), "{message}");
    assert!(!message.to_lowercase().contains("s3cret"), "{message}");
    let counts = ["names", "names-a", "names-b"].map(|index| server.documents(index).len());
    assert_eq!(counts, [1, 1, 1]);
}

#[tokio::test]
async fn the_number_of_indexes_is_bounded() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'bounded-{/n}'\nid = '{id}'\nmax_open_indexes = 2").await;
    let batch = [1, 2, 3, 1].map(|n| format!(r#"{{"n":{n}}}"#));
    let message = partial(write(&mut connector, records(batch)).await);
    assert!(message.contains("1 rejected") && message.contains("`max_open_indexes`"), "{message}");
    assert_eq!(server.documents("bounded-*").len(), 3);
}

#[tokio::test]
async fn an_id_that_no_server_takes_rejects_its_record_alone() {
    let server = Process::shared();
    let mut connector = started(server, "index = 'ids'\nid = '{key}'").await;
    let keys = ["a", &"s3cret".repeat(100), "", "ü\"\\\n\u{1}", &"x".repeat(512)].map(str::to_owned);
    let keyed = |key: String| record(1, "{}").key(key).build();
    let message = partial(write(&mut connector, keys.map(keyed).to_vec()).await);
    assert!(message.contains("2 rejected") && !message.contains("s3cret"), "{message}");
    assert_eq!(server.documents("ids").len(), 3);
}

#[test]
fn a_name_that_no_value_makes_valid_is_an_error_of_the_configuration() {
    for index in [
        "Orders",
        "",
        "_orders-{/a}",
        "a b",
        "Orders-{/a}",
        "{topic}",
        "{id}",
        "logs-{publish_time}",
        "logs-{publish_time:%b}",
    ] {
        let mapping = format!("index = '{index}'");
        let error = std::panic::catch_unwind(|| connector("http://localhost", &mapping)).err().expect("an error");
        let text = error.downcast_ref::<String>().expect("a text");
        assert!(text.contains("no index can have this name"), "{index}: {text}");
    }
}
