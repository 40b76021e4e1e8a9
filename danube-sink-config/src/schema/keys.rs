//! Validates the keys of a table: unknown and missing ones, in the same words while a connector is built and at start.

use super::{
    ConstStr, KeySpec, Violation, any, each,
    key_spec::{add_key, find},
    suggest,
};

/// More names than a table has; further ones are not suggested.
const MAX_NAMES: usize = 160;

/// The keys of a table.
#[derive(Debug, Clone, Copy)]
pub struct TableKeys<'a> {
    /// The title of the table in messages, such as `` `[http_sink]` ``.
    pub title: &'a str,
    /// Its declared keys.
    pub keys: &'a [KeySpec],
    /// Names of further keys, which are validated elsewhere.
    pub known: &'a [&'a str],
}

impl<'a> TableKeys<'a> {
    /// The keys of a nested table.
    pub(crate) const fn nested(keys: &'a [KeySpec]) -> Self {
        Self { title: "this table", keys, known: &[] }
    }

    /// The violation of a key that the table does not have; none if it has it. `misplaced` is the help for a key of another
    /// table.
    pub const fn unknown_key(&self, key: &str, misplaced: Option<&str>) -> Option<Violation> {
        if find(self.keys, key).is_some() || suggest::contains(self.known, key) {
            return None;
        }
        let message = ConstStr::new("unknown key `").with(key).with("` in ").with(self.title);
        let names = self.names();
        let help = match (misplaced, suggest::closest(key, names.as_slice())) {
            (Some(help), _) => ConstStr::new(help),
            (None, Some(close)) => ConstStr::new("did you mean `").with(close).with("`?"),
            (None, None) => ConstStr::new("remove it; the keys here are ").with_list(names.as_slice(), "and"),
        };
        Some(Violation { message, help })
    }

    /// The violation of the required key that comes after `skip` others which are missing as well; none if there is no such
    /// key. `present` are the keys that the table has. A misspelt key is not missing: it is unknown.
    pub const fn missing_key(&self, present: &[&str], skip: usize) -> Option<Violation> {
        let mut skipped = 0;
        each!(spec in self.keys => {
            let is_present = suggest::contains(present, spec.name);
            if spec.is_required_in_file() && !is_present && !self.is_misspelt(spec.name, present) {
                if skipped == skip {
                    return Some(self.missing(spec));
                }
                skipped += 1;
            }
        });
        None
    }

    /// The violation of a required key that is missing.
    pub const fn missing(&self, spec: &KeySpec) -> Violation {
        let message = ConstStr::new("missing key `").with(spec.name).with("` in ").with(self.title);
        Violation { message, help: add_key(spec) }
    }

    /// Whether one of the present keys is unknown, and closest to this name.
    pub const fn is_misspelt(&self, name: &str, present: &[&str]) -> bool {
        any!(other in present => suggest::is_close(other, name)
            && find(self.keys, other).is_none()
            && !suggest::contains(self.known, other)
            && matches!(suggest::closest(other, self.names().as_slice()), Some(close) if suggest::is_same(close, name)))
    }

    const fn names(&self) -> Names<'a> {
        let mut names = Names { names: [""; MAX_NAMES], count: 0 };
        each!(name in self.known => { names = names.with(name) });
        each!(key in self.keys => { names = names.with(key.name) });
        names
    }
}

/// Names of keys, collected in a constant.
struct Names<'a> {
    names: [&'a str; MAX_NAMES],
    count: usize,
}

impl<'a> Names<'a> {
    const fn with(mut self, name: &'a str) -> Self {
        if self.count < MAX_NAMES {
            self.names[self.count] = name;
            self.count += 1;
        }
        self
    }

    const fn as_slice(&self) -> &[&'a str] {
        self.names.split_at(self.count).0
    }
}
