//! Label values of metrics: reasons for closing a batch and for attaching, and stages of errors.

/// Why a batch was closed: the label `reason` of `batch_closed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closed {
    /// `batch_size` records.
    Size,
    /// `batch_bytes` bytes.
    Bytes,
    /// `flush_interval_ms` since its first record.
    Time,
    /// The broker's window is full: it sends no more before an acknowledgement.
    Window,
    /// The connector shuts down.
    Drain,
    /// The next record cannot be decoded.
    Invalid,
    /// The schema of the next record cannot be looked up.
    Registry,
}

impl Closed {
    pub(super) const ALL: [(Self, &'static str); 7] = [
        (Self::Size, "Size"),
        (Self::Bytes, "Bytes"),
        (Self::Time, "Time"),
        (Self::Window, "Window"),
        (Self::Drain, "Drain"),
        (Self::Invalid, "Invalid"),
        (Self::Registry, "Registry"),
    ];
}

/// Why a consumer attached: the label `reason` of `attaches`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttachReason {
    /// The connector or the partition is new.
    Start,
    /// The connection to the broker was lost.
    LostConnection,
    /// The topic moved to another broker, or the broker ended the stream.
    Moved,
    /// The target recovered after the subscription was detached because of it.
    TargetRecovered,
    /// Memory is available again after the subscription was detached for lack of it.
    OutOfMemory,
    /// Another consumer with the same name had attached, and has left or seems to be dead.
    Takeover,
}

impl AttachReason {
    pub(super) const ALL: [(Self, &'static str); 6] = [
        (Self::Start, "start"),
        (Self::LostConnection, "lost_connection"),
        (Self::Moved, "moved"),
        (Self::TargetRecovered, "target_recovered"),
        (Self::OutOfMemory, "out_of_memory"),
        (Self::Takeover, "takeover"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// A half of the pipeline, which may be blocked while the other one is not. Without a spool there is only the second one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Half {
    /// From the broker to the spool.
    Intake,
    /// To the target.
    Delivery,
}

impl Half {
    pub(super) const ALL: [Self; 2] = [Self::Delivery, Self::Intake];
}

/// Where an error happened: the label `stage` of `errors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Attaching to a partition and reading it.
    Intake,
    /// Decoding messages into records, including schema look-ups.
    Decode,
    /// The connector's `process_batch`.
    Write,
    /// Publishing to a dead-letter topic.
    DeadLetter,
    /// Sending acknowledgements to the broker.
    Ack,
    /// Appending to the spool.
    Spool,
}

impl Stage {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Decode => "decode",
            Self::Write => "write",
            Self::DeadLetter => "dead_letter",
            Self::Ack => "ack",
            Self::Spool => "spool",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_listed_in_the_order_of_their_variants() {
        assert!(Closed::ALL.iter().enumerate().all(|(index, (closed, _))| *closed as usize == index));
        assert!(AttachReason::ALL.iter().enumerate().all(|(index, (reason, _))| *reason as usize == index));
    }
}
