//! Validates a configuration file while the connector is built: what would fail at start fails the build.
//!
//! ```text
//!  text ──▶ the loader without an environment ──▶ diagnostics            what the macro can see
//!       └─▶ FileValue ──▶ the compiler: FileValue + KeySpec ──▶ an error  what depends on types
//! ```
//!
//! What the environment may set is not missing: the URL of the broker, secrets. What only the conversion of a type finds is
//! reported at start.

use std::{ops::Range, path::Path};

use crate::{
    core::{
        ExternalChecks,
        key::{MAPPING_LISTS, misplaced_key_help},
    },
    load::{
        ConnectorInfo,
        loader::Loader,
        mappings::common_names,
        secrets::{report_in_file, secret_names},
    },
    report::{Location, ReportEntry, SecretNames, SourceFile, looks_sensitive},
    schema::{ValueSource, suggest},
    value::{Content, Document, Entry, Origin, Table, Value},
};

pub mod file_value;

pub use self::file_value::{FileLocation, FileTable, FileValue, PathSegment};

/// An error of the build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildError {
    /// The message, with its location and the line of the file.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// The struct whose keys a table has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StructKind {
    /// The connector's struct.
    Connector,
    /// The struct of its topic mappings.
    Mapping,
}

/// Receives each value that the compiler has to validate.
pub type Defer<'l> = dyn FnMut(StructKind, &FileTable<'_>, &FileValue<'_>) + 'l;

/// The errors of a file that show without the types of the settings; `defer` gets each value that depends on them. `path` is the
/// file, as messages name it. Of the connector's keys only the names and the sources are known; a secret without a variable is one
/// that the connector may not have: only the compiler knows whether its `#[cfg]` holds.
pub fn validate(path: &Path, connector: &ConnectorInfo, text: &str, defer: &mut Defer<'_>) -> Vec<BuildError> {
    let names = secret_names(connector);
    let document = match Document::parse(path, text.to_owned(), &names) {
        Ok(document) => document,
        Err(error) => return error.entries().iter().map(|entry| BuildError::of(entry, path)).collect(),
    };
    let mut loader = Loader::of(connector, None, ExternalChecks::SKIP);
    let tables = read(connector, &names, &document.root, &mut loader);
    let (found, redacted) = loader.diagnostics.into_parts();
    let redacted = [document.redacted.as_slice(), &redacted].concat();
    let file = SourceFile { path, text, redacted: &redacted };
    // Only the compiler knows which values are secrets of nested tables and mappings.
    let mut values = redacted.clone();
    document.root.entries.iter().for_each(|entry| collect_values(&entry.value, &mut values));
    let without_values = SourceFile { redacted: &values, ..file };
    for DeferredTable { kind, title, known, table } in &tables {
        let defer = &mut |value: &FileValue<'_>| defer(*kind, &FileTable { title, known }, value);
        Walk { file, without_values, defer, path: Vec::new() }.value(table, None, None);
    }
    found.into_iter().map(|diagnostic| BuildError::of(&ReportEntry::new(diagnostic, Some(&file)), path)).collect()
}

impl BuildError {
    /// Its place in the source is that of the file's name: a diagnostic without a line names the file itself.
    fn of(entry: &ReportEntry, file: &Path) -> Self {
        let message = entry.message_with_excerpt();
        let message = if entry.line_and_column.is_some() { message } else { format!("{}: {message}", file.display()) };
        Self { message, help: entry.help.clone() }
    }
}

/// A table whose keys the compiler validates.
struct DeferredTable {
    kind: StructKind,
    title: String,
    /// Keys that the compiler does not know, and that are validated.
    known: Vec<&'static str>,
    /// The other keys.
    table: Value,
}

impl DeferredTable {
    fn new(kind: StructKind, title: String, known: Vec<&'static str>, mut table: Table) -> Self {
        table.entries.retain(|entry| !known.contains(&entry.key.as_str()));
        let span = table.span.clone();
        Self { kind, title, known, table: Value { span, ..Value::new(Content::Table(table), Origin::File) } }
    }
}

