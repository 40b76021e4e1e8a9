//! The values of a column as `Native` has them: one after the other, each in binary.

use std::str;

use danube_sink::json::{items, members, string};

use super::{
    super::{
        collector::Refusal,
        column::{ColumnType, Rules},
    },
    NotCarried,
    form::Form,
};

/// The values of a column.
#[derive(Debug)]
pub(super) struct Cells {
    /// ClickHouse's name of the type that they have here.
    kind: String,
    parts: Parts,
    count: Count,
    /// The count before the row.
    before: Count,
    /// Whether a value is right only in a column of exactly this type, of which the server does not compare everything.
    is_exact: bool,
}

/// How many values there are, and how many of them records have.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    all: usize,
    of_records: usize,
}

#[derive(Debug)]
enum Parts {
    Plain {
        form: Form,
        bytes: Vec<u8>,
        /// The length before the row.
        before: usize,
    },
    /// A byte for each value says whether it is null.
    Nullable {
        nulls: Vec<u8>,
        values: Box<Cells>,
    },
    /// For each value, the number of items up to its end.
    Array {
        ends: Vec<usize>,
        items: Box<Cells>,
    },
    Map {
        ends: Vec<usize>,
        keys: Box<Cells>,
        values: Box<Cells>,
    },
}

impl Cells {
    /// For a column; `None` if the format does not carry the type.
    pub(super) fn of(kind: &ColumnType) -> Option<Self> {
        let (kind, parts) = match kind {
            ColumnType::Nullable(kind) => {
                let values = Self::of(kind)?;
                // Nothing else has a null of its own.
                let Parts::Plain { .. } = values.parts else { return None };
                (format!("Nullable({})", values.kind), Parts::Nullable { nulls: Vec::new(), values: Box::new(values) })
            }
            ColumnType::Array(kind) => {
                let items = Self::of(kind)?;
                (format!("Array({})", items.kind), Parts::Array { ends: Vec::new(), items: Box::new(items) })
            }
            ColumnType::Map(key, value) => {
                let (keys, values) = (Self::of(key)?, Self::of(value)?);
                let kind = format!("Map({}, {})", keys.kind, values.kind);
                (kind, Parts::Map { ends: Vec::new(), keys: Box::new(keys), values: Box::new(values) })
            }
            kind => {
                let (name, form) = Form::of(kind)?;
                (name, Parts::Plain { form, bytes: Vec::new(), before: 0 })
            }
        };
        // Of enums, it compares the size alone.
        let is_exact = matches!(parts, Parts::Plain { form: Form::Enum { .. }, .. });
        Some(Self { kind, parts, count: Count::default(), before: Count::default(), is_exact })
    }

    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// How many values of records there are.
    pub(super) fn values(&self) -> usize {
        self.count.of_records
    }

    /// How many bytes they have.
    pub(super) fn len(&self) -> usize {
        match &self.parts {
            Parts::Plain { bytes, .. } => bytes.len(),
            Parts::Nullable { nulls, values } => nulls.len() + values.len(),
            Parts::Array { ends, items } => size_of_val(&ends[..]) + items.len(),
            Parts::Map { ends, keys, values } => size_of_val(&ends[..]) + keys.len() + values.len(),
        }
    }

    /// Whether the server would not notice that they are wrong, if the column has a similar type by now.
    pub(super) fn are_exact(&self) -> bool {
        self.is_exact
            || match &self.parts {
                Parts::Plain { .. } => false,
                Parts::Nullable { values, .. } => values.are_exact(),
                Parts::Array { items, .. } => items.are_exact(),
                Parts::Map { keys, values, .. } => keys.are_exact() || values.are_exact(),
            }
    }

    /// Appends the type's default so many times.
    pub(super) fn append_default(&mut self, times: usize) {
        self.count.all += times;
        match &mut self.parts {
            Parts::Plain { form, bytes, .. } => (0..times).for_each(|_| form.put_default(bytes)),
            Parts::Nullable { nulls, values } => {
                nulls.resize(nulls.len() + times, 1);
                values.append_default(times);
            }
            Parts::Array { ends, items } | Parts::Map { ends, keys: items, .. } => {
                ends.resize(ends.len() + times, items.count.all);
            }
        }
    }

    /// Checks a value of a row, and appends it. `buffer` is for the JSON that rows have for it.
    pub(super) fn put(
        &mut self,
        kind: &ColumnType,
        json: &str,
        rules: &Rules,
        buffer: &mut Vec<u8>,
    ) -> Result<(), Refusal<NotCarried>> {
        self.begin();
        if self.append_plain(json, rules) {
            return Ok(());
        }
        buffer.clear();
        kind.write(json, rules, buffer)?;
        let appended = str::from_utf8(buffer).ok().and_then(|json| self.append(json));
        appended.ok_or(Refusal::NotCarried(NotCarried))
    }

