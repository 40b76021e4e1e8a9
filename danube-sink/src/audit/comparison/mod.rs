//! Comparison of published and received messages of one partition, from check to check.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use super::counters::Growth;
use crate::observe::Intake;

/// Consecutive checks, two intervals apart, after which a difference counts as lost.
const CHECKS: usize = 3;
/// Intervals with published messages and no arrival, after which the broker's reader counts as ended.
const SILENT_INTERVALS: u32 = 2;

/// Loss accounting of one partition since a baseline.
///
/// `expected` counts like [`Intake::received`]: the number of messages that would have been received without a loss. Messages
/// published before the baseline may still arrive; then more is received than expected.
#[derive(Debug)]
pub(super) struct Comparison {
    expected: u64,
    /// `expected` and `received` at the baseline.
    baseline: u64,
    /// Differences at the last consecutive checks at which the broker could send.
    differences: VecDeque<u64>,
    /// Missing messages already reported since the baseline.
    reported: u64,
    /// Missing messages of earlier baselines.
    missing_before: u64,
    /// Messages in offset gaps at the baseline; later gaps are reported separately.
    gaps_before: u64,
    /// Missing messages since the baseline that are in offset gaps.
    missing_in_gaps: u64,
    last_received: u64,
    /// Messages received when all counters were last read.
    received_at_count: u64,
    offset_restarts: u64,
    starts: u64,
    /// Messages received when the connection was first lost since all counters were read.
    received_at_disconnect: Option<u64>,
    /// Set after a counter reset.
    since_restart: Option<SinceRestart>,
    silence: Silence,
}

#[derive(Debug)]
struct SinceRestart {
    /// Messages published since.
    messages: u64,
    /// The last offset before the restart: offsets up to it may be skipped.
    last_offset: Option<u64>,
}

/// Consecutive checks without an arrival while messages were missing and none was unsettled.
#[derive(Debug, Default)]
struct Silence {
    checks: u32,
    /// Checks among them with newly published messages.
    growths: u32,
    has_reported_missing: bool,
    has_ended: bool,
}

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// Messages were lost, counted since the baseline.
    Missing { missing: u64, expected: u64, received: u64 },
    /// The broker was restarted; accounting continues.
    Restarted {
        /// The last offset that it may skip.
        skipped_below: Option<u64>,
    },
    /// The broker may have been restarted, and its counters of the time between are unknown: a new baseline was taken.
    Reset,
    /// The broker stopped sending.
    ReaderEnded { missing: u64 },
}

impl Comparison {
    /// Takes a baseline: the messages received `before` the counters were read.
    pub(super) fn new(before: &Intake) -> Self {
        Self {
            expected: before.received,
            baseline: before.received,
            differences: VecDeque::new(),
            reported: 0,
            missing_before: 0,
            gaps_before: before.gap_messages,
            missing_in_gaps: 0,
            last_received: before.received,
            received_at_count: before.received,
            offset_restarts: before.offset_restarts,
            starts: before.starts,
            received_at_disconnect: None,
            since_restart: None,
            silence: Silence::default(),
        }
    }

    /// Messages that are lost; `None` while unknown.
    pub(super) fn missing(&self) -> Option<u64> {
        Some(self.missing_before + self.lost()?)
    }

