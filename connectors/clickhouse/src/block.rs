//! The rows that a server writes at once.
//!
//! A server reads an insert in blocks, and writes each one when it is full. An insert that is one block is written whole, or not at
//! all.

/// The largest insert that is certainly one block: none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Block {
    pub(super) rows: usize,
    /// Of the rows as they are sent.
    pub(super) bytes: usize,
}

/// The settings that limit the rows of a block. Every server has the first one.
const ROWS: [&str; 2] = ["max_insert_block_size", "min_insert_block_size_rows"];
/// The setting that limits the bytes that are read at once; 0 is no limit.
const BYTES: &str = "min_chunk_bytes_for_parallel_parsing";
/// Settings by which a block may end anywhere, unless they are 0: they limit its memory or its time, or keep the rows before a lost
/// connection.
const ANYWHERE: [&str; 4] = [
    "input_format_connection_handling",
    "input_format_max_block_size_bytes",
    "input_format_max_block_wait_ms",
    "max_insert_block_size_bytes",
];

impl Block {
    /// The end of the query that reads the settings of a server, in lines such as `limit max_insert_block_size 1048576`.
    pub(super) fn query() -> String {
        let names: Vec<_> = names().map(|name| format!("'{name}'")).collect();
        let names = names.join(", ");
        format!("UNION ALL SELECT concat('limit ', name, ' ', value) FROM system.settings WHERE name IN ({names})")
    }

    /// Reads the settings of a server.
    pub(super) fn read(answer: &str) -> Self {
        let value = |name: &str| {
            answer.lines().find_map(|line| line.strip_prefix("limit ")?.strip_prefix(name)?.strip_prefix(' '))
        };
        let is_off = |name: &&str| value(name).is_none_or(|value| matches!(value, "0" | "false"));
        let number = |name: &str| value(name).map(|value| value.parse().unwrap_or_default());
        if value(ROWS[0]).is_none() || !ANYWHERE.iter().all(is_off) {
            return Self::default();
        }
        Self {
            rows: ROWS.into_iter().filter_map(number).min().unwrap_or_default(),
            bytes: number(BYTES).filter(|bytes| *bytes > 0).unwrap_or(usize::MAX),
        }
    }

    /// Whether a setting is among those that limit blocks.
    pub(super) fn depends_on(setting: &str) -> bool {
        names().any(|name| name == setting)
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    ROWS.into_iter().chain([BYTES]).chain(ANYWHERE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_is_one_block_only_within_all_limits() {
        let of = |settings: &[(&str, &str)]| {
            let lines = settings.iter().map(|(name, value)| format!("limit {name} {value}\n"));
            let Block { rows, bytes } =
                Block::read(&format!("async_insert\n{}time zone UTC\n", lines.collect::<String>()));
            (rows, bytes)
        };
        let (most, none) = (("max_insert_block_size", "1048576"), (0, 0));
        let squashed = ("min_insert_block_size_rows", "1048545");
        assert_eq!(of(&[most]), (1_048_576, usize::MAX));
        let current = [most, squashed, (BYTES, "10485760"), (ANYWHERE[0], "false"), (ANYWHERE[3], "0")];
        assert_eq!(of(&current), (1_048_545, 10_485_760));
        assert_eq!(of(&[most, (ROWS[1], "0")]).0, 0);
        assert_eq!(of(&[("max_insert_block_size", "1000"), squashed]).0, 1_000);
        assert_eq!((of(&[]), of(&[squashed])), (none, none));
        for name in ANYWHERE {
            assert_eq!((of(&[most, (name, "1")]), of(&[most, (name, "true")])), (none, none), "{name}");
        }
        assert!(Block::query().contains("'max_insert_block_size_bytes'") && Block::depends_on(BYTES));
    }
}
