//! A dispatcher that waits and does nothing else meanwhile, and the calls that it will see afterwards.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::realism::COMMAND_QUEUE;

/// What a dispatcher is asked to do.
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
    /// Send again what this consumer has.
    Release(u64),
    /// A message was published.
    Poll,
}

/// What a dispatcher waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The next message that it can read.
    Message,
    /// That the consumer of this id takes one of its messages.
    Slot(u64),
}

/// Whether a dispatcher hangs, and on what.
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

    /// Keeps a command for later where the dispatcher hangs; answers it where it does not.
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

    /// Whether callers have to wait until the dispatcher goes on.
    pub(crate) fn is_full(&self) -> bool {
        self.commands.len() >= COMMAND_QUEUE
    }
}
