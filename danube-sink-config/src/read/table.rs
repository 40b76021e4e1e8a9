//! Takes keys out of a table, and knows which were not asked for.

use std::ops::Range;

use crate::{
    file::value::{Entry, Table, Value},
    generated::{self, SettingInfo},
    read::keys::{self, Home, Key},
    report::mistake::{Mistake, Mistakes},
    report::wording,
    shape::suggest,
};

/// Parts of names under which people keep what nobody should see.
const TELLTALE: [&str; 11] = [
    "secret",
    "passw",
    "token",
    "credential",
    "authorization",
    "api_key",
    "apikey",
    "private_key",
    "access_key",
    "account_key",
    "customer_key",
];

/// Reads one table. What it was not asked for is unknown.
pub(crate) struct TableReader<'a> {
    table: &'a Table,
    /// How messages name the table.
    title: String,
    known: Vec<&'a str>,
    /// Asked for, and not to be suggested.
    hidden: Vec<&'static str>,
    /// Reported at the end, unless a misspelt key explains them.
    missing: Vec<(&'a str, Mistake)>,
}

impl<'a> TableReader<'a> {
    pub(crate) fn new(table: &'a Table, title: impl Into<String>) -> Self {
        Self { table, title: title.into(), known: Vec::new(), hidden: Vec::new(), missing: Vec::new() }
    }

    pub(crate) fn title(&self) -> &str {
        &self.title
    }

    pub(crate) fn take(&mut self, key: &'a str) -> Option<&'a Entry> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// As [`take`](Self::take), for a key that no help offers.
    pub(crate) fn take_hidden(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.hidden.push(key);
        self.table.get(key)
    }

    /// A mistake of the table as a whole, shown at its header.
    pub(crate) fn mistake(&self, message: impl Into<String>, help: impl Into<String>) -> Mistake {
        Mistake::new(message, help).at(self.table.span.clone())
    }

    /// A required key that is not there.
    pub(crate) fn missing(&mut self, key: &'a str, help: impl Into<String>) {
        let mistake = self.mistake(wording::missing_key(key, &self.title).as_str(), help);
        self.missing.push((key, mistake));
    }

    /// A key of the connector's own: given, by its default, or absent where its type allows that.
    pub(crate) fn setting<T>(&mut self, setting: &generated::Key<T>, mistakes: &mut Mistakes) -> Option<T> {
        let SettingInfo { key, default, .. } = setting.info;
        if let Some(entry) = self.take(key) {
            return mistakes.keep(setting.value(&entry.value).map_err(|wrong| wrong.of_key(key)));
        }
        if let Some(literal) = default {
            let read = Value::from_literal(literal).map_err(Mistakes::from).and_then(|value| setting.value(&value));
            return mistakes.keep(read.map_err(|wrong| wrong.of_default(key)));
        }
        let absent = (setting.absent)();
        if absent.is_none() && setting.info.optional {
            // A table none of whose keys must be there, but whose check wants one.
            let empty = Value::without_keys(self.table.span.clone());
            return mistakes.keep(setting.value(&empty).map_err(|wrong| wrong.of_key(key)));
        }
        if absent.is_none() {
            self.missing(key, wording::add_key(&setting.info).as_str());
        }
        absent
    }

    /// Where the value of a key stands, such as `key` or `table.key`; the header of the table for none.
    fn place(&self, key: Option<&str>) -> Option<Range<usize>> {
        let value = key.and_then(|key| self.table.find(key)).and_then(|entry| entry.value.span.clone());
        value.or_else(|| self.table.span.clone())
    }

    /// Keeps what a check of the author's says of the whole table.
    pub(crate) fn validated(&self, checked: Result<(), Mistakes>, mistakes: &mut Mistakes) {
        if let Err(wrong) = checked {
            mistakes.append(wrong.located(|key| self.place(key)));
        }
    }

    /// Reports the keys that nobody asked for, and those that are not there.
    pub(crate) fn finish(self, secrets: &[&str], mistakes: &mut Mistakes) {
        self.finish_beside(|_| false, secrets, mistakes);
    }

    /// As [`finish`](Self::finish), where somebody else asked for some of the keys.
    pub(crate) fn finish_beside(mut self, claimed: impl Fn(&str) -> bool, secrets: &[&str], mistakes: &mut Mistakes) {
        for entry in &self.table.entries {
            let asked_for = self.known.iter().chain(&self.hidden).any(|key| *key == entry.key);
            if !asked_for && !claimed(&entry.key) {
                let close = suggest::closest(&entry.key, &self.known);
                // One slip of the pen is one mistake.
                self.missing.retain(|(key, _)| Some(*key) != close);
                if close.is_some_and(|close| secrets.contains(&close)) || is_telltale(&entry.key) {
                    mistakes.hide(&entry.value);
                }
                let message = wording::unknown_key(&entry.key, &self.title);
                let help = elsewhere(&entry.key)
                    .unwrap_or_else(|| wording::instead(&entry.key, &self.known).as_str().to_owned());
                mistakes.push(Mistake::new(message.as_str(), help).at(entry.key_span.clone()));
            }
        }
        self.finish_known(mistakes);
    }

    /// Reports only the keys that are not there: others may be somebody else's.
    pub(crate) fn finish_known(self, mistakes: &mut Mistakes) {
        for (_, mistake) in self.missing {
            mistakes.push(mistake);
        }
    }

    /// Somebody else may give the key, so that it is not missing here.
    pub(crate) fn may_be_given_elsewhere(&mut self, key: &str) {
        self.missing.retain(|(missing, _)| *missing != key);
    }

    /// The keys that were asked for, and those of them that are not there.
    pub(crate) fn into_parts(self) -> (Vec<&'a str>, Vec<(&'a str, Mistake)>) {
        (self.known, self.missing)
    }
}

