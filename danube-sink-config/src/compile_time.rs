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
    load::{loader::Loader, mappings::common_names, secrets::report_in_file},
    report::{Location, ReportEntry, SecretNames, SourceFile, looks_sensitive},
    schema::suggest,
    value::{Content, Document, Entry, Origin, Table, Value},
};

pub mod file_value;

pub use self::file_value::{FileLocation, FileTable, FileValue, PathSegment};

/// What the connector's code says of its configuration.
#[derive(Debug, Clone, Copy)]
pub struct StructDecl<'a> {
    /// The file, as messages name it.
    pub path: &'a Path,
    /// The name of the connector's package.
    pub package: &'a str,
    /// The table of its settings.
    pub section: &'a str,
    /// Defaults for common keys of a topic mapping, as TOML.
    pub mapping_defaults: &'a [(&'a str, &'a str)],
    /// The fields that are configuration, in the order of the struct.
    pub fields: &'a [FieldDecl<'a>],
}

/// A field that is configuration.
#[derive(Debug, Clone, Copy)]
pub enum FieldDecl<'a> {
    /// A key of the section.
    Key(&'a str),
    /// A secret, and its variable.
    Secret(&'a str, &'a str),
    /// A secret that the connector may not have: only the compiler knows whether its `#[cfg]` holds.
    ConditionalSecret(&'a str),
    /// The topic mappings.
    Mappings,
}

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

/// The errors of a file that show without the types of the settings; `defer` gets each value that depends on them.
pub fn validate(decl: &StructDecl<'_>, text: &str, defer: &mut Defer<'_>) -> Vec<BuildError> {
    let mut names = SecretNames::default();
    for field in decl.fields {
        match *field {
            FieldDecl::Key(key) => names.plain.push(key),
            FieldDecl::Secret(key, _) | FieldDecl::ConditionalSecret(key) => names.secret.push(key),
            FieldDecl::Mappings => {}
        }
    }
    let document = match Document::parse(decl.path, text.to_owned(), &names) {
        Ok(document) => document,
        Err(error) => return error.entries().iter().map(|entry| BuildError::of(entry, decl.path)).collect(),
    };
    let mut loader = Loader {
        package: Some(decl.package),
        sections: vec![decl.section],
        mapping_defaults: decl.mapping_defaults,
        ..Loader::new(None, ExternalChecks::SKIP)
    };
    let tables = read(decl, &names, &document.root, &mut loader);
    let (found, redacted) = loader.diagnostics.into_parts();
    let redacted = [document.redacted.as_slice(), &redacted].concat();
    let file = SourceFile { path: decl.path, text, redacted: &redacted };
    // Only the compiler knows which values are secrets of nested tables and mappings.
    let mut values = redacted.clone();
    document.root.entries.iter().for_each(|entry| collect_values(&entry.value, &mut values));
    let without_values = SourceFile { redacted: &values, ..file };
    for DeferredTable { kind, title, known, table } in &tables {
        let defer = &mut |value: &FileValue<'_>| defer(*kind, &FileTable { title, known }, value);
        Walk { file, without_values, defer, path: Vec::new() }.value(table, None, None);
    }
    found.into_iter().map(|diagnostic| BuildError::of(&ReportEntry::new(diagnostic, Some(&file)), decl.path)).collect()
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
fn read(decl: &StructDecl<'_>, names: &SecretNames<'_>, root: &Table, loader: &mut Loader<'_>) -> Vec<DeferredTable> {
    let core = loader.read_core(root);
    let Some(table) = loader.section(root, decl.section) else { return Vec::new() };
    let mut own = table.clone();
    for field in decl.fields {
        if let FieldDecl::Secret(key, variable) = *field
            && let Some(index) = own.entries.iter().position(|entry| entry.key == key)
        {
            report_in_file(&own.entries.remove(index), &format!("`{key}`"), variable, &mut loader.diagnostics);
        }
    }
    let title = format!("`[{}]`", decl.section);
    let mut deferred = vec![DeferredTable::new(StructKind::Connector, title, MAPPING_LISTS.to_vec(), own)];
    if decl.fields.iter().any(|field| matches!(field, FieldDecl::Mappings)) {
        for mapping in loader.parse_mappings(table, decl.section, &core, &[]).into_iter().flatten() {
            let (title, table) = (mapping.title, mapping.file_table.clone());
            deferred.push(DeferredTable::new(StructKind::Mapping, title, common_names(), table));
        }
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
