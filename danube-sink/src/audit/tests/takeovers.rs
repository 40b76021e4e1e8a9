//! Processes with a spool that continue one after the other.

use super::*;
use crate::{config::SubscriptionType::Exclusive, spool::tests::Folder};

#[tokio::test]
async fn what_a_successor_received_is_not_missing() {
    let broker = broker(Realism::default(), 10).await;
    let (target, folder) = (Target::default(), Folder::new());
    let mut config = config(&broker, Exclusive, false);
    config.data_dir = Some(folder.0.clone());
    let first = Running::start(&config, &target).await;
    publish(&broker, 5).await;
    target.holds(5).await;
    let second = Running::start(&config, &target).await;
    until("the takeover", || async { !first.handle.is_ready() }).await;
    publish(&broker, 50).await;
    target.holds(55).await;
    second.stop().await;
    assert!(first.handle.ready().await);
    publish(&broker, 5).await;
    target.holds(60).await;
    first.checks(5).await;
    assert_eq!(first.events("audit:").await, 0);
    first.shows("audit_missing_messages", 0).await;
    first.stop().await;
}