/// What became of a key.
pub(crate) struct Given<T> {
    /// Whether it is there, right or wrong.
    pub(crate) present: bool,
    pub(crate) value: Option<T>,
    pub(crate) span: Option<Range<usize>>,
}

impl<T> Given<T> {
    /// Reads the value of a key, keeping what is wrong with it.
    pub(crate) fn read<E: Into<Mistakes>>(
        key: &Key,
        value: Option<&Value>,
        mistakes: &mut Mistakes,
        read: impl FnOnce(&Value) -> Result<T, E>,
    ) -> Self {
        let Some(value) = value else { return Self { present: false, value: None, span: None } };
        let read = read(value).map_err(|wrong| wrong.into().of_key(key.name));
        Self { present: true, value: mistakes.keep(read), span: value.span.clone() }
    }
}

/// One of the readers, by the table that it reads.
pub(crate) type Place<'r, 'a> = (Home, &'r mut TableReader<'a>);

/// The value of a key that may stand in several tables and under several names, but only once.
pub(crate) fn find<'a>(places: &mut [Place<'_, 'a>], key: &Key, mistakes: &mut Mistakes) -> Option<&'a Entry> {
    let mut first: Option<(&'a Entry, Home)> = None;
    for (home, reader) in places {
        for name in key.names(*home) {
            let Some(entry) = reader.take(name) else { continue };
            if *home != key.homes[0] || name != key.name {
                let mut note = format!("`{name}` in {} is read as `{}`", home.title(), key.name);
                if *home != key.homes[0] {
                    note = format!("{note} in {}", key.homes[0].title());
                }
                mistakes.note(note, &entry.key_span);
            }
            match first {
                None => first = Some((entry, *home)),
                Some((other, at)) => mistakes.push(
                    Mistake::new(
                        format!("`{}` is given twice", key.name),
                        format!("keep this one or `{}` in {}", other.key, at.title()),
                    )
                    .at(entry.key_span.clone()),
                ),
            }
        }
    }
    first.map(|(entry, _)| entry)
}

/// Whether a value under this name should not be shown.
pub(crate) fn is_telltale(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    TELLTALE.iter().any(|part| key.contains(part))
}

/// What to do about a key that means something, but not here.
pub(crate) fn elsewhere(key: &str) -> Option<String> {
    if key == "schemas" {
        return Some("remove it: a sink takes the schemas of messages from the registry".to_owned());
    }
    homes_of(key).map(|homes| format!("move it: `{key}` is a key of {homes}"))
}

/// Where a key that every connector has belongs.
fn homes_of(name: &str) -> Option<String> {
    let has = |key: &&&Key| key.name == name || key.aliases.iter().any(|(_, alias)| *alias == name);
    let found: Vec<Home> = keys::CORE
        .iter()
        .chain(keys::MAPPING)
        .filter(has)
        .flat_map(|key| {
            [Home::Root, Home::Processing, Home::Retry, Home::Mapping]
                .into_iter()
                .filter(|home| key.names(*home).any(|at| at == name))
        })
        .collect();
    let titles: Vec<&str> = found.iter().map(|home| home.title()).collect();
    (!titles.is_empty()).then(|| titles.join(" or "))
}
