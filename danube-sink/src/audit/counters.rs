//! One broker's counters, from look to look.

use super::scrape::{Counts, scrape};

/// The metrics of one broker.
#[derive(Debug)]
pub(super) struct Source {
    url: String,
    /// The last but one that was read.
    before: Option<Counts>,
    /// The last one that was read.
    now: Option<Counts>,
    /// The last look brought nothing.
    is_lost: bool,
    /// A look between the last two that were read brought nothing.
    was_lost: bool,
    has_warned: bool,
}

/// How many messages the brokers took of one partition since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) messages: u64,
    /// What it is if the brokers of which that is uncertain were restarted.
    pub(super) messages_if_restarted: u64,
    /// A counter fell: its broker was restarted, and the growth is what it has counted since.
    pub(super) has_restarted: bool,
    /// A broker's metrics were away, and its counter did not fall: it may have been restarted or not.
    pub(super) is_uncertain: bool,
    /// A broker's metrics were read for the first time.
    pub(super) is_first: bool,
    /// Every broker's metrics were read that were ever read. The account begins anew when those of another one are.
    pub(super) is_complete: bool,
    /// Some broker's metrics were read.
    pub(super) is_read: bool,
}

impl Source {
    pub(super) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), before: None, now: None, is_lost: false, was_lost: false, has_warned: false }
    }

    pub(super) async fn look(&mut self) {
        let answer = scrape(&self.url).await;
        if let Err(reason) = &answer
            && !self.has_warned
        {
            tracing::warn!(url = %self.url, "the loss audit cannot read a broker's metrics: {reason}");
            self.has_warned = true;
        }
        self.see(answer.ok());
    }

    /// What a look brought.
    fn see(&mut self, counts: Option<Counts>) {
        let Some(counts) = counts else {
            self.is_lost = true;
            return;
        };
        self.was_lost = std::mem::take(&mut self.is_lost);
        self.before = self.now.replace(counts);
    }

    fn growth(&self, partition: &str) -> Growth {
        let Some(now) = &self.now else { return Growth { is_complete: true, ..Growth::NOTHING } };
        let growth = Growth { is_complete: !self.is_lost, is_read: true, ..Growth::NOTHING };
        if self.is_lost {
            return growth;
        }
        let Some(before) = &self.before else { return Growth { is_first: true, ..growth } };
        // A topic without a message since the broker's start has no line.
        let count = |counts: &Counts| counts.get(partition).copied().unwrap_or_default();
        let (before, now) = (count(before), count(now));
        if now < before {
            return Growth { messages: now, messages_if_restarted: now, has_restarted: true, ..growth };
        }
        let (messages, is_uncertain) = (now - before, self.was_lost && before > 0);
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

    /// Of all brokers together: a topic may move from one to another.
    pub(super) fn of(sources: &[Source], partition: &str) -> Self {
        let nothing = Self { is_complete: true, ..Self::NOTHING };
        sources.iter().map(|source| source.growth(partition)).fold(nothing, |sum, growth| Self {
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
mod unit_tests {
    use super::*;

    fn looks(looks: &[Option<u64>]) -> Source {
        let mut source = Source::new("http://a");
        for count in looks {
            source.see(
                count.map(|count| [("a".to_owned(), count)].into_iter().filter(|(_, count)| *count > 0).collect()),
            );
        }
        source
    }

    #[test]
    fn growth_goes_on_over_restarts_of_a_broker() {
        let growth = |counts: &[Option<u64>]| {
            let Growth { messages, has_restarted, is_uncertain, is_first, is_complete, .. } = looks(counts).growth("a");
            (messages, [has_restarted, is_uncertain, is_first, is_complete])
        };
        assert_eq!(growth(&[Some(7)]), (0, [false, false, true, true]));
        assert_eq!(growth(&[Some(7), Some(9)]), (2, [false, false, false, true]));
        assert_eq!(growth(&[Some(7), None]), (0, [false, false, false, false]));
        assert_eq!(growth(&[Some(7), None, Some(9)]), (2, [false, true, false, true]));
        assert_eq!(growth(&[Some(7), None, Some(9), Some(9)]), (0, [false, false, false, true]));
        assert_eq!(growth(&[Some(7), None, Some(3)]), (3, [true, false, false, true]));
        assert_eq!(growth(&[Some(7), Some(0)]), (0, [true, false, false, true]), "no line yet");
        assert_eq!(
            growth(&[Some(0), None, Some(4)]),
            (4, [false, false, false, true]),
            "restarted or not, it took four"
        );
        assert_eq!(growth(&[None]), (0, [false, false, false, true]), "never read");
    }

    #[test]
    fn brokers_are_summed() {
        let sources = [looks(&[Some(7), Some(9)]), looks(&[Some(1), Some(4)])];
        assert_eq!(Growth::of(&sources, "a").messages, 5);
        assert_eq!(Growth::of(&sources, "b").messages, 0);
        let sources = [looks(&[Some(7), Some(9)]), looks(&[Some(1), None])];
        let growth = Growth::of(&sources, "a");
        assert_eq!((growth.messages, growth.is_complete), (2, false));
    }
}
