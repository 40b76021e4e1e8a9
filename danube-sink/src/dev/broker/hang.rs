//! Hanging dispatcher: what it waits for, and the commands deferred meanwhile.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::realism::COMMAND_QUEUE;

/// Command for a dispatcher.
#[derive(Debug)]
pub(crate) enum Command {
    Ack {
        offset: u64,
        at: Instant,
    },
    Nack {
        offset: u64,
        delay: Option<Duration>,
        reason: Option<String>,
        at: Instant,
    },
    /// Redeliver the messages of this consumer.
    Release(u64),
    /// A message was published.
    Poll,
}

/// Cause of a hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It waits for the next message.
    Message,
    /// It waits for a free slot of the consumer with this id.
    Slot(u64),
}

/// State of a dispatcher that may hang.
#[derive(Debug, Default)]
pub(crate) struct Hang {
    cause: Option<Cause>,
    commands: VecDeque<Command>,
}

impl Hang {
    pub(crate) fn cause(&self) -> Option<Cause> {
        self.cause
    }

    pub(crate) fn begin(&mut self, cause: Cause) {
        self.cause = Some(cause);
    }

    pub(crate) fn end(&mut self) {
        self.cause = None;
    }

    /// Defers a command while the dispatcher hangs, otherwise returns it.
    pub(crate) fn defer(&mut self, command: Command) -> Option<Command> {
        if self.cause.is_none() {
            return Some(command);
        }
        self.commands.push_back(command);
        None
    }

    /// The oldest deferred command, unless the dispatcher hangs.
    pub(crate) fn next_command(&mut self) -> Option<Command> {
        if self.cause.is_some() { None } else { self.commands.pop_front() }
    }

    /// Whether callers must wait until the dispatcher resumes.
    pub(crate) fn is_full(&self) -> bool {
        self.commands.len() >= COMMAND_QUEUE
    }
}
