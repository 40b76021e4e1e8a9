//! Reads what the derive of `Setting` makes of an author's types: a word, and a table of keys.

use std::fmt;

use crate::{
    file::value::{Content, Value},
    generated::Key,
    read::table::TableReader,
    report::mistake::Mistakes,
    setting::Setting,
    shape::{Shape, suggest},
};

/// The one of `values` whose word is written: `shape` has the words, in the same order.
pub fn word<T, const N: usize>(value: &Value, shape: &Shape, values: [T; N]) -> Result<T, Mistakes> {
    value.fits(shape)?;
    let text = value.as_text()?;
    let words = if let Shape::Word { words, .. } = shape { words } else { &[][..] };
    let found = words.iter().zip(values).find(|(word, _)| suggest::same_word(word, text));
    found.map(|(_, value)| value).ok_or_else(|| value.mistake("unknown word", "write another one").into())
}

/// Reads a table within the connector's section. Generated code asks it for every key.
pub struct TableOfKeys<'r> {
    table: TableReader<'r>,
    mistakes: &'r mut Mistakes,
}

impl TableOfKeys<'_> {
    /// The value of a key.
    pub fn setting<T>(&mut self, key: &Key<T>) -> Option<T> {
        self.table.setting(key, self.mistakes)
    }

    /// What a check of the author's says of the whole table.
    pub fn validated(&mut self, checked: Result<(), Mistakes>) {
        self.table.validated(checked, self.mistakes);
    }
}

impl fmt::Debug for TableOfKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableOfKeys").finish_non_exhaustive()
    }
}

/// Reads every key of a table, then builds.
pub fn table<T>(value: &Value, read: impl FnOnce(&mut TableOfKeys<'_>) -> Option<T>) -> Result<T, Mistakes> {
    let Content::Table(table) = &value.content else {
        return Err(value.unexpected("a table", "write its keys below a header in brackets, or in braces").into());
    };
    let mut mistakes = Mistakes::default();
    let mut reader = TableOfKeys { table: TableReader::new(table, "this table"), mistakes: &mut mistakes };
    let read = read(&mut reader);
    reader.table.finish(&[], reader.mistakes);
    match read {
        Some(read) if mistakes.is_empty() => Ok(read),
        _ => Err(mistakes),
    }
}

/// What a table is without any key, if it needs none.
pub fn absent_table<T: Setting>() -> Option<T> {
    T::read(&Value::without_keys(None)).ok()
}

/// Whether none of the keys of a table must be there.
pub const fn needs_no_key(shape: &Shape) -> bool {
    let Shape::Table(keys) = shape else { return false };
    let mut index = 0;
    while index < keys.len() {
        if keys[index].default.is_none() && !keys[index].optional {
            return false;
        }
        index += 1;
    }
    true
}
