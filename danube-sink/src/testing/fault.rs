//! Faults that the kit injects into write attempts.

/// Fault of one attempt to write a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// No fault.
    Pass,
    /// No fault; when the connector returns `Ok`, the target is checked immediately.
    Check,
    /// The attempt fails before the connector is called.
    Before,
    /// The connector writes, and its result is lost.
    After,
    /// The connector gets every other record; the rest is reported as failed.
    Half,
    /// The attempt hangs before the connector is called.
    Hang,
    /// The connector is called, and its future is dropped in the middle of the write.
    Cancel,
    /// The attempt waits until the scenario releases it.
    Block,
}