    /// Remembers where the row begins.
    fn begin(&mut self) {
        self.before = self.count;
        match &mut self.parts {
            Parts::Plain { bytes, before, .. } => *before = bytes.len(),
            Parts::Nullable { values: below, .. } | Parts::Array { items: below, .. } => below.begin(),
            Parts::Map { keys, values, .. } => [keys, values].into_iter().for_each(|below| below.begin()),
        }
    }

    /// Removes the row's value, or the part of it that was appended.
    pub(super) fn undo(&mut self) {
        self.count = self.before;
        match &mut self.parts {
            Parts::Plain { bytes, before, .. } => bytes.truncate(*before),
            Parts::Nullable { nulls, values } => {
                nulls.truncate(self.count.all);
                values.undo();
            }
            Parts::Array { ends, items } => {
                ends.truncate(self.count.all);
                items.undo();
            }
            Parts::Map { ends, keys, values } => {
                ends.truncate(self.count.all);
                [keys, values].into_iter().for_each(|below| below.undo());
            }
        }
    }

    /// Appends a value that is in a payload as most payloads have one, and that the column takes. Whether it was one.
    fn append_plain(&mut self, json: &str, rules: &Rules) -> bool {
        let is_plain = match &mut self.parts {
            Parts::Plain { form, bytes, .. } => {
                let is_plain = form.put_plain(json, rules, bytes).is_some();
                self.is_exact |= is_plain && form.is_exact(json);
                is_plain
            }
            Parts::Nullable { nulls, values } => {
                let is_plain = values.append_plain(json, rules);
                nulls.extend(is_plain.then_some(0));
                is_plain
            }
            Parts::Array { .. } | Parts::Map { .. } => false,
        };
        let added = usize::from(is_plain);
        self.count = Count { all: self.count.all + added, of_records: self.count.of_records + added };
        is_plain
    }

    /// Appends a value as rows have it; `None` if the format does not carry it.
    fn append(&mut self, json: &str) -> Option<()> {
        match &mut self.parts {
            Parts::Nullable { nulls, values } if json == "null" => {
                nulls.push(1);
                values.append_default(1);
            }
            Parts::Nullable { nulls, values } => {
                nulls.push(0);
                values.append(json)?;
            }
            Parts::Plain { form, bytes, .. } => {
                form.put(json, bytes)?;
                self.is_exact |= form.is_exact(json);
            }
            Parts::Array { ends, items: of } => {
                items(json)?.try_for_each(|item| of.append(item))?;
                ends.push(of.count.all);
            }
            Parts::Map { ends, keys, values } => {
                for (key, value) in members(json)? {
                    // Only texts are written as they are.
                    let text = string(key)?;
                    let is_text = matches!(&keys.parts, Parts::Plain { form, .. } if form.is_text());
                    keys.append(if is_text { key } else { &text })?;
                    values.append(value)?;
                }
                ends.push(keys.count.all);
            }
        }
        self.count.all += 1;
        self.count.of_records += 1;
        Some(())
    }
}

/// Appends the values of a column to a block: those of the parts of a batch, as one.
pub(super) fn write(parts: &[&Cells], block: &mut Vec<u8>) {
    let mut below: [Vec<&Cells>; 2] = Default::default();
    let mut before = 0;
    let mut put_ends = |ends: &[usize], items: &Cells, block: &mut Vec<u8>| {
        block.extend(ends.iter().flat_map(|end| ((before + end) as u64).to_le_bytes()));
        before += items.count.all;
    };
    for part in parts {
        match &part.parts {
            Parts::Plain { bytes, .. } => block.extend_from_slice(bytes),
            Parts::Nullable { nulls, values } => {
                block.extend_from_slice(nulls);
                below[0].push(values);
            }
            Parts::Array { ends, items } => {
                put_ends(ends, items, block);
                below[0].push(items);
            }
            Parts::Map { ends, keys, values } => {
                put_ends(ends, keys, block);
                below[0].push(keys);
                below[1].push(values);
            }
        }
    }
    for below in below.iter().filter(|below| !below.is_empty()) {
        write(below, block);
    }
}

/// Appends a length, seven bits a byte, the lowest first.
pub(super) fn put_length(mut length: usize, to: &mut Vec<u8>) {
    while length > 0x7f {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}

#[cfg(test)]
mod tests;
