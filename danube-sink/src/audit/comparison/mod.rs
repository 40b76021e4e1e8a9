//! What a partition's topic took beside what arrived, from look to look.

use std::collections::VecDeque;

use super::source::Growth;
use crate::observe::Intake;

/// A difference that was there at so many looks in a row, two intervals, will not arrive any more.
const LOOKS: usize = 3;
/// Intervals with messages that the topic took and of which none arrived, before the reader is taken to have ended.
const SILENT_INTERVALS: u32 = 2;

/// The account of one partition.
///
/// `expected` counts like [`Intake::received`]: it is what would have been received without a loss. Messages that were not
/// received when the audit began may still arrive, and more than what was expected then shows it.
#[derive(Debug)]
pub(super) struct Comparison {
    expected: u64,
    /// `expected` and `received` when the account began.
    began_at: u64,
    /// Differences at the last looks in a row at which the broker could send.
    differences: VecDeque<u64>,
    /// What was reported of this account.
    reported: u64,
    /// What was missing in the accounts before this one.
    missing_before: u64,
    /// Gaps in offsets when the account began: those since then are reported by themselves.
    gaps_before: u64,
    last_received: u64,
    /// What had been received when all counters were read last.
    counted_received: u64,
    offset_restarts: u64,
    takeovers: u64,
    /// What was received when the connection was first lost since all counters were read.
    at_loss: Option<u64>,
    /// Since the counter began anew.
    since_restart: Option<SinceRestart>,
    silence: Silence,
}

#[derive(Debug)]
struct SinceRestart {
    /// What the topic has taken since.
    messages: u64,
    /// The last offset before: offsets up to it may be skipped.
    last_offset: Option<u64>,
}

/// Looks in a row without an arrival, although nothing was in hand and something was missing.
#[derive(Debug, Default)]
struct Silence {
    looks: u32,
    /// Those of them at which the topic had taken messages.
    growths: u32,
    has_reported_missing: bool,
    has_ended: bool,
}

/// What a look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Messages were lost, counted since the account began.
    Missing { missing: u64, expected: u64, received: u64 },
    /// The broker was restarted, and the account goes on.
    Restarted {
        /// It may skip offsets up to this one.
        skipped_below: Option<u64>,
    },
    /// The broker may have been restarted, and nothing is known of what it took meanwhile.
    BeganAnew,
    /// The broker sends nothing any more.
    ReaderEnded { missing: u64 },
}

impl Comparison {
    /// Begins with what was received `before` the counters were read.
    pub(super) fn new(before: &Intake) -> Self {
        Self {
            expected: before.received,
            began_at: before.received,
            differences: VecDeque::new(),
            reported: 0,
            missing_before: 0,
            gaps_before: before.gap_messages,
            last_received: before.received,
            counted_received: before.received,
            offset_restarts: before.offset_restarts,
            takeovers: before.takeovers,
            at_loss: None,
            since_restart: None,
            silence: Silence::default(),
        }
    }

    /// Messages that are missing for good; `None` while that is not known.
    pub(super) fn missing(&self) -> Option<u64> {
        Some(self.missing_before + self.lost()?)
    }

    /// Compares the counters' growth with what was received before and, a little later, `after` they were read. `at_loss` is
    /// what was received when the connection was lost, if it was.
    pub(super) fn look(
        &mut self,
        growth: &Growth,
        at_loss: Option<u64>,
        before: &Intake,
        after: &Intake,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        // While a broker is away its metrics are too, and what it counted since its restart comes later.
        self.at_loss = self.at_loss.or(at_loss);
        let at_loss = if growth.is_complete { self.at_loss.take() } else { None };
        // Another consumer of the name received messages meanwhile.
        if growth.is_first || after.takeovers != self.takeovers {
            self.begin_anew(before, after);
            return findings;
        }
        let mut growth = *growth;
        // A counter that has grown by less than what was received began anew in between, and has passed its old value since. So
        // it did where offsets began anew.
        let received = at_loss.unwrap_or_default().saturating_sub(self.counted_received);
        let offsets_restarted = after.offset_restarts > self.offset_restarts;
        if growth.is_uncertain && (growth.messages < received || offsets_restarted) {
            growth.has_restarted = true;
            growth.messages = growth.messages_if_restarted;
        }
        if growth.is_complete {
            self.counted_received = before.received;
            self.offset_restarts = after.offset_restarts;
        }
        if growth.has_restarted {
            // What was received before the connection was lost is not in the new counter.
            self.expected = self.expected.max(at_loss.unwrap_or(before.received));
            self.since_restart = Some(SinceRestart { messages: 0, last_offset: before.last_offset });
            self.forget_looks();
            findings.push(Finding::Restarted { skipped_below: before.last_offset });
        } else if growth.is_uncertain && at_loss.is_some() {
            self.begin_anew(before, after);
            return vec![Finding::BeganAnew];
        }
        self.expected += growth.messages;
        if let Some(restart) = &mut self.since_restart {
            restart.messages += growth.messages;
        }
        if growth.is_complete {
            // Messages from before the account began have arrived.
            self.expected = self.expected.max(before.received);
        }
        findings.extend(self.judge(&growth, before, after));
        self.last_received = after.received;
        findings
    }

