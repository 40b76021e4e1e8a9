//! The rows that a server writes at once.
//!
//! A server reads an insert in blocks, and writes each one when it is full. An insert that is one block is written whole, or not at
//! all.

/// The largest insert that is certainly one block.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Block {
    pub(super) rows: usize,
    pub(super) bytes: usize,
}

/// The settings that limit the rows of a block.
const ROWS: [&str; 1] = ["max_insert_block_size"];
/// The settings that limit its bytes, where the server knows them and they are not 0.
const BYTES: [&str; 2] = ["input_format_max_block_size_bytes", "min_chunk_bytes_for_parallel_parsing"];
impl Block {
    /// The end of the query that reads the settings of a server, in lines such as `limit max_insert_block_size 1048576`.
    pub(super) fn query() -> String {
        let names: Vec<_> = ROWS.iter().chain(&BYTES).map(|name| format!("'{name}'")).collect();
        let names = names.join(", ");
        format!("UNION ALL SELECT concat('limit ', name, ' ', value) FROM system.settings WHERE name IN ({names})")
    }

    /// Reads the settings. Without an answer, no insert is certainly one block.
    pub(super) fn read(answer: &str) -> Self {
        let limit = |names: &[&str]| {
            let value = |line: &str| {
                let (name, value) = line.strip_prefix("limit ")?.split_once(' ')?;
                names.contains(&name).then(|| value.parse().ok())?
            };
            answer.lines().filter_map(value).filter(|limit| *limit > 0).min()
        };
        Self { rows: limit(&ROWS).unwrap_or_default(), bytes: limit(&BYTES).unwrap_or(usize::MAX) }
    }

    /// Whether one of these settings is among others.
    pub(super) fn depends_on(mut settings: impl Iterator<Item = impl AsRef<str>>) -> bool {
        settings.any(|name| ROWS.contains(&name.as_ref()) || BYTES.contains(&name.as_ref()))
    }
}
