//! Sizes in bytes.

use std::fmt;

/// A size in bytes, written with its unit: `"512B"`, `"64KiB"`, `"5MiB"`, `"1.5GiB"`; `kB`, `MB` and `GB` count in
/// thousands. An integer is a number of bytes.
///
/// ```
/// use danube_sink_config::ByteSize;
///
/// let limit = ByteSize(5 * 1024 * 1024);
/// assert_eq!(limit.to_string(), "5MiB");
/// assert_eq!(limit.0, 5_242_880);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

/// In the largest unit that is exact.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let (unit, bytes) =
            units.into_iter().find(|(_, bytes)| self.0 != 0 && self.0.is_multiple_of(*bytes)).unwrap_or(("B", 1));
        write!(f, "{}{unit}", self.0 / bytes)
    }
}