    fn judge(&mut self, growth: &Growth, before: &Intake, after: &Intake) -> Option<Finding> {
        let has_arrived = after.received != self.last_received;
        let has_room = after.unsettled == 0 || has_arrived && after.unsettled < after.window_limit / 2;
        // What a broker cannot send now may arrive later.
        if !before.is_attached || !after.is_attached || after.may_have_gap || !has_room {
            self.forget_looks();
            return None;
        }
        let difference = self.expected.saturating_sub(after.received);
        self.differences.push_back(difference);
        if self.differences.len() > LOOKS {
            self.differences.pop_front();
        }
        if has_arrived || after.unsettled > 0 || difference == 0 {
            self.silence = Silence::default();
        } else {
            self.silence.looks += 1;
            self.silence.growths += u32::from(growth.messages > 0);
        }
        if self.has_ended() {
            self.silence.has_ended = true;
            self.silence.has_reported_missing = true;
            self.reported = self.reported.max(difference);
            return Some(Finding::ReaderEnded { missing: difference });
        }
        self.newly_missing(growth, after)
    }

    fn has_ended(&self) -> bool {
        let skips = self
            .since_restart
            .as_ref()
            .is_some_and(|restart| restart.last_offset.is_some_and(|offset| restart.messages <= offset + 1));
        self.silence.looks >= SILENT_INTERVALS
            && self.silence.growths >= SILENT_INTERVALS
            && !self.silence.has_ended
            && !skips
    }

    /// What is missing and was not reported yet.
    fn newly_missing(&mut self, growth: &Growth, after: &Intake) -> Option<Finding> {
        let missing = self.lost()?;
        let gaps = after.gap_messages.saturating_sub(self.gaps_before);
        let is_silent = self.silence.looks > 0;
        if missing <= self.reported.max(gaps) || is_silent && self.silence.has_reported_missing {
            return None;
        }
        // While messages flow, differences rise and fall with what is on its way.
        if self.reported > 0 && missing - self.reported <= growth.messages {
            return None;
        }
        self.reported = missing;
        self.silence.has_reported_missing = is_silent;
        let (expected, received) = (self.expected - self.began_at, after.received - self.began_at);
        Some(Finding::Missing { missing, expected, received })
    }

    fn lost(&self) -> Option<u64> {
        let (first, last) = (self.differences.front()?, self.differences.back()?);
        // One that becomes smaller is of messages that still arrive.
        let stays = self.differences.len() == LOOKS && last >= first;
        if stays { self.differences.iter().min().copied() } else { None }
    }

    fn forget_looks(&mut self) {
        self.differences.clear();
        self.silence = Silence::default();
    }

    fn begin_anew(&mut self, before: &Intake, after: &Intake) {
        let missing_before = self.missing_before + self.reported;
        *self = Self { missing_before, takeovers: after.takeovers, ..Self::new(before) };
    }
}

