//! Looks at a configuration file while the connector is built: what would fail at start fails the build.
//!
//! ```text
//!  text ──▶ the readers of the start ──▶ Told                      what the macro can see
//!       └─▶ Given ──▶ the compiler: Given + Shape ──▶ an error     what depends on the types
//! ```
//!
//! What only the environment can say is not missed: the address of the broker, the secrets. What a type's own reader says
//! beyond its shape is heard at start.

use std::{ops::Range, path::Path};

use crate::{
    beyond::Beyond,
    file::document::Document,
    file::value::{Content, Entry, Table, Value},
    load::{Section, section},
    read::keys::{self, MAPPING_LISTS},
    read::mapping_list::Own,
    read::root,
    read::section::SectionReader,
    read::table::{self, TableReader},
    report::mistake::{Mistake, Mistakes},
    report::render,
    shape::Scalar,
    shape::given::{Given, Settings, Step},
};

/// What the connector's code says of its configuration.
#[derive(Debug, Clone, Copy)]
pub struct Code<'a> {
    /// The file, as messages name it.
    pub path: &'a Path,
    /// The name of the connector's package.
    pub package: &'a str,
    /// The table of its settings.
    pub section: &'a str,
    /// What holds for common keys that a topic mapping leaves out, as TOML.
    pub mapping_defaults: &'a [(&'a str, &'a str)],
    /// The fields that are configuration, in the order of the struct.
    pub fields: &'a [Field<'a>],
}

impl Code<'_> {
    /// Whether it is a key of the section, and no secret.
    fn has(&self, key: &str) -> bool {
        self.fields.iter().any(|field| matches!(field, Field::Key(own) if *own == key))
    }
}

/// A field that is configuration.
#[derive(Debug, Clone, Copy)]
pub enum Field<'a> {
    /// A key of the section.
    Key(&'a str),
    /// A secret, and the variable that it comes from.
    Secret(&'a str, &'a str),
    /// The topic mappings.
    Mappings,
}

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where it is, what is wrong, and the line of the file.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// Whose key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The connector's struct.
    Connector,
    /// The struct of its topic mappings.
    Mapping,
}

/// Gets what the types decide on.
pub type Later<'l> = dyn FnMut(Owner, &Settings<'_>, &Given<'_>) + 'l;

/// Every mistake that can be seen without the types; `later` gets every value that they decide on.
pub fn check(code: &Code<'_>, text: &str, later: &mut Later<'_>) -> Vec<Told> {
    let secrets: Vec<&str> = code.fields.iter().filter_map(Field::secret).collect();
    let root = match Document::tables(text, &secrets) {
        Ok(root) => root,
        Err(mistakes) => {
            let (found, hidden) = mistakes.into_parts();
            return Shown { path: code.path, text, hidden }.told(found);
        }
    };
    let mut mistakes = Mistakes::default();
    let left = read(code, &root, &secrets, &mut mistakes);
    for entry in left.iter().flat_map(Open::entries) {
        // A key of the connector's struct may sound like a secret and be none; of other keys nobody knows yet.
        if code.has(&entry.key) { hide_within(&entry.value, &mut mistakes) } else { hide(entry, &mut mistakes) }
    }
    let (found, hidden) = mistakes.into_parts();
    let shown = Shown { path: code.path, text, hidden };
    for open in &left {
        open.tell(code, &shown, later);
    }
    shown.told(found)
}

/// A table of which the types decide.
struct Open<'a> {
    owner: Owner,
    asked: Asked,
    table: &'a Table,
}

/// What others have read of it.
struct Asked {
    title: String,
    known: Vec<String>,
    missing: Vec<(String, Mistake)>,
}

impl Asked {
    fn of(reader: TableReader<'_>) -> Self {
        let title = reader.title().to_owned();
        let (known, missing) = reader.into_parts();
        let missing = missing.into_iter().map(|(key, mistake)| (key.to_owned(), mistake)).collect();
        Self { title, known: known.into_iter().map(str::to_owned).collect(), missing }
    }
}

/// Hides what may be a secret in a value.
fn hide_within(value: &Value, mistakes: &mut Mistakes) {
    match &value.content {
        Content::Table(table) => table.entries.iter().for_each(|entry| hide(entry, mistakes)),
        Content::List(list) => list.iter().for_each(|item| hide_within(item, mistakes)),
        _ => {}
    }
}

fn hide(entry: &Entry, mistakes: &mut Mistakes) {
    if table::is_telltale(&entry.key) {
        mistakes.hide(&entry.value);
    }
    hide_within(&entry.value, mistakes);
}

impl<'a> Field<'a> {
    fn secret(&self) -> Option<&'a str> {
        match self {
            Self::Secret(key, _) => Some(key),
            _ => None,
        }
    }
}

