//! Hanging dispatchers, each with its option on and off.

use super::*;

#[tokio::test]
async fn an_ack_that_overtakes_an_older_one_hangs_the_dispatcher_until_a_message_is_published() {
    for kind in [SubType::Exclusive, SubType::Shared] {
        for overtaking_ack_hangs in [true, false] {
            let broker = start_with_realism(Realism { overtaking_ack_hangs, ..Realism::default() }).await;
            let bare = Bare::subscribe(&broker, "one", kind.clone()).await;
            let mut stream = bare.open().await;
            publish(&broker, 3).await;
            let messages = [take(&mut stream).await, take(&mut stream).await, take(&mut stream).await];
            for acked in [0, 2, 1] {
                soon("the answer", bare.ack(&messages[acked])).await.unwrap();
            }
            let (cursor, in_flight) = if overtaking_ack_hangs { (0, 1) } else { (2, 0) };
            assert_eq!((dispatched(&broker).cursor, status(&broker).in_flight), (Some(cursor), in_flight));
            assert_eq!(dispatched(&broker).hangs, overtaking_ack_hangs);
            publish(&broker, 1).await;
            assert_eq!(offset(&take(&mut stream).await), 3);
            assert_eq!((dispatched(&broker).cursor, dispatched(&broker).hangs), (Some(2), false));
        }
    }
}

#[tokio::test]
async fn acks_in_order_do_not_hang_the_dispatcher() {
    let broker = start_with_realism(Realism { overtaking_ack_hangs: true, ..Realism::default() }).await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    publish(&broker, 3).await;
    let messages = [take(&mut stream).await, take(&mut stream).await, take(&mut stream).await];
    // Only the newest one must be last.
    for acked in [1, 0, 2] {
        bare.ack(&messages[acked]).await.unwrap();
    }
    assert_eq!((dispatched(&broker).cursor, dispatched(&broker).hangs), (Some(2), false));
}

#[tokio::test]
async fn a_hanging_dispatcher_redelivers_nothing() {
    const ACK_TIMEOUT: Duration = Duration::from_secs(2);
    for overtaking_ack_hangs in [true, false] {
        let broker = start_with_realism(Realism { overtaking_ack_hangs, ..Realism::default() }).await;
        let policy = FailurePolicy { ack_timeout: ACK_TIMEOUT, ..hasty() };
        broker.set_failure_policy(TOPIC, SUBSCRIPTION, policy);
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        let mut stream = bare.open().await;
        publish(&broker, 2).await;
        take(&mut stream).await;
        bare.ack(&take(&mut stream).await).await.unwrap();
        if overtaking_ack_hangs {
            let silence = tokio::time::timeout(2 * ACK_TIMEOUT, stream.message()).await;
            assert!(silence.is_err());
        } else {
            assert_eq!(offset(&take(&mut stream).await), 0);
        }
        assert_eq!(status(&broker).redeliveries > 0, !overtaking_ack_hangs);
    }
}

#[tokio::test]
async fn a_consumer_that_does_not_read_hangs_the_dispatcher_and_then_publishers() {
    for full_slots_hang in [true, false] {
        let broker = start_with_realism(Realism { full_slots_hang, ..Realism::default() }).await;
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        let producer = producer(&broker, TOPIC).await;
        let send = async || producer.send(Vec::new(), None).await.unwrap();
        // Four in the slots, one held by the dispatcher, and 32 deferred calls.
        for number in 1..=4 + 1 + 32 {
            soon("a confirmation", send()).await;
            assert_eq!(dispatched(&broker).hangs, full_slots_hang && number > 4, "after {number}");
        }
        assert_eq!(status(&broker).in_flight, if full_slots_hang { 4 } else { 0 });
        let mut next = std::pin::pin!(send());
        if full_slots_hang {
            let answered = tokio::time::timeout(Duration::from_millis(100), &mut next).await;
            assert!(answered.is_err(), "the publisher waits");
        } else {
            soon("a confirmation", &mut next).await;
        }
        let mut stream = bare.open().await;
        if full_slots_hang {
            soon("the confirmation", next).await;
        }
        for expected in 0..38 {
            let message = take(&mut stream).await;
            assert_eq!(offset(&message), expected);
            bare.ack(&message).await.unwrap();
        }
        assert!(!dispatched(&broker).hangs);
    }
}

#[tokio::test]
async fn acks_wait_too_while_a_consumer_does_not_read() {
    let broker = start_with_realism(Realism { full_slots_hang: true, ..Realism::default() }).await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    publish(&broker, 37).await;
    let first = broker.messages(TOPIC).remove(0);
    let first = Wire {
        msg_id: Some(danube_core::proto::MsgId {
            topic_name: first.topic,
            topic_offset: first.offset,
            ..danube_core::proto::MsgId::default()
        }),
        ..Wire::default()
    };
    let mut ack = std::pin::pin!(bare.ack(&first));
    assert!(tokio::time::timeout(Duration::from_millis(100), &mut ack).await.is_err());
    let _stream = bare.open().await;
    soon("the answer", ack).await.unwrap();
    until("it counts", || status(&broker).acked == 1).await;
}