#[cfg(test)]
mod unit_tests {
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
            takeovers: 0,
        }
    }

    fn took(messages: u64) -> Growth {
        Growth { messages, ..GROWTH }
    }

    /// A look at which nothing arrives meanwhile.
    fn look(comparison: &mut Comparison, growth: Growth, received: u64) -> Vec<Finding> {
        comparison.look(&growth, None, &intake(received), &intake(received))
    }

    #[test]
    fn a_difference_that_stays_is_reported_once_with_its_number() {
        let mut comparison = Comparison::new(&intake(5));
        assert_eq!(look(&mut comparison, took(100), 95), []);
        assert_eq!(look(&mut comparison, took(0), 95), []);
        assert_eq!(comparison.missing(), None);
        assert_eq!(look(&mut comparison, took(0), 95), [Finding::Missing { missing: 10, expected: 100, received: 90 }]);
        assert_eq!(comparison.missing(), Some(10));
        for _ in 0..5 {
            assert_eq!(look(&mut comparison, took(0), 95), []);
        }
        assert_eq!(look(&mut comparison, took(3), 95), [], "it may be on its way");
        for _ in 0..2 {
            assert_eq!(look(&mut comparison, took(0), 97), []);
        }
        assert_eq!(look(&mut comparison, took(0), 97), [Finding::Missing { missing: 11, expected: 103, received: 92 }]);
    }

    #[test]
    fn a_stream_without_a_loss_is_no_finding() {
        let mut comparison = Comparison::new(&intake(0));
        for round in 1..50 {
            let (before, after) = (intake(round * 100 - 30), Intake { unsettled: 3, ..intake(round * 100 + 5) });
            assert_eq!(comparison.look(&took(100), None, &before, &after), []);
        }
        assert_eq!(comparison.missing(), Some(0));
    }

    #[test]
    fn what_was_on_its_way_when_the_account_began_hides_nothing_later() {
        let mut comparison = Comparison::new(&intake(0));
        assert_eq!(look(&mut comparison, took(10), 40), [], "thirty were published before");
        for _ in 0..2 {
            assert_eq!(look(&mut comparison, took(0), 40), []);
        }
        look(&mut comparison, took(7), 40);
        look(&mut comparison, took(0), 40);
        let found = look(&mut comparison, took(0), 40);
        assert_eq!(found, [Finding::Missing { missing: 7, expected: 47, received: 40 }]);
    }

    #[test]
    fn a_broker_that_cannot_send_is_not_judged() {
        let detached = Intake { is_attached: false, ..intake(10) };
        let full = Intake { unsettled: 10, ..intake(10) };
        for waiting in [detached, full] {
            let mut comparison = Comparison::new(&intake(10));
            comparison.look(&took(90), None, &waiting, &waiting);
            for _ in 0..10 {
                assert_eq!(comparison.look(&took(0), None, &waiting, &waiting), []);
            }
            look(&mut comparison, took(0), 95);
            look(&mut comparison, took(0), 95);
            let found = look(&mut comparison, took(0), 95);
            assert_eq!(found, [Finding::Missing { missing: 5, expected: 90, received: 85 }]);
        }
    }

    #[test]
    fn a_backlog_that_is_read_slowly_is_no_loss() {
        let mut comparison = Comparison::new(&intake(0));
        look(&mut comparison, took(500), 0);
        for received in 1..=50 {
            assert_eq!(look(&mut comparison, took(0), received * 10), []);
        }
        look(&mut comparison, took(0), 500);
        look(&mut comparison, took(0), 500);
        assert_eq!(comparison.missing(), Some(0));
    }

    #[test]
    fn what_gaps_in_offsets_show_is_not_reported_twice() {
        let mut comparison = Comparison::new(&intake(0));
        let after = Intake { gap_messages: 40, ..intake(60) };
        for growth in [100, 0, 0, 0] {
            assert_eq!(comparison.look(&took(growth), None, &after, &after), []);
        }
        assert_eq!(comparison.missing(), Some(40));
    }

    #[test]
    fn a_counter_that_passed_its_old_value_after_a_restart_has_grown_by_less_than_arrived() {
        let mut comparison = Comparison::new(&intake(50));
        // 2 300 arrived before the broker was killed, and the counter is at 259 since: none of those arrives.
        let growth = Growth { is_uncertain: true, messages_if_restarted: 259, ..took(209) };
        let after = intake(2_350);
        let found = comparison.look(&growth, Some(2_350), &after, &after);
        assert_eq!(found, [Finding::Restarted { skipped_below: Some(2_349) }]);
        assert_eq!(look(&mut comparison, took(0), 2_350), []);
        let found = look(&mut comparison, took(0), 2_350);
        assert_eq!(found, [Finding::Missing { missing: 259, expected: 2_559, received: 2_300 }]);
    }

    #[test]
    fn a_restart_that_skips_is_counted_exactly() {
        let mut comparison = Comparison::new(&intake(0));
        look(&mut comparison, took(50), 50);
        // Twenty arrive between the look and the restart, and ten of what is published after it.
        let (growth, after) = (Growth { has_restarted: true, ..took(30) }, intake(80));
        let found = comparison.look(&growth, Some(70), &after, &after);
        assert_eq!(found, [Finding::Restarted { skipped_below: Some(79) }]);
        assert_eq!(look(&mut comparison, took(30), 80), []);
        let found = look(&mut comparison, took(20), 80);
        assert_eq!(found, [Finding::Missing { missing: 20, expected: 150, received: 80 }], "at least");
        let found = look(&mut comparison, took(10), 110);
        assert_eq!(found, [Finding::Missing { missing: 50, expected: 160, received: 110 }], "it goes on behind them");
        for _ in 0..4 {
            assert_eq!(look(&mut comparison, took(0), 110), []);
        }
        assert_eq!(comparison.missing(), Some(50));
    }

    #[test]
    fn a_connection_that_was_lost_while_the_metrics_were_away_counts_when_they_are_back() {
        let mut comparison = Comparison::new(&intake(0));
        look(&mut comparison, took(50), 50);
        let away = Growth { is_complete: false, ..took(0) };
        comparison.look(&away, Some(50), &intake(50), &intake(50));
        let growth = Growth { has_restarted: true, ..took(30) };
        comparison.look(&growth, None, &intake(60), &intake(60));
        assert_eq!(comparison.expected, 80, "the ten that arrived are of the new counter");
    }

    #[test]
    fn a_broker_that_may_have_been_restarted_begins_a_new_account() {
        let mut comparison = Comparison::new(&intake(0));
        for growth in [9, 0, 0] {
            look(&mut comparison, took(growth), 4);
        }
        assert_eq!(comparison.missing(), Some(5));
        let uncertain = Growth { is_uncertain: true, ..took(7) };
        assert_eq!(comparison.look(&uncertain, Some(4), &intake(4), &intake(4)), [Finding::BeganAnew]);
        for growth in [2, 0, 0] {
            look(&mut comparison, took(growth), 4);
        }
        assert_eq!(comparison.missing(), Some(7), "what was missing before, and two");
        let mut comparison = Comparison::new(&intake(4));
        assert_eq!(look(&mut comparison, uncertain, 11), [], "the consumer's connection was never lost");
        assert_eq!(comparison.expected, 11);
    }

    #[test]
    fn a_reader_that_ended_is_reported_within_four_intervals_and_again_only_after_an_arrival() {
        let mut comparison = Comparison::new(&intake(0));
        look(&mut comparison, took(20), 20);
        let ended = |comparison: &mut Comparison, received| {
            let found: Vec<_> = (0..4).flat_map(|_| look(comparison, took(5), received)).collect();
            found.iter().filter(|finding| matches!(finding, Finding::ReaderEnded { .. })).count()
        };
        assert_eq!(ended(&mut comparison, 20), 1);
        assert_eq!(ended(&mut comparison, 20), 0);
        look(&mut comparison, took(5), 21);
        assert_eq!(ended(&mut comparison, 21), 1);
    }

    #[test]
    fn a_quiet_topic_has_a_reader() {
        let mut comparison = Comparison::new(&intake(0));
        look(&mut comparison, took(20), 20);
        for _ in 0..10 {
            assert_eq!(look(&mut comparison, took(0), 20), []);
        }
    }

    #[test]
    fn a_takeover_begins_a_new_account() {
        let mut comparison = Comparison::new(&intake(0));
        look(&mut comparison, took(20), 20);
        let back = Intake { takeovers: 1, ..intake(20) };
        for growth in [500, 0, 0, 0] {
            assert_eq!(comparison.look(&took(growth), None, &back, &back), []);
        }
    }
}
