//! Losses of the real broker, each with its option on and off.

use futures_util::StreamExt as _;

use super::*;
use crate::dev::broker::Keep;

/// A broker whose window is larger than the queue of a log reader.
async fn start_with_reader(cache_capacity: Option<usize>) -> EmbeddedBroker {
    let log_reader_ends = cache_capacity.is_some();
    let realism = Realism { log_reader_ends, cache_capacity: cache_capacity.unwrap_or(1), ..Realism::default() };
    start_with(BrokerOptions { realism, max_unacked_messages: 2_000, ..BrokerOptions::default() }).await
}

/// Publishes many messages concurrently, in no order.
async fn flood(broker: &EmbeddedBroker, count: usize) {
    let producer = producer(broker, TOPIC).await;
    let sent = futures_util::stream::iter(0..count).map(|_| producer.send(Vec::new(), None)).buffer_unordered(32);
    let confirmed = sent.filter(|sent| std::future::ready(sent.is_ok())).count().await;
    assert_eq!(confirmed, count);
}

/// Takes every message up to the one at `last`, and returns their number.
async fn take_until(last: u64, stream: &mut Streaming<Wire>) -> usize {
    let mut taken = 1;
    while offset(&take(stream).await) != last {
        taken += 1;
    }
    taken
}

/// Takes and acknowledges every message up to the one at `last`, and returns their offsets.
async fn ack_until(last: u64, bare: &Bare, stream: &mut Streaming<Wire>) -> Vec<u64> {
    let mut offsets = Vec::new();
    while offsets.last() != Some(&last) {
        let message = take(stream).await;
        bare.ack(&message).await.unwrap();
        offsets.push(offset(&message));
    }
    offsets
}

/// A broker that is restarted after the first messages of a subscription are acknowledged.
async fn restarted(mut broker: EmbeddedBroker, acked: usize, keep: Keep) -> EmbeddedBroker {
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    publish(&broker, acked).await;
    ack_until(acked as u64 - 1, &bare, &mut stream).await;
    soon("the restart", broker.restart(keep)).await.unwrap();
    broker
}

#[tokio::test]
async fn a_full_window_skips_messages_older_than_the_live_tail() {
    for (live_tail_skips, skipped) in [(true, 300 - 10 - 256), (false, 0)] {
        let broker = start_with_realism(Realism { live_tail_skips, ..Realism::default() }).await;
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        let mut stream = bare.open().await;
        until("the stream is open", || status(&broker).consumers == 1).await;
        flood(&broker, 300).await;
        until("the window is full", || status(&broker).in_flight == 10).await;
        assert_eq!((dispatched(&broker).published, dispatched(&broker).skipped), (300, skipped));
        let offsets = ack_until(299, &bare, &mut stream).await;
        let expected: Vec<u64> = (0..10).chain(10 + skipped..300).collect();
        assert_eq!(offsets, expected);
        assert_eq!(dispatched(&broker).skipped, skipped);
    }
}

#[tokio::test]
async fn without_a_consumer_only_the_live_tail_is_left() {
    for (live_tail_skips, first) in [(true, 300 - 256), (false, 0)] {
        let broker = start_with_realism(Realism { live_tail_skips, ..Realism::default() }).await;
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        flood(&broker, 300).await;
        assert_eq!(dispatched(&broker).skipped, first);
        assert_eq!(status(&broker).backlog, 300 - first);
        assert_eq!(offset(&take(&mut bare.open().await).await), first);
    }
}

#[tokio::test]
async fn a_log_reader_that_the_cache_overtook_ends_until_the_broker_restarts() {
    let mut broker = restarted(start_with_reader(Some(100)).await, 1, Keep::Everything).await;
    flood(&broker, 1_200).await;
    assert_eq!(dispatched(&broker).reader_error, None, "it waits for capacity in its queue");
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    // 1024 in the queue and one held by the reader.
    assert_eq!(take_until(1_025, &mut stream).await, 1_025);
    let error = dispatched(&broker).reader_error;
    assert_eq!(error.as_deref(), Some("cache gap: expected 1026, observed 1101"));
    publish(&broker, 1).await;
    let silence = tokio::time::timeout(Duration::from_millis(100), stream.message()).await;
    assert!(silence.is_err(), "it gets no further message");
    let again = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = again.open().await;
    assert_eq!(take_until(1_025, &mut stream).await, 1_025);
    let silence = tokio::time::timeout(Duration::from_millis(100), stream.message()).await;
    assert!(silence.is_err(), "nor does a consumer that reattaches");

    soon("the restart", broker.restart(Keep::Everything)).await.unwrap();
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    assert_eq!(take_until(1_201, &mut bare.open().await).await, 1_201, "it reads again, from its cursor");
}

#[tokio::test]
async fn a_log_reader_with_a_large_enough_cache_does_not_end() {
    for cache_capacity in [None, Some(1_200)] {
        let broker = restarted(start_with_reader(cache_capacity).await, 1, Keep::Everything).await;
        flood(&broker, 1_200).await;
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        assert_eq!(take_until(1_200, &mut bare.open().await).await, 1_200);
        assert_eq!(dispatched(&broker).reader_error, None);
    }
}

