//! Comparisons of made-up counters, check by check.

use super::*;

const GROWTH: Growth = Growth { is_complete: true, is_read: true, ..Growth::NOTHING };

fn intake(received: u64) -> Intake {
    Intake {
        partition: "a".to_owned(),
        received,
        last_offset: received.checked_sub(1),
        gap_messages: 0,
        unsettled: 0,
        window_limit: 10,
        is_attached: true,
        may_have_gap: false,
        offset_restarts: 0,
        starts: 0,
    }
}

fn took(messages: u64) -> Growth {
    Growth { messages, ..GROWTH }
}

/// A check during which nothing arrives.
fn check(comparison: &mut Comparison, growth: Growth, received: u64) -> Vec<Finding> {
    comparison.check(&growth, None, &intake(received), &intake(received))
}

#[test]
fn a_stable_difference_is_reported_once() {
    let mut comparison = Comparison::new(&intake(5));
    assert_eq!(check(&mut comparison, took(100), 95), []);
    assert_eq!(check(&mut comparison, took(0), 95), []);
    assert_eq!(comparison.missing(), None);
    assert_eq!(check(&mut comparison, took(0), 95), [Finding::Missing { missing: 10, expected: 100, received: 90 }]);
    assert_eq!(comparison.missing(), Some(10));
    for _ in 0..5 {
        assert_eq!(check(&mut comparison, took(0), 95), []);
    }
    assert_eq!(check(&mut comparison, took(3), 95), [], "it may be in transit");
    for _ in 0..2 {
        assert_eq!(check(&mut comparison, took(0), 97), []);
    }
    assert_eq!(check(&mut comparison, took(0), 97), [Finding::Missing { missing: 11, expected: 103, received: 92 }]);
}

#[test]
fn a_stream_without_a_loss_is_no_finding() {
    let mut comparison = Comparison::new(&intake(0));
    for round in 1..50 {
        let (before, after) = (intake(round * 100 - 30), Intake { unsettled: 3, ..intake(round * 100 + 5) });
        assert_eq!(comparison.check(&took(100), None, &before, &after), []);
    }
    assert_eq!(comparison.missing(), Some(0));
}

#[test]
fn messages_in_transit_at_the_baseline_hide_no_later_loss() {
    let mut comparison = Comparison::new(&intake(0));
    assert_eq!(check(&mut comparison, took(10), 40), [], "thirty were published before the baseline");
    for _ in 0..2 {
        assert_eq!(check(&mut comparison, took(0), 40), []);
    }
    check(&mut comparison, took(7), 40);
    check(&mut comparison, took(0), 40);
    let found = check(&mut comparison, took(0), 40);
    assert_eq!(found, [Finding::Missing { missing: 7, expected: 47, received: 40 }]);
}

#[test]
fn a_broker_that_cannot_send_is_not_evaluated() {
    let detached = Intake { is_attached: false, ..intake(10) };
    let full = Intake { unsettled: 10, ..intake(10) };
    for waiting in [detached, full] {
        let mut comparison = Comparison::new(&intake(10));
        comparison.check(&took(90), None, &waiting, &waiting);
        for _ in 0..10 {
            assert_eq!(comparison.check(&took(0), None, &waiting, &waiting), []);
        }
        check(&mut comparison, took(0), 95);
        check(&mut comparison, took(0), 95);
        let found = check(&mut comparison, took(0), 95);
        assert_eq!(found, [Finding::Missing { missing: 5, expected: 90, received: 85 }]);
    }
}

#[test]
fn a_backlog_that_is_read_slowly_is_no_loss() {
    let mut comparison = Comparison::new(&intake(0));
    check(&mut comparison, took(500), 0);
    for received in 1..=50 {
        assert_eq!(check(&mut comparison, took(0), received * 10), []);
    }
    check(&mut comparison, took(0), 500);
    check(&mut comparison, took(0), 500);
    assert_eq!(comparison.missing(), Some(0));
}

#[test]
fn offset_gaps_are_not_reported_twice() {
    let mut comparison = Comparison::new(&intake(0));
    let after = Intake { gap_messages: 40, ..intake(60) };
    for growth in [100, 0, 0, 0] {
        assert_eq!(comparison.check(&took(growth), None, &after, &after), []);
    }
    assert_eq!(comparison.missing(), Some(40));
}

#[test]
fn a_reset_keeps_the_messages_in_offset_gaps() {
    let gap = Intake { gap_messages: 40, ..intake(60) };
    let skipped = || {
        let mut comparison = Comparison::new(&intake(0));
        for growth in [100, 0, 0] {
            comparison.check(&took(growth), None, &gap, &gap);
        }
        assert_eq!(comparison.missing(), Some(40));
        comparison
    };
    let quiet = |mut comparison: Comparison, intake: &Intake| {
        for _ in 0..3 {
            assert_eq!(comparison.check(&took(0), None, intake, intake), []);
        }
        assert_eq!(comparison.missing(), Some(40));
    };
    // The broker and its metrics are away at one check.
    let mut comparison = skipped();
    let away = Intake { is_attached: false, ..gap.clone() };
    comparison.check(&Growth { is_complete: false, ..took(0) }, Some(60), &away, &away);
    let back = Growth { is_uncertain: true, ..took(0) };
    assert_eq!(comparison.check(&back, None, &gap, &gap), [Finding::Reset]);
    quiet(comparison, &gap);
    // Another process takes over, and leaves.
    let mut comparison = skipped();
    let again = Intake { starts: 1, ..gap.clone() };
    assert_eq!(comparison.check(&took(0), None, &again, &again), []);
    quiet(comparison, &again);
}

