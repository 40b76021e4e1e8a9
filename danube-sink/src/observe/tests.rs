//! Responses of the endpoints, over real sockets.

mod metrics;

use std::{
    net::Ipv4Addr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::config::SubscriptionType;

const TOPIC: &str = "/default/a";

fn consumer() -> ConsumerConfig {
    ConsumerConfig {
        topic: TOPIC.to_owned(),
        consumer_name: "c".to_owned(),
        subscription: "s".to_owned(),
        subscription_type: SubscriptionType::Shared,
        expected_schema_subject: None,
    }
}

fn partition(number: usize) -> String {
    format!("{TOPIC}-part-{number}")
}

async fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the endpoint listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("the endpoint reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("the endpoint answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
    (code, body.to_owned())
}

async fn served(observer: &Observer) -> Server {
    serve(Ipv4Addr::LOCALHOST.into(), 0, observer.clone()).await.expect("a free port")
}

async fn json(server: &Server, path: &str) -> (u16, Value) {
    let (code, body) = get(server.address().port(), path).await;
    (code, serde_json::from_str(&body).expect("JSON"))
}

/// A mapping with two attached partitions.
fn running() -> (Observer, MappingObserver, [PartitionObserver; 2]) {
    let observer = Observer::new("c");
    observer.phase(Phase::Running);
    let mapping = observer.mapping(&consumer());
    mapping.found(TOPIC, &[partition(0), partition(1)]);
    let partitions = [mapping.partition(&partition(0)), mapping.partition(&partition(1))];
    for partition in &partitions {
        partition.attached(AttachReason::Start);
    }
    (observer, mapping, partitions)
}

#[test]
fn a_mapping_is_expected_until_its_topic_is_found_and_attached() {
    let observer = Observer::new("c");
    observer.phase(Phase::Running);
    assert!(observer.is_ready(), "nothing to read");
    let mapping = observer.mapping(&consumer());
    assert!(!observer.is_ready());
    mapping.missing(TOPIC, "the topic does not exist");
    mapping.found(TOPIC, &[TOPIC.to_owned()]);
    assert!(!observer.is_ready());
    mapping.partition(TOPIC).attached(AttachReason::Start);
    assert!(observer.is_ready());
    observer.phase(Phase::Draining);
    assert!(!observer.is_ready());
}

#[test]
fn a_vanished_partition_does_not_affect_readiness() {
    let (observer, mapping, [_, vanished]) = running();
    vanished.detached("the topic does not exist");
    assert!(!observer.is_ready());
    mapping.found(TOPIC, &[partition(0)]);
    assert!(observer.is_ready());
    vanished.detached("another reason");
    assert!(observer.is_ready());
    assert!(!observer.metrics_text().contains(&partition(1)), "{}", observer.metrics_text());
}

#[test]
fn a_partition_missed_by_one_look_up_keeps_its_state_and_numbers() {
    let (observer, mapping, [_, missed]) = running();
    missed.acked(3);
    mapping.found(TOPIC, &[partition(0)]);
    missed.acked(1);
    mapping.found(TOPIC, &[partition(0), partition(1)]);
    assert!(observer.is_ready());
    let acked = format!("partition=\"{}\"}} 4", partition(1));
    let text = observer.metrics_text();
    assert!(
        text.lines().any(|line| line.starts_with("danube_sink_settle_acks_total{") && line.ends_with(&acked)),
        "{text}"
    );
}

#[tokio::test]
async fn ready_returns_when_a_state_changes() {
    let (observer, mapping, [first, _]) = running();
    mapping.blocked(&partition(0), Half::Delivery, "a schema cannot be looked up");
    first.waiting("the target");
    let ready = {
        let observer = observer.clone();
        tokio::spawn(async move { observer.ready().await })
    };
    first.attached(AttachReason::TargetRecovered);
    assert!(!observer.is_ready());
    mapping.unblocked(&partition(0), Half::Delivery);
    ready.await.expect("no panic");
}

#[tokio::test]
async fn ready_waits_for_the_end_of_a_takeover() {
    let (observer, _, [_first, _second]) = running();
    let during = [Phase::Draining, Phase::Standby];
    let mut ready = std::pin::pin!(observer.ready());
    for phase in during {
        observer.phase(phase);
        assert!(ready.as_mut().now_or_never().is_none(), "{phase:?}");
    }
    observer.phase(Phase::Running);
    ready.await;
}

#[tokio::test]
async fn readiness_shows_states_and_no_events() {
    let (observer, mapping, [first, second]) = running();
    let server = served(&observer).await;
    first.gap(3, 105);
    first.gap(4, 300);
    first.possible_loss(20);
    let (code, answer) = json(&server, "/ready").await;
    assert_eq!((code, &answer["ready"], &answer["phase"]), (200, &true.into(), &"running".into()));
    assert!(!answer.to_string().contains("gap"), "{answer}");
    mapping.blocked(&partition(0), Half::Delivery, "a dead letter cannot be written");
    second.waiting("for the target");
    let (code, answer) = json(&server, "/ready").await;
    assert_eq!((code, &answer["ready"]), (503, &false.into()));
    let shown: Vec<_> = (0..2)
        .map(|index| {
            let subscription = &answer["subscriptions"][index];
            ["topic", "state", "attached", "reason"].map(|key| subscription[key].clone())
        })
        .collect();
    let expected: [[Value; 4]; 2] = [
        [partition(0).into(), "blocked".into(), false.into(), "a dead letter cannot be written".into()],
        [partition(1).into(), "waiting".into(), false.into(), "for the target".into()],
    ];
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn status_shows_numbers_and_events_of_each_partition() {
    let (observer, mapping, [first, _]) = running();
    let server = served(&observer).await;
    first.received(20, 3, 100, 122);
    first.in_hand(5);
    first.acks_in_flight(2);
    first.window_limit(10);
    first.acked(18);
    first.gap(3, 105);
    first.gap(4, 300);
    first.possible_loss(20);
    mapping.audit_missing(&partition(0), 4);
    mapping.settled(18, Latencies::default(), Latencies::default());
    observer.buffered_bytes().change(0, 4_096);
    let (code, answer) = json(&server, "/status").await;
    assert_eq!((code, &answer["buffered_bytes"], &answer["settled"]), (200, &4_096.into(), &18.into()));
    let partition = &answer["mappings"][0]["partitions"][0];
    for (key, value) in [
        ("in_hand", 5),
        ("acks_in_flight", 2),
        ("window_limit", 10),
        ("first_offset", 100),
        ("last_offset", 122),
        ("received", 23),
        ("redelivered", 3),
        ("acked", 18),
        ("gap_messages", 7),
        ("possible_losses", 1),
        ("audit_missing_messages", 4),
        ("attaches", 1),
    ] {
        assert_eq!(partition[key], value, "{key} in {partition}");
    }
    let events: Vec<_> =
        partition["events"].as_array().expect("a list").iter().map(|event| event["event"].as_str()).collect();
    let gaps = [
        "gap: the broker skipped 3 messages before offset 105, unless a process that this one replaced has received them",
        "gap: the broker skipped 4 messages before offset 300",
    ];
    assert_eq!(events[..3], [Some("attached"), Some(gaps[0]), Some(gaps[1])]);
    assert_eq!(events.len(), 4);
    first.offsets_restarted(3);
    let (_, answer) = json(&server, "/status").await;
    assert!(answer["mappings"][0]["partitions"][0]["first_offset"].is_null());
}

#[tokio::test]
async fn the_size_of_the_spool_is_shown_while_there_is_one() {
    let (observer, mapping, _) = running();
    let server = served(&observer).await;
    let samples = |name: &str| {
        let (name, text) = (format!("danube_sink_{name}{{"), observer.metrics_text());
        let samples = text.lines().filter(|line| line.starts_with(&name));
        samples.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).collect::<Vec<_>>()
    };
    let spooled =
        || ["spool_records", "spool_bytes", "spool_oldest_seconds", "spool_damaged_records_total"].map(samples);
    assert_eq!(spooled(), [const { Vec::<f64>::new() }; 4]);
    let (_, status) = json(&server, "/status").await;
    assert_eq!((&status["spool_damaged_records"], &status["mappings"][0]["spool"]), (&Value::Null, &Value::Null));

    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    let micros = minute_ago.duration_since(UNIX_EPOCH).expect("after 1970").as_micros();
    mapping.spooled(7, 900, u64::try_from(micros).ok());
    observer.spool_damaged(Some(2));
    let [records, bytes, oldest, damaged] = spooled();
    assert_eq!((records, bytes, damaged), (vec![7.0], vec![900.0], vec![2.0]));
    assert!((60.0..120.0).contains(&oldest[0]), "{oldest:?}");
    let (_, status) = json(&server, "/status").await;
    let spool = &status["mappings"][0]["spool"];
    assert_eq!(
        (&status["spool_damaged_records"], &spool["records"], &spool["bytes"]),
        (&2.into(), &7.into(), &900.into())
    );
    assert!(spool["oldest_seconds"].as_f64().is_some_and(|age| age >= 60.0), "{spool}");

    mapping.spooled(0, 100, None);
    assert_eq!(spooled()[2], [0.0]);
    mapping.not_spooled();
    observer.spool_damaged(None);
    assert_eq!(spooled(), [const { Vec::<f64>::new() }; 4]);
}

#[tokio::test]
async fn a_spool_that_is_not_delivered_makes_the_connector_unready_and_says_why() {
    let (observer, _mapping, _partitions) = running();
    assert!(observer.is_ready());
    observer.spool_failed(Some("generation 3 cannot be read".to_owned()));
    let server = served(&observer).await;
    for page in ["/ready", "/status"] {
        let (_, answer) = json(&server, page).await;
        assert_eq!(
            (&answer["ready"], &answer["spool_failure"]),
            (&false.into(), &"generation 3 cannot be read".into())
        );
    }
    observer.spool_failed(None);
    assert!(observer.is_ready());
}

#[tokio::test]
async fn live_follows_the_steps() {
    let (observer, mapping, [first, _]) = running();
    let server = served(&observer).await;
    let port = server.address().port();
    first.detached("the broker is down");
    let _slow = mapping.progress().step(Duration::from_secs(3_600));
    assert_eq!(get(port, "/live").await, (200, "live\n".to_owned()));
    let step = mapping.progress().step(Duration::ZERO);
    let (code, reason) = get(port, "/live").await;
    assert_eq!(code, 503);
    assert!(reason.starts_with("not live: a step of /default/a (s) has taken "), "{reason}");
    drop(step);
    assert_eq!(get(port, "/live").await.0, 200);
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let observer = Observer::new("c");
    let server = served(&observer).await;
    let port = server.address().port();
    assert_eq!(get(port, "/").await.0, 404);
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("the endpoint listens");
    stream.write_all(b"POST /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}