#[tokio::test]
async fn a_log_reader_needs_no_cache_for_the_log_of_an_earlier_start() {
    let mut broker = restarted(start_with_reader(Some(1)).await, 1, Keep::Everything).await;
    flood(&broker, 1_200).await;
    soon("the restart", broker.restart(Keep::Everything)).await.unwrap();
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    assert_eq!(take_until(1_200, &mut bare.open().await).await, 1_200);
    assert_eq!(dispatched(&broker).reader_error, None);
}

#[tokio::test]
async fn a_cursor_stops_at_a_skip() {
    for (cursor_stops_at_gap, cursor, lag) in [(true, 9, 290), (false, 299, 0)] {
        let realism = Realism { live_tail_skips: true, cursor_stops_at_gap, ..Realism::default() };
        let broker = start_with_realism(realism).await;
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        let mut stream = bare.open().await;
        until("the stream is open", || status(&broker).consumers == 1).await;
        flood(&broker, 300).await;
        ack_until(299, &bare, &mut stream).await;
        assert_eq!((dispatched(&broker).cursor, dispatched(&broker).lag), (Some(cursor), lag));
        publish(&broker, 1).await;
        ack_until(300, &bare, &mut stream).await;
        let expected = if cursor_stops_at_gap { (Some(9), 291) } else { (Some(300), 0) };
        assert_eq!((dispatched(&broker).cursor, dispatched(&broker).lag), expected);
    }
}

#[tokio::test]
async fn a_restart_redelivers_everything_behind_a_stopped_cursor() {
    let realism = Realism { live_tail_skips: true, cursor_stops_at_gap: true, ..Realism::default() };
    let mut broker = start_with_realism(realism).await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    until("the stream is open", || status(&broker).consumers == 1).await;
    flood(&broker, 300).await;
    ack_until(299, &bare, &mut stream).await;
    soon("the restart", broker.restart(Keep::Everything)).await.unwrap();
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    let redelivered = ack_until(299, &bare, &mut stream).await;
    assert_eq!(redelivered, (10..300).collect::<Vec<_>>(), "including the skipped ones: it reads from the log now");
}

#[tokio::test]
async fn offsets_below_an_old_cursor_are_skipped_without_a_gap() {
    for (offsets_below_cursor_are_skipped, missing) in [(true, 3), (false, 0)] {
        let realism = Realism { offsets_below_cursor_are_skipped, ..Realism::default() };
        let broker = restarted(start_with_realism(realism).await, 3, Keep::Metadata).await;
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        let mut stream = bare.open().await;
        publish(&broker, 5).await;
        let first = take(&mut stream).await;
        assert_eq!((offset(&first), text(&first.payload)), (missing, missing.to_string()));
        assert_eq!((dispatched(&broker).published, dispatched(&broker).skipped), (5, missing));
        assert_eq!(dispatched(&broker).cursor, offsets_below_cursor_are_skipped.then_some(2));
    }
}

#[tokio::test]
async fn a_subscription_without_a_cursor_restarts_at_the_latest_message() {
    for (live_tail_skips, first) in [(true, 2), (false, 0)] {
        let mut broker = start_with_realism(Realism { live_tail_skips, ..Realism::default() }).await;
        drop(Bare::subscribe(&broker, "one", SubType::Exclusive).await);
        publish(&broker, 2).await;
        soon("the restart", broker.restart(Keep::Everything)).await.unwrap();
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        publish(&broker, 1).await;
        assert_eq!(offset(&take(&mut bare.open().await).await), first);
        assert_eq!(dispatched(&broker).skipped, first);
    }
}

#[tokio::test]
async fn each_attach_counts_an_attempt() {
    for (attaches, blocked) in [(1, false), (2, false), (3, true)] {
        let broker = start().await;
        let policy = FailurePolicy { max_redelivery_count: 2, ..FailurePolicy::default() };
        broker.set_failure_policy(TOPIC, SUBSCRIPTION, policy);
        let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
        publish(&broker, 1).await;
        let mut stream = bare.open().await;
        let message = take(&mut stream).await;
        for _ in 1..attaches {
            drop(stream);
            until("the consumer disconnects", || status(&broker).consumers == 0).await;
            stream = bare.open().await;
            take(&mut stream).await;
        }
        bare.nack(&message).await.unwrap();
        assert_eq!(status(&broker).blocked, blocked, "{attaches} attaches and one nack");
    }
}

#[tokio::test]
async fn a_consumer_that_keeps_up_loses_nothing_with_all_behaviours() {
    let broker = start_with(BrokerOptions::like_the_real_broker()).await;
    let bare = Bare::subscribe(&broker, "one", SubType::Exclusive).await;
    let mut stream = bare.open().await;
    until("the stream is open", || status(&broker).consumers == 1).await;
    let (offsets, ()) = tokio::join!(ack_until(999, &bare, &mut stream), flood(&broker, 1_000));
    assert_eq!(offsets, (0..1_000).collect::<Vec<_>>());
    let status = dispatched(&broker);
    assert_eq!((status.skipped, status.cursor, status.lag, status.hangs), (0, Some(999), 0, false));
}
