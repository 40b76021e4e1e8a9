//! A real broker, which the environment names.

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{SUBSCRIPTION, client, consumer, publish, soon, tokens};
use crate::{
    config::ConnectorConfig,
    danube::admin,
    pipeline::{Broker, FailureKind},
};

/// `DANUBE_TEST_URL` is the broker, and `DANUBE_TEST_ADMIN_URL` its admin service.
#[tokio::test]
#[ignore = "needs a broker that creates topics, with a window of ten at least"]
async fn a_real_broker_serves_every_call() {
    let variable = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let (url, admin_url) = (variable("DANUBE_TEST_URL"), variable("DANUBE_TEST_ADMIN_URL"));
    let topic = format!("/default/client-{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis());
    let client = client(&url);
    client.create_topic(&topic, Some(2)).await.unwrap();
    client.create_topic(&topic, Some(4)).await.unwrap();
    let mut partitions = client.partitions(&topic).await.unwrap();
    partitions.sort();
    assert_eq!(partitions, [format!("{topic}-part-0"), format!("{topic}-part-1")]);

    let mut attached = soon("attached", client.attach(&consumer(&partitions[0]))).await.unwrap();
    for _ in 0..5 {
        publish(&client, &partitions[0], 10).await;
        let mut older = tokens(&mut attached.chunks, 10).await;
        // The broker sends no more for now when the newest overtakes an older one.
        let newest = older.split_off(9);
        assert_eq!(attached.session.ack(older).await.failed, []);
        assert_eq!(attached.session.ack(newest).await.failed, []);
    }
    assert_eq!(attached.session.health().await, Ok(()));
    drop(attached);

    let config = ConnectorConfig::new(&url, "test");
    admin::unsubscribe(&config, &admin_url, &partitions[0], SUBSCRIPTION).await.unwrap();
    let missing = admin::unsubscribe(&config, &admin_url, "/default/missing", SUBSCRIPTION).await.unwrap_err();
    assert_eq!(missing.kind, FailureKind::Missing, "{missing}");
    println!("of a topic that is missing: {missing}");
}
