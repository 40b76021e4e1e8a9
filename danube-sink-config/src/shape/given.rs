//! The values of a configuration file as constants: the compiler compares them with the shapes of their keys, which only
//! it knows, and finds the same mistakes in the same words as the reader of the file at start.
//!
//! ```text
//!  the file ──macro──▶ Given ─┐
//!  the types ──trait──▶ Shape ┴▶ mistake ──▶ an error of the build
//! ```

use super::{Scalar, Shape, Text, suggest};
use crate::{
    generated::{GeneratedConnector, SettingInfo},
    mapping::TopicMapping,
    report::wording,
};

/// More keys than any table has; what is beyond them is not proposed.
const MOST: usize = 128;

/// A table of settings: the connector's section, or one topic mapping.
#[derive(Debug, Clone, Copy)]
pub struct Settings<'a> {
    /// How messages name it.
    pub title: &'a str,
    /// Keys that the table may have beside those of the struct.
    pub known: &'a [&'a str],
    /// Which of those must be there and are not, unless a misspelt key explains it: key, message, help.
    pub missing: &'a [(&'a str, &'a str, &'a str)],
}

/// One value of the file.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The way to it from the table of settings; of that table itself, none.
    pub way: &'a [Step<'a>],
    /// The value.
    pub scalar: Scalar<'a>,
    /// The keys of the struct that are in it, if it is a table.
    pub keys: &'a [&'a str],
    /// What to do about its key if there is no such key here.
    pub elsewhere: Option<&'a str>,
    /// Where the key stands.
    pub key_place: Place<'a>,
    /// Where the value stands.
    pub place: Place<'a>,
}

/// A step from a value to one that is in it.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// To the value of a key.
    Key(&'a str),
    /// To a value of a list.
    Item,
}

/// Where something stands.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// File, line and column, and what separates them from the message.
    pub at: &'a str,
    /// The line and the marks below it.
    pub lines: &'a str,
}

/// The keys of a connector's section.
pub const fn of_connector<C: GeneratedConnector>() -> &'static [SettingInfo] {
    C::INFO.settings
}

/// The keys of a connector's topic mappings.
pub const fn of_mapping<C: GeneratedConnector>() -> &'static [SettingInfo] {
    C::Mapping::SETTINGS
}

/// Nothing, where nothing is wrong.
///
/// # Panics
/// With the mistake: called in a constant, that is an error of the build, at the place of the call.
#[track_caller]
pub const fn check(keys: &'static [SettingInfo], settings: &Settings<'_>, given: &Given<'_>) {
    if let Some(mistake) = mistake(keys, settings, given) {
        panic!("{}", mistake.as_str());
    }
}

/// What is wrong with a value, as the text of an error. What is wrong with a value that is in it is told for that one.
pub const fn mistake(keys: &'static [SettingInfo], settings: &Settings<'_>, given: &Given<'_>) -> Option<Text> {
    let mut shape = Shape::Table(keys);
    let mut index = 0;
    while index < given.way.len() {
        shape = match (shape, given.way[index]) {
            (Shape::List { of, .. }, Step::Item) | (Shape::Map { of, .. }, Step::Key(_)) => *of,
            (Shape::Table(keys), Step::Key(key)) => match find(keys, key) {
                Some(info) => info.shape,
                None if index + 1 == given.way.len() => return Some(unknown(key, keys, settings, given)),
                None => return None,
            },
            // What holds it has another shape, and is told of.
            _ => return None,
        };
        index += 1;
    }
    if let (Shape::Table(keys), Scalar::Table(_)) = (shape, given.scalar) {
        return missing(keys, settings, given);
    }
    match shape.misfit(&given.scalar) {
        Some(misfit) => Some(told(&given.place, given.way, misfit.message.as_str(), misfit.help.as_str())),
        None => None,
    }
}

const fn unknown(key: &str, keys: &[SettingInfo], settings: &Settings<'_>, given: &Given<'_>) -> Text {
    let (table, _) = given.way.split_at(given.way.len() - 1);
    let message = wording::unknown_key(key, title(table, settings));
    let names = Names::of(keys, table, settings);
    let help = match given.elsewhere {
        Some(elsewhere) => Text::new(elsewhere),
        None => wording::instead(key, names.as_slice()),
    };
    told(&given.key_place, table, message.as_str(), help.as_str())
}

