//! Injected faults and restarts.

use danube_core::proto::health_check_client::HealthCheckClient;
use danube_core::proto::health_check_response::ClientStatus;
use danube_core::proto::{HealthCheckRequest, health_check_request::ClientType};
use tonic::Code;

use super::*;
use crate::dev::broker::{Acks, Keep};

async fn one_message(broker: &EmbeddedBroker) -> (Bare, Streaming<Wire>, Wire) {
    let bare = Bare::subscribe(broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    publish(broker, 1).await;
    let message = take(&mut stream).await;
    (bare, stream, message)
}

#[tokio::test]
async fn acks_are_ignored_refused_or_unanswered() {
    let broker = start().await;
    let (bare, _stream, message) = one_message(&broker).await;
    broker.faults().set_acks(Acks::Ignored);
    bare.ack(&message).await.unwrap();
    assert_eq!(status(&broker).acked, 0);
    broker.faults().set_acks(Acks::Refused);
    assert_eq!(bare.ack(&message).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(status(&broker).acked, 0);
    broker.faults().set_acks(Acks::AnswerLost);
    assert_eq!(bare.ack(&message).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(status(&broker).acked, 1);
}

#[tokio::test]
async fn a_stall_delays_messages_and_a_skip_loses_them() {
    let broker = start().await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    broker.faults().set_stalled(true);
    broker.faults().skip_messages(2);
    publish(&broker, 3).await;
    let silence = tokio::time::timeout(Duration::from_millis(100), stream.message()).await;
    assert!(silence.is_err());
    broker.faults().set_stalled(false);
    assert_eq!(offset(&take(&mut stream).await), 2);
}

#[tokio::test]
async fn a_frozen_broker_does_not_respond_until_it_is_released() {
    let broker = start().await;
    let (bare, _stream, message) = one_message(&broker).await;
    broker.faults().set_frozen(true);
    let mut ack = std::pin::pin!(bare.ack(&message));
    let silence = tokio::time::timeout(Duration::from_millis(100), &mut ack).await;
    assert!(silence.is_err());
    broker.faults().set_frozen(false);
    soon("the answer", ack).await.unwrap();
    assert_eq!(status(&broker).acked, 1);
}

#[tokio::test]
async fn health_is_close_for_unknown_and_disconnected_consumers_and_by_fault() {
    let broker = start().await;
    let (bare, stream, _) = one_message(&broker).await;
    let mut calls = HealthCheckClient::connect(broker.url()).await.unwrap();
    let mut ask = async |id| {
        let request = HealthCheckRequest { request_id: 1, client: ClientType::Consumer.into(), id };
        calls.health_check(request).await.unwrap().into_inner().status()
    };
    assert_eq!(ask(bare.id).await, ClientStatus::Ok);
    assert_eq!(ask(bare.id.wrapping_add(1)).await, ClientStatus::Close);
    broker.faults().set_close_health(true);
    assert_eq!(ask(bare.id).await, ClientStatus::Close);
    broker.faults().set_close_health(false);
    drop(stream);
    until("the consumer disconnects", || status(&broker).consumers == 0).await;
    assert_eq!(ask(bare.id).await, ClientStatus::Close);
}

#[tokio::test]
async fn a_kick_ends_streams_with_unavailable_and_keeps_messages() {
    let broker = start().await;
    let (bare, mut stream, _) = one_message(&broker).await;
    broker.kick();
    assert_eq!(soon("the end", stream.message()).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(offset(&take(&mut bare.open().await).await), 0);
}

#[tokio::test]
async fn a_client_can_reconnect_after_a_cut() {
    let broker = start().await;
    let (_bare, mut stream, _) = one_message(&broker).await;
    broker.cut_connections();
    assert!(soon("the end", stream.message()).await.is_err());
    let again = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    assert_eq!(offset(&take(&mut again.open().await).await), 0);
}

#[tokio::test]
async fn a_restart_keeps_unacknowledged_messages() {
    let mut broker = start().await;
    let (bare, mut stream, message) = one_message(&broker).await;
    publish(&broker, 1).await;
    take(&mut stream).await;
    bare.ack(&message).await.unwrap();
    let address = broker.address();
    soon("the restart", broker.restart(Keep::Everything)).await.unwrap();
    assert_eq!(broker.address(), address);
    let again = Bare::subscribe(&broker, "two", SubType::Exclusive).await;
    assert_eq!(offset(&take(&mut again.open().await).await), 1);
}

#[tokio::test]
async fn a_restart_without_messages_starts_at_offset_zero() {
    let mut broker = start().await;
    let (_bare, _stream, _) = one_message(&broker).await;
    soon("the restart", broker.restart(Keep::Metadata)).await.unwrap();
    assert!(broker.messages(TOPIC).is_empty());
    // Published before a consumer reconnects: the subscription exists.
    publish(&broker, 1).await;
    let again = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    assert_eq!(offset(&take(&mut again.open().await).await), 0);
}

#[tokio::test]
async fn a_stopped_broker_accepts_no_connections() {
    let mut broker = start().await;
    publish(&broker, 1).await;
    soon("it is down", broker.go_down()).await;
    assert!(ConsumerServiceClient::connect(broker.url()).await.is_err());
    broker.restart(Keep::Everything).await.unwrap();
    let (_consumer, mut messages) = consumer(&broker, TOPIC, SubType::Exclusive).await;
    publish(&broker, 1).await;
    assert_eq!(next(&mut messages).await.msg_id.topic_offset, 1);
}

#[tokio::test]
async fn stop_closes_the_port() {
    let broker = start().await;
    let (_bare, _stream, _) = one_message(&broker).await;
    let url = broker.url();
    soon("the stop", broker.stop()).await;
    assert!(ConsumerServiceClient::connect(url).await.is_err());
}