    /// Compares the growth of the counters with the messages received `before` and, a little later, `after` they were read.
    /// `received_at_disconnect` is the number received when the connection was lost, if it was.
    pub(super) fn check(
        &mut self,
        growth: &Growth,
        received_at_disconnect: Option<u64>,
        before: &Intake,
        after: &Intake,
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        // While a broker is down its metrics are too, so its count since the restart is read at a later check.
        self.received_at_disconnect = self.received_at_disconnect.or(received_at_disconnect);
        let received_at_disconnect = if growth.is_complete { self.received_at_disconnect.take() } else { None };
        // Others received messages meanwhile: a consumer with this name, or the process that took over from this one.
        if growth.is_first || after.starts != self.starts {
            self.reset(before, after);
            return findings;
        }
        let mut growth = *growth;
        // A counter that grew by less than was received, or whose offsets restarted, was reset and has passed its old value
        // since.
        let received = received_at_disconnect.unwrap_or_default().saturating_sub(self.received_at_count);
        let offsets_restarted = after.offset_restarts > self.offset_restarts;
        if growth.is_uncertain && (growth.messages < received || offsets_restarted) {
            growth.has_restarted = true;
            growth.messages = growth.messages_if_restarted;
        }
        if growth.is_complete {
            self.received_at_count = before.received;
            self.offset_restarts = after.offset_restarts;
        }
        if growth.has_restarted {
            // Messages received before the connection was lost are not in the new counter.
            self.expected = self.expected.max(received_at_disconnect.unwrap_or(before.received));
            self.since_restart = Some(SinceRestart { messages: 0, last_offset: before.last_offset });
            self.clear_checks();
            findings.push(Finding::Restarted { skipped_below: before.last_offset });
        } else if growth.is_uncertain && received_at_disconnect.is_some() {
            self.reset(before, after);
            return vec![Finding::Reset];
        }
        self.expected += growth.messages;
        if let Some(restart) = &mut self.since_restart {
            restart.messages += growth.messages;
        }
        if growth.is_complete {
            // Messages published before the baseline have arrived.
            self.expected = self.expected.max(before.received);
        }
        findings.extend(self.evaluate(&growth, before, after));
        self.last_received = after.received;
        findings
    }

    fn evaluate(&mut self, growth: &Growth, before: &Intake, after: &Intake) -> Option<Finding> {
        let has_arrived = after.received != self.last_received;
        let has_credit = after.unsettled == 0 || has_arrived && after.unsettled < after.window_limit / 2;
        // A broker that cannot send now may do so later.
        if !before.is_attached || !after.is_attached || after.may_have_gap || !has_credit {
            self.clear_checks();
            return None;
        }
        let difference = self.expected.saturating_sub(after.received);
        self.differences.push_back(difference);
        if self.differences.len() > CHECKS {
            self.differences.pop_front();
        }
        if has_arrived || after.unsettled > 0 || difference == 0 {
            self.silence = Silence::default();
        } else {
            self.silence.checks += 1;
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
        self.silence.checks >= SILENT_INTERVALS
            && self.silence.growths >= SILENT_INTERVALS
            && !self.silence.has_ended
            && !skips
    }

    /// Missing messages that are not reported yet.
    fn newly_missing(&mut self, growth: &Growth, after: &Intake) -> Option<Finding> {
        let missing = self.lost()?;
        let gaps = after.gap_messages.saturating_sub(self.gaps_before);
        self.missing_in_gaps = self.missing_in_gaps.max(missing.min(gaps));
        let is_silent = self.silence.checks > 0;
        if missing <= self.reported.max(gaps) || is_silent && self.silence.has_reported_missing {
            return None;
        }
        // While messages flow, the difference varies with the messages in transit.
        if self.reported > 0 && missing - self.reported <= growth.messages {
            return None;
        }
        self.reported = missing;
        self.silence.has_reported_missing = is_silent;
        let (expected, received) = (self.expected - self.baseline, after.received - self.baseline);
        Some(Finding::Missing { missing, expected, received })
    }

    fn lost(&self) -> Option<u64> {
        let (first, last) = (self.differences.front()?, self.differences.back()?);
        // A shrinking difference means that messages still arrive.
        let is_stable = self.differences.len() == CHECKS && last >= first;
        if is_stable { self.differences.iter().min().copied() } else { None }
    }

    fn clear_checks(&mut self) {
        self.differences.clear();
        self.silence = Silence::default();
    }

    fn reset(&mut self, before: &Intake, after: &Intake) {
        // Those reported include those in gaps.
        let missing_before = self.missing_before + self.reported.max(self.missing_in_gaps);
        *self = Self { missing_before, starts: after.starts, ..Self::new(before) };
    }
}
