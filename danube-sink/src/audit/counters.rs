//! Growth of one broker's counters of published messages, from check to check.

use super::scrape::{Counts, scrape, shown};

/// Counters of one broker.
#[derive(Debug)]
pub(super) struct BrokerCounters {
    url: String,
    /// The counters of the check before the last successful one.
    before: Option<Counts>,
    /// The counters of the last successful check.
    now: Option<Counts>,
    /// Whether the last check failed.
    has_failed: bool,
    /// Whether a check between the last two successful ones failed.
    had_failed: bool,
    has_warned: bool,
}

/// Messages published to one partition since the last check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) messages: u64,
    /// The growth if the brokers whose restart is uncertain were restarted.
    pub(super) messages_if_restarted: u64,
    /// A counter fell: its broker was restarted, and the growth is its count since then.
    pub(super) has_restarted: bool,
    /// A broker's metrics were unavailable and its counter did not fall: it may have been restarted.
    pub(super) is_uncertain: bool,
    /// A broker's metrics were read for the first time.
    pub(super) is_first: bool,
    /// The metrics of every broker that was ever read were read again. The metrics of another broker reset the baseline.
    pub(super) is_complete: bool,
    /// The metrics of at least one broker were read.
    pub(super) is_read: bool,
}

impl BrokerCounters {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), before: None, now: None, has_failed: false, had_failed: false, has_warned: false }
    }

    /// Reads the counters. The first failure is logged.
    pub(super) async fn check(&mut self) {
        let answer = scrape(&self.url).await;
        if let Err(reason) = &answer
            && !self.has_warned
        {
            tracing::warn!(url = shown(&self.url), "the loss audit cannot read a broker's metrics: {reason}");
            self.has_warned = true;
        }
        self.record(answer.ok());
    }

    /// Records the counters of a check; `None` if it failed.
    fn record(&mut self, counts: Option<Counts>) {
        let Some(counts) = counts else {
            self.has_failed = true;
            return;
        };
        self.had_failed = std::mem::take(&mut self.has_failed);
        self.before = self.now.replace(counts);
    }

    fn growth(&self, partition: &str) -> Growth {
        let Some(now) = &self.now else { return Growth { is_complete: true, ..Growth::NOTHING } };
        let growth = Growth { is_complete: !self.has_failed, is_read: true, ..Growth::NOTHING };
        if self.has_failed {
            return growth;
        }
        let Some(before) = &self.before else { return Growth { is_first: true, ..growth } };
        // A topic without a message since the broker's start has no sample.
        let count = |counts: &Counts| counts.get(partition).copied().unwrap_or_default();
        let (before, now) = (count(before), count(now));
        if now < before {
            return Growth { messages: now, messages_if_restarted: now, has_restarted: true, ..growth };
        }
        let (messages, is_uncertain) = (now - before, self.had_failed && before > 0);
        let messages_if_restarted = if is_uncertain { now } else { messages };
        Growth { messages, messages_if_restarted, is_uncertain, ..growth }
    }
}

impl Growth {
    pub(super) const NOTHING: Self = Self {
        messages: 0,
        messages_if_restarted: 0,
        has_restarted: false,
        is_uncertain: false,
        is_first: false,
        is_complete: false,
        is_read: false,
    };

    /// The growth at all brokers together, since a topic may move between them.
    pub(super) fn of(brokers: &[BrokerCounters], partition: &str) -> Self {
        let nothing = Self { is_complete: true, ..Self::NOTHING };
        brokers.iter().map(|broker| broker.growth(partition)).fold(nothing, |sum, growth| Self {
            messages: sum.messages + growth.messages,
            messages_if_restarted: sum.messages_if_restarted + growth.messages_if_restarted,
            has_restarted: sum.has_restarted || growth.has_restarted,
            is_uncertain: sum.is_uncertain || growth.is_uncertain,
            is_first: sum.is_first || growth.is_first,
            is_complete: sum.is_complete && growth.is_complete,
            is_read: sum.is_read || growth.is_read,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(counts: &[Option<u64>]) -> BrokerCounters {
        let mut broker = BrokerCounters::new("http://a");
        for count in counts {
            broker.record(
                count.map(|count| [("a".to_owned(), count)].into_iter().filter(|(_, count)| *count > 0).collect()),
            );
        }
        broker
    }

    #[test]
    fn growth_continues_across_restarts_of_a_broker() {
        let growth = |counts: &[Option<u64>]| {
            let Growth { messages, has_restarted, is_uncertain, is_first, is_complete, .. } =
                checked(counts).growth("a");
            (messages, [has_restarted, is_uncertain, is_first, is_complete])
        };
        assert_eq!(growth(&[Some(7)]), (0, [false, false, true, true]));
        assert_eq!(growth(&[Some(7), Some(9)]), (2, [false, false, false, true]));
        assert_eq!(growth(&[Some(7), None]), (0, [false, false, false, false]));
        assert_eq!(growth(&[Some(7), None, Some(9)]), (2, [false, true, false, true]));
        assert_eq!(growth(&[Some(7), None, Some(9), Some(9)]), (0, [false, false, false, true]));
        assert_eq!(growth(&[Some(7), None, Some(3)]), (3, [true, false, false, true]));
        assert_eq!(growth(&[Some(7), Some(0)]), (0, [true, false, false, true]), "no sample yet");
        assert_eq!(
            growth(&[Some(0), None, Some(4)]),
            (4, [false, false, false, true]),
            "four were published, restarted or not"
        );
        assert_eq!(growth(&[None]), (0, [false, false, false, true]), "never read");
    }

    #[test]
    fn brokers_are_summed() {
        let brokers = [checked(&[Some(7), Some(9)]), checked(&[Some(1), Some(4)])];
        assert_eq!(Growth::of(&brokers, "a").messages, 5);
        assert_eq!(Growth::of(&brokers, "b").messages, 0);
        let brokers = [checked(&[Some(7), Some(9)]), checked(&[Some(1), None])];
        let growth = Growth::of(&brokers, "a");
        assert_eq!((growth.messages, growth.is_complete), (2, false));
    }
}
