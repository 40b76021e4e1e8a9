//! The admin service, with rights.

use std::time::SystemTime;

use super::*;
use crate::{
    config::{Secret, Token},
    danube::admin,
    dev::{Access, Permission, Scope},
    pipeline::FailureKind,
};

#[tokio::test]
async fn a_caller_without_the_right_learns_which_one_it_lacks() {
    let (certificate, access) = (Certificate::new(), Access::new("secret"));
    let options =
        BrokerOptions { tls: Some(certificate.tls.clone()), access: Some(access.clone()), ..BrokerOptions::default() };
    let embedded = EmbeddedBroker::start(options).await.unwrap();
    embedded.create_topic(TOPIC, Partitions::Unpartitioned, true).unwrap();
    let mut config = ConnectorConfig::new(embedded.url(), "test");
    config.tls_ca_file = Some(certificate.file.clone());
    let token = access.token("tester", SystemTime::now() + Duration::from_secs(60)).unwrap();
    config.token = Some(Token::Value(Secret::new(token)));
    access.grant("tester", &Scope::Cluster, &[Permission::Consume]);
    let listed = admin::subscriptions(&config, &embedded.url(), TOPIC).await.unwrap_err();
    let deleted = admin::unsubscribe(&config, &embedded.url(), TOPIC, SUBSCRIPTION).await.unwrap_err();
    for failure in [listed, deleted] {
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(failure.message.contains("tester lacks the permission ManageTopic on"), "{failure}");
    }
    access.grant("tester", &Scope::Topic(TOPIC.to_owned()), &[Permission::ManageTopic]);
    assert_eq!(admin::subscriptions(&config, &embedded.url(), TOPIC).await, Ok(Vec::new()));
}
