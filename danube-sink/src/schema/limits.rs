//! How much of a payload is decoded at most, so that none can exhaust memory or the stack.

#[cfg(any(feature = "avro", feature = "protobuf"))]
use super::Problem;

/// Values nested in each other. serde_json stops at 128, protobuf at 100; a level takes well under 10 KiB of stack in
/// an unoptimized build, and a worker thread has 2 MiB.
pub const MAX_DEPTH: usize = 100;

/// Values in one payload, counting each number, text, field, list and map. As a `serde_json::Value` one takes some
/// 30 to 100 bytes however short it was on the wire: a million is about 100 MB at worst.
pub const MAX_VALUES: usize = 1_000_000;

/// Bytes of one payload after decompression: half of the largest message that is received at all.
pub const MAX_DECODED_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of a schema's text. The compiled form takes a multiple of it, and is kept.
pub const MAX_DEFINITION_BYTES: usize = 1024 * 1024;

/// What one payload may still take while it is read.
#[cfg(any(feature = "avro", feature = "protobuf"))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    values: usize,
    depth: usize,
}

#[cfg(any(feature = "avro", feature = "protobuf"))]
impl Limits {
    pub(crate) const WHOLE: Self = Self { values: MAX_VALUES, depth: MAX_DEPTH };

    /// One more value.
    pub(crate) fn count(&mut self) -> Result<(), Problem> {
        self.values =
            self.values.checked_sub(1).ok_or_else(|| Problem::new(format!("more than {MAX_VALUES} values")))?;
        Ok(())
    }

    /// One level deeper, until [`rise`](Self::rise).
    pub(crate) fn descend(&mut self) -> Result<(), Problem> {
        self.depth = self
            .depth
            .checked_sub(1)
            .ok_or_else(|| Problem::new(format!("more than {MAX_DEPTH} values nested in each other")))?;
        Ok(())
    }

    pub(crate) fn rise(&mut self) {
        self.depth += 1;
    }
}
