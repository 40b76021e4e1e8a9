//! Limits of decoding, so that no payload can exhaust memory or the stack.

#[cfg(any(feature = "avro", feature = "protobuf"))]
use super::Problem;

/// Maximum nesting depth of values. serde_json's limit is 128, Protobuf's 100; a level takes well under 10 KiB of stack in an
/// unoptimized build, and a worker thread has 2 MiB.
pub const MAX_DEPTH: usize = 100;

/// Maximum number of values in one payload, counting each number, string, field, list and map. A `serde_json::Value` takes 30
/// to 100 bytes, however short its encoding: a million is about 100 MB at worst.
pub const MAX_VALUES: usize = 1_000_000;

/// Maximum number of values that the fields of a Protobuf payload have although they were not sent, counted beside
/// [`MAX_VALUES`]: a repeated message of two bytes may have hundreds.
pub const MAX_DEFAULTS: usize = 2 * MAX_VALUES;

/// Maximum size of one payload after decompression, in bytes: half of the largest message that is received at all. It is also
/// how many bytes the defaults of an Avro schema may add to a payload.
pub const MAX_DECODED_BYTES: usize = 64 * 1024 * 1024;

/// Maximum size of a schema's definition in bytes. The cached compiled form is several times as large.
pub const MAX_DEFINITION_BYTES: usize = 1024 * 1024;

pub(crate) fn check_definition(definition: &str) -> Result<(), String> {
    if definition.len() > MAX_DEFINITION_BYTES {
        return Err(format!("its definition has more than {MAX_DEFINITION_BYTES} bytes"));
    }
    Ok(())
}

/// Remaining limits of one payload while it is read.
#[cfg(any(feature = "avro", feature = "protobuf"))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    values: usize,
    depth: usize,
    #[cfg(feature = "avro")]
    default_bytes: usize,
    #[cfg(feature = "protobuf")]
    defaults: usize,
}

#[cfg(any(feature = "avro", feature = "protobuf"))]
impl Limits {
    pub(crate) const PAYLOAD: Self = Self {
        values: MAX_VALUES,
        depth: MAX_DEPTH,
        #[cfg(feature = "avro")]
        default_bytes: MAX_DECODED_BYTES,
        #[cfg(feature = "protobuf")]
        defaults: MAX_DEFAULTS,
    };

    /// Counts one value.
    pub(crate) fn count(&mut self) -> Result<(), Problem> {
        self.values =
            self.values.checked_sub(1).ok_or_else(|| Problem::new(format!("more than {MAX_VALUES} values")))?;
        Ok(())
    }

    /// Counts the value of a field that was not sent.
    #[cfg(feature = "protobuf")]
    pub(crate) fn count_default(&mut self) -> Result<(), Problem> {
        let left = self.defaults.checked_sub(1);
        self.defaults =
            left.ok_or_else(|| Problem::new(format!("more than {MAX_DEFAULTS} values of fields that were not sent")))?;
        Ok(())
    }

    /// Counts the bytes of a default that a reader schema adds.
    #[cfg(feature = "avro")]
    pub(crate) fn add_default(&mut self, bytes: usize) -> Result<(), Problem> {
        let left = self.default_bytes.checked_sub(bytes);
        self.default_bytes =
            left.ok_or_else(|| Problem::new(format!("defaults of more than {MAX_DECODED_BYTES} bytes")))?;
        Ok(())
    }

    /// Enters a nesting level, until [`rise`](Self::rise).
    pub(crate) fn descend(&mut self) -> Result<(), Problem> {
        self.depth =
            self.depth.checked_sub(1).ok_or_else(|| Problem::new(format!("more than {MAX_DEPTH} nested values")))?;
        Ok(())
    }

    pub(crate) fn rise(&mut self) {
        self.depth += 1;
    }
}
