//! Creating topics.

use std::time::{Duration, SystemTime};

use super::{Certificate, DanubeBroker, client, start};
use crate::{
    config::{ConnectorConfig, Secret, Token},
    dev::{Access, BrokerOptions, EmbeddedBroker, Partitions, Permission, Scope},
    pipeline::{Broker, FailureKind},
};

const NEW: &str = "/default/new";

fn parts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{NEW}-part-{number}")).collect()
}

#[tokio::test]
async fn a_missing_topic_is_created_and_an_existing_one_stays_as_it_is() {
    let (embedded, client) = start().await;
    client.create_topic(NEW, Some(3)).await.unwrap();
    assert_eq!(client.partitions(NEW).await.unwrap(), parts(3));
    client.create_topic(NEW, Some(5)).await.unwrap();
    client.create_topic(NEW, None).await.unwrap();
    assert_eq!(client.partitions(NEW).await.unwrap(), parts(3));

    client.create_topic("/default/plain", None).await.unwrap();
    assert_eq!(client.partitions("/default/plain").await.unwrap(), ["/default/plain"]);
    embedded.create_topic("/default/plain", Partitions::Unpartitioned, true).expect("it is not reliable");

    embedded.create_topic("/default/fast", Partitions::Unpartitioned, false).unwrap();
    client.create_topic("/default/fast", None).await.unwrap();
    embedded.create_topic("/default/fast", Partitions::Unpartitioned, false).expect("it has changed");
}

#[tokio::test]
async fn a_broker_that_creates_no_topics_fails_with_what_to_do() {
    let options = BrokerOptions { auto_create_topics: false, ..BrokerOptions::default() };
    let embedded = EmbeddedBroker::start(options).await.unwrap();
    let failure = client(&embedded.url()).create_topic(NEW, Some(2)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Missing);
    for part in [NEW, "auto_create_topics", "danube-admin topics create", "--partitions 2"] {
        assert!(failure.message.contains(part), "{part} is missing: {failure}");
    }
}

#[tokio::test]
async fn a_missing_right_is_named_and_a_later_attempt_creates_the_rest() {
    let (certificate, access) = (Certificate::new(), Access::new("key"));
    let tls = Some(certificate.tls.clone());
    let options = BrokerOptions { tls, access: Some(access.clone()), ..BrokerOptions::default() };
    let embedded = EmbeddedBroker::start(options).await.unwrap();
    let mut config = ConnectorConfig::new(embedded.url(), "test");
    config.tls_ca_file = Some(certificate.file.clone());
    let token = access.token("sink", SystemTime::now() + Duration::from_secs(600)).unwrap();
    config.token = Some(Token::Value(Secret::new(token)));
    let client = DanubeBroker::new(&config);

    access.grant("sink", &Scope::Cluster, &[Permission::Lookup]);
    access.grant("sink", &Scope::Topic(format!("{NEW}-part-0")), &[Permission::Produce]);
    let failure = client.create_topic(NEW, Some(2)).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
    for part in ["lacks the permission Produce", "/default/new-part-1", "danube-admin"] {
        assert!(failure.message.contains(part), "{part} is missing: {failure}");
    }
    assert_eq!(embedded.topics(), parts(1));
    access.grant("sink", &Scope::Cluster, &[Permission::Produce]);
    client.create_topic(NEW, Some(2)).await.unwrap();
    assert_eq!(embedded.topics(), parts(2));
}