/// Runs the readers of the start, with an environment that is not known yet.
fn read<'a>(code: &Code<'a>, root: &'a Table, secrets: &[&str], mistakes: &mut Mistakes) -> Vec<Open<'a>> {
    let environment = |_: &str| None;
    let mut reader = TableReader::new(root, root::TITLE);
    let core = root::read(&mut reader, &environment, Some(code.package), Beyond::UNSEEN, mistakes);
    for (key, _) in keys::VARIABLES {
        reader.may_be_given_elsewhere(key);
    }
    let found = section(&mut reader, root, code.section, mistakes);
    reader.finish(&[], mistakes);
    let Section::Table(table) = found else { return Vec::new() };

    let mut section = SectionReader {
        table: TableReader::new(table, format!("`[{}]`", code.section)),
        section: code.section,
        root,
        core: &core,
        environment: &environment,
        decoding: Beyond::UNSEEN.decoding,
        mistakes,
    };
    let mut mappings = Vec::new();
    for field in code.fields {
        match *field {
            Field::Key(key) => {
                section.table.take(key);
            }
            Field::Secret(key, variable) => {
                section.not_in_file(key, variable);
            }
            Field::Mappings => {
                section.mappings(
                    code.mapping_defaults,
                    Own::Later(&mut |index, reader| {
                        mappings.push((index, Asked::of(reader)));
                        Some(())
                    }),
                );
            }
        }
    }
    let title = section.table.title().to_owned();
    section.table.finish(secrets, section.mistakes);

    let list = MAPPING_LISTS.iter().find_map(|name| table.get(name));
    let list = list.map_or(&[][..], |entry| entry.value.as_list().unwrap_or_default());
    let asked = Asked { title, known: MAPPING_LISTS.map(str::to_owned).to_vec(), missing: Vec::new() };
    let of_connector = Open { owner: Owner::Connector, asked, table };
    let of_mappings = mappings.into_iter().filter_map(|(index, asked)| {
        let Content::Table(table) = &list.get(index)?.content else { return None };
        Some(Open { owner: Owner::Mapping, asked, table })
    });
    std::iter::once(of_connector).chain(of_mappings).collect()
}

impl<'a> Open<'a> {
    /// The keys that nobody has read.
    fn entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.table.entries.iter().filter(|entry| !self.asked.known.contains(&entry.key))
    }

    /// Whether the types decide on a key: of the section's keys it is known already which are unknown.
    fn decides(&self, code: &Code<'_>, key: &str) -> bool {
        self.owner == Owner::Mapping || code.has(key)
    }

    fn tell(&self, code: &Code<'_>, shown: &Shown<'_>, later: &mut Later<'_>) {
        let Asked { title, known, missing } = &self.asked;
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let missing: Vec<(&str, &str, &str)> =
            missing.iter().map(|(key, mistake)| (&**key, &*mistake.message, &*mistake.help)).collect();
        let settings = Settings { title, known: &known, missing: &missing };
        let mut later = |given: &Given<'_>| later(self.owner, &settings, given);
        let keys: Vec<&str> = self.entries().map(|entry| entry.key.as_str()).collect();
        let place = shown.place(self.table.span.as_ref());
        later(&Given {
            way: &[],
            scalar: Scalar::Table(keys.len()),
            keys: &keys,
            elsewhere: None,
            key_place: place.borrowed(),
            place: place.borrowed(),
        });
        for entry in self.entries().filter(|entry| self.decides(code, &entry.key)) {
            tell_entry(entry, &mut Vec::new(), shown, &mut later);
        }
    }
}

fn tell_entry<'a>(entry: &'a Entry, way: &mut Vec<Step<'a>>, shown: &Shown<'_>, later: &mut dyn FnMut(&Given<'_>)) {
    way.push(Step::Key(&entry.key));
    let place = shown.place(entry.key_span.as_ref());
    tell_value(&entry.value, way, table::elsewhere(&entry.key).as_deref(), Some(&place), shown, later);
    way.pop();
}

/// The value, and all that is in it.
fn tell_value<'a>(
    value: &'a Value,
    way: &mut Vec<Step<'a>>,
    elsewhere: Option<&str>,
    key_place: Option<&render::Place>,
    shown: &Shown<'_>,
    later: &mut dyn FnMut(&Given<'_>),
) {
    let keys: Vec<&str> = match &value.content {
        Content::Table(table) => table.entries.iter().map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    };
    let place = shown.place(value.span.as_ref());
    later(&Given {
        way,
        scalar: value.scalar(),
        keys: &keys,
        elsewhere,
        key_place: key_place.unwrap_or(&place).borrowed(),
        place: place.borrowed(),
    });
    match &value.content {
        Content::List(list) => {
            way.push(Step::Item);
            for item in list {
                tell_value(item, way, None, None, shown, later);
            }
            way.pop();
        }
        Content::Table(table) => {
            for entry in &table.entries {
                tell_entry(entry, way, shown, later);
            }
        }
        _ => {}
    }
}

/// The file as reports show it.
struct Shown<'a> {
    path: &'a Path,
    text: &'a str,
    hidden: Vec<Range<usize>>,
}

impl Shown<'_> {
    fn place(&self, span: Option<&Range<usize>>) -> render::Place {
        match span {
            Some(span) => render::place(self.path, self.text, span, &self.hidden),
            None => render::Place { at: format!("{}: ", self.path.display()), lines: String::new() },
        }
    }

    fn told(&self, mistakes: Vec<Mistake>) -> Vec<Told> {
        let told = |Mistake { message, help, span, .. }: Mistake| {
            let render::Place { at, lines } = self.place(span.as_ref());
            let message = format!("{at}{message}\n{lines}");
            Told { message: message.trim_end().to_owned(), help }
        };
        mistakes.into_iter().map(told).collect()
    }
}