#[test]
fn a_reset_counter_that_passed_its_old_value_is_detected() {
    let mut comparison = Comparison::new(&intake(50));
    // 2 300 arrived before the broker was killed; its new counter is at 259, and none of those arrives.
    let growth = Growth { is_uncertain: true, messages_if_restarted: 259, ..took(209) };
    let after = intake(2_350);
    let found = comparison.check(&growth, Some(2_350), &after, &after);
    assert_eq!(found, [Finding::Restarted { skipped_below: Some(2_349) }]);
    assert_eq!(check(&mut comparison, took(0), 2_350), []);
    let found = check(&mut comparison, took(0), 2_350);
    assert_eq!(found, [Finding::Missing { missing: 259, expected: 2_559, received: 2_300 }]);
}

#[test]
fn a_restart_that_skips_is_counted_exactly() {
    let mut comparison = Comparison::new(&intake(0));
    check(&mut comparison, took(50), 50);
    // Twenty arrive between the check and the restart, and ten of those published after it.
    let (growth, after) = (Growth { has_restarted: true, ..took(30) }, intake(80));
    let found = comparison.check(&growth, Some(70), &after, &after);
    assert_eq!(found, [Finding::Restarted { skipped_below: Some(79) }]);
    assert_eq!(check(&mut comparison, took(30), 80), []);
    let found = check(&mut comparison, took(20), 80);
    assert_eq!(found, [Finding::Missing { missing: 20, expected: 150, received: 80 }], "at least");
    let found = check(&mut comparison, took(10), 110);
    assert_eq!(found, [Finding::Missing { missing: 50, expected: 160, received: 110 }], "it continues behind them");
    for _ in 0..4 {
        assert_eq!(check(&mut comparison, took(0), 110), []);
    }
    assert_eq!(comparison.missing(), Some(50));
}

#[test]
fn a_disconnect_while_metrics_are_down_counts_when_they_are_back() {
    let mut comparison = Comparison::new(&intake(0));
    check(&mut comparison, took(50), 50);
    let away = Growth { is_complete: false, ..took(0) };
    comparison.check(&away, Some(50), &intake(50), &intake(50));
    let growth = Growth { has_restarted: true, ..took(30) };
    comparison.check(&growth, None, &intake(60), &intake(60));
    assert_eq!(comparison.expected, 80, "the ten that arrived are in the new counter");
}

#[test]
fn a_possible_restart_resets_the_baseline() {
    let mut comparison = Comparison::new(&intake(0));
    for growth in [9, 0, 0] {
        check(&mut comparison, took(growth), 4);
    }
    assert_eq!(comparison.missing(), Some(5));
    let uncertain = Growth { is_uncertain: true, ..took(7) };
    assert_eq!(comparison.check(&uncertain, Some(4), &intake(4), &intake(4)), [Finding::Reset]);
    for growth in [2, 0, 0] {
        check(&mut comparison, took(growth), 4);
    }
    assert_eq!(comparison.missing(), Some(7), "those missing before, and two");
    let mut comparison = Comparison::new(&intake(4));
    assert_eq!(check(&mut comparison, uncertain, 11), [], "the consumer's connection was never lost");
    assert_eq!(comparison.expected, 11);
}

#[test]
fn a_reader_that_ended_is_reported_within_four_intervals_and_again_only_after_an_arrival() {
    let mut comparison = Comparison::new(&intake(0));
    check(&mut comparison, took(20), 20);
    let ended = |comparison: &mut Comparison, received| {
        let found: Vec<_> = (0..4).flat_map(|_| check(comparison, took(5), received)).collect();
        found.iter().filter(|finding| matches!(finding, Finding::ReaderEnded { .. })).count()
    };
    assert_eq!(ended(&mut comparison, 20), 1);
    assert_eq!(ended(&mut comparison, 20), 0);
    check(&mut comparison, took(5), 21);
    assert_eq!(ended(&mut comparison, 21), 1);
}

#[test]
fn a_quiet_topic_does_not_count_as_ended() {
    let mut comparison = Comparison::new(&intake(0));
    check(&mut comparison, took(20), 20);
    for _ in 0..10 {
        assert_eq!(check(&mut comparison, took(0), 20), []);
    }
}

#[test]
fn a_new_start_resets_the_baseline() {
    let mut comparison = Comparison::new(&intake(0));
    check(&mut comparison, took(20), 20);
    let back = Intake { starts: 1, ..intake(20) };
    for growth in [500, 0, 0, 0] {
        assert_eq!(comparison.check(&took(growth), None, &back, &back), []);
    }
}