/// The required keys that are not there, all in one text.
const fn missing(keys: &[SettingInfo], settings: &Settings<'_>, given: &Given<'_>) -> Option<Text> {
    let names = Names::of(keys, given.way, settings);
    let (mut messages, mut helps) = (Text::new(""), Text::new(""));
    let mut found = false;
    let mut index = 0;
    while given.way.is_empty() && index < settings.missing.len() {
        let (key, message, help) = settings.missing[index];
        if !is_meant(key, keys, &names, given) {
            messages = messages.with(if found { "\n" } else { "" }).with(given.place.at).with(message);
            helps = helps.with("\nhelp: ").with(help);
            found = true;
        }
        index += 1;
    }
    let mut index = 0;
    while index < keys.len() {
        let SettingInfo { key, default, optional, secret_env, .. } = keys[index];
        let needed = default.is_none() && secret_env.is_none() && !optional;
        if needed && !has(given.keys, key) && !is_meant(key, keys, &names, given) {
            let message = wording::missing_key(key, title(given.way, settings));
            messages = prefixed(messages.with(if found { "\n" } else { "" }).with(given.place.at), given.way);
            messages = messages.with(message.as_str());
            helps = helps.with("\nhelp: ").with(wording::add_key(&keys[index]).as_str());
            found = true;
        }
        index += 1;
    }
    if !found {
        return None;
    }
    Some(shown(messages, &given.place).with(helps.as_str()))
}

/// Whether a misspelt key of the table was meant to be this one.
const fn is_meant(key: &str, keys: &[SettingInfo], names: &Names<'_>, given: &Given<'_>) -> bool {
    let mut index = 0;
    while index < given.keys.len() {
        let other = given.keys[index];
        if find(keys, other).is_none()
            && let Some(close) = suggest::closest(other, names.as_slice())
            && suggest::same_text(close, key)
        {
            return true;
        }
        index += 1;
    }
    false
}

const fn told(place: &Place<'_>, way: &[Step<'_>], message: &str, help: &str) -> Text {
    let text = prefixed(Text::new(place.at), way).with(message);
    shown(text, place).with("\nhelp: ").with(help)
}

const fn shown(text: Text, place: &Place<'_>) -> Text {
    if place.lines.is_empty() { text } else { text.with("\n").with(place.lines) }
}

/// The keys on the way, as the readers name them.
const fn prefixed(mut text: Text, way: &[Step<'_>]) -> Text {
    let mut index = 0;
    while index < way.len() {
        if let Step::Key(key) = way[index] {
            text = text.with("`").with(key).with("`: ");
        }
        index += 1;
    }
    text
}

const fn title<'a>(way: &[Step<'_>], settings: &Settings<'a>) -> &'a str {
    if way.is_empty() { settings.title } else { "this table" }
}

/// The keys that a table may have.
struct Names<'a> {
    names: [&'a str; MOST],
    count: usize,
}

impl<'a> Names<'a> {
    const fn of(keys: &'a [SettingInfo], way: &[Step<'_>], settings: &Settings<'a>) -> Self {
        let mut names = Self { names: [""; MOST], count: 0 };
        let mut index = 0;
        while way.is_empty() && index < settings.known.len() {
            names = names.with(settings.known[index]);
            index += 1;
        }
        let mut index = 0;
        while index < keys.len() {
            names = names.with(keys[index].key);
            index += 1;
        }
        names
    }

    const fn with(mut self, name: &'a str) -> Self {
        if self.count < MOST {
            self.names[self.count] = name;
            self.count += 1;
        }
        self
    }

    const fn as_slice(&self) -> &[&'a str] {
        self.names.split_at(self.count).0
    }
}

const fn find<'a>(keys: &'a [SettingInfo], key: &str) -> Option<&'a SettingInfo> {
    let mut index = 0;
    while index < keys.len() {
        if suggest::same_text(keys[index].key, key) {
            return Some(&keys[index]);
        }
        index += 1;
    }
    None
}

const fn has(keys: &[&str], key: &str) -> bool {
    let mut index = 0;
    while index < keys.len() {
        if suggest::same_text(keys[index], key) {
            return true;
        }
        index += 1;
    }
    false
}