/// Runs the loader, which has no environment.
fn read(
    connector: &ConnectorInfo,
    names: &SecretNames<'_>,
    root: &Table,
    loader: &mut Loader<'_>,
) -> Vec<DeferredTable> {
    let core = loader.read_core(root);
    let Some(table) = loader.section(root, connector.section) else { return Vec::new() };
    let mut own = table.clone();
    for spec in connector.keys {
        if let ValueSource::Secret(Some(variable)) = spec.source
            && let Some(index) = own.entries.iter().position(|entry| entry.key == spec.name)
        {
            report_in_file(&own.entries.remove(index), &format!("`{}`", spec.name), variable, &mut loader.diagnostics);
        }
    }
    let title = format!("`[{}]`", connector.section);
    let mut deferred = vec![DeferredTable::new(StructKind::Connector, title, MAPPING_LISTS.to_vec(), own)];
    for mapping in loader.parse_mappings(table, connector.section, &core, &[]).into_iter().flatten() {
        let (title, table) = (mapping.title, mapping.file_table.clone());
        deferred.push(DeferredTable::new(StructKind::Mapping, title, common_names(), table));
    }
    // Only the compiler knows whether a key of a mapping is a secret, or a misspelt one.
    for DeferredTable { kind, table, .. } in &deferred {
        let is_known = |key: &str| *kind == StructKind::Connector && names.plain.contains(&key);
        for (key, value) in table.as_table().into_iter().flatten().filter(|(key, _)| !is_known(key)) {
            if looks_sensitive(key) || suggest::closest(key, &names.secret).is_some() {
                loader.diagnostics.hide(value);
            }
        }
    }
    deferred
}

/// Goes through a table and all that is in it.
struct Walk<'w, 'a> {
    file: SourceFile<'w>,
    /// The file with every value redacted.
    without_values: SourceFile<'w>,
    defer: &'w mut dyn FnMut(&FileValue<'_>),
    path: Vec<PathSegment<'a>>,
}

/// A location that owns its strings.
struct Located {
    prefix: String,
    excerpt: String,
    redacted_excerpt: String,
}

impl Located {
    fn as_ref(&self) -> FileLocation<'_> {
        let Self { prefix, excerpt, redacted_excerpt } = self;
        FileLocation { prefix, excerpt, redacted_excerpt }
    }
}

/// Collects the values that hold no others.
fn collect_values(value: &Value, values: &mut Vec<Range<usize>>) {
    match &value.content {
        Content::Table(table) => table.entries.iter().for_each(|entry| collect_values(&entry.value, values)),
        Content::Array(items) => items.iter().for_each(|item| collect_values(item, values)),
        _ => values.extend(value.span.clone()),
    }
}

impl<'a> Walk<'_, 'a> {
    fn locate(&self, span: Option<&Range<usize>>) -> Located {
        let Some(span) = span else {
            let prefix = format!("{}: ", self.file.path.display());
            return Located { prefix, excerpt: String::new(), redacted_excerpt: String::new() };
        };
        let Location { prefix, excerpt, .. } = self.file.locate(span);
        Located { prefix, excerpt, redacted_excerpt: self.without_values.locate(span).excerpt }
    }

    fn value(&mut self, value: &'a Value, key_location: Option<Located>, misplaced: Option<&str>) {
        let location = self.locate(value.span.as_ref());
        let entries = match &value.content {
            Content::Table(table) => table.entries.as_slice(),
            _ => &[],
        };
        (self.defer)(&FileValue {
            path: &self.path,
            value: value.as_ref(),
            keys: &entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>(),
            misplaced,
            key_location: key_location.as_ref().unwrap_or(&location).as_ref(),
            location: location.as_ref(),
        });
        if let Content::Array(items) = &value.content {
            self.path.push(PathSegment::Item);
            items.iter().for_each(|item| self.value(item, None, None));
            self.path.pop();
        }
        for Entry { key, key_span, value } in entries {
            let key_location = self.locate(key_span.as_ref());
            self.path.push(PathSegment::Key(key));
            self.value(value, Some(key_location), misplaced_key_help(key).as_deref());
            self.path.pop();
        }
    }
}
