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
        load::section,
        mappings::{self, MappingContext, common_names},
        root::{self, CoreContext},
        secrets::how_to_set,
    },
    report::{
        diagnostic::{Diagnostic, Diagnostics},
        error::ReportEntry,
        location::SourceFile,
        redact::{SecretNames, looks_sensitive},
    },
    schema::suggest,
    value::{
        document::Document,
        value::{Content, Entry, Origin, Table, Value},
    },
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
    let secret: Vec<&str> = decl.fields.iter().filter_map(FieldDecl::secret).collect();
    let plain: Vec<&str> = decl.fields.iter().filter_map(FieldDecl::key).collect();
    let names = SecretNames { secret: &secret, plain: &plain };
    let document = match Document::parse(decl.path, text.to_owned(), names) {
        Ok(document) => document,
        Err(error) => return error.entries().iter().map(BuildError::of).collect(),
    };
    let mut diagnostics = Diagnostics::default();
    let tables = read(decl, &document, &mut diagnostics);
    let (found, redacted) = diagnostics.into_parts();
    let redacted = [document.redacted.as_slice(), &redacted].concat();
    let file = SourceFile { path: decl.path, text, redacted: &redacted };
    for table in &tables {
        table.defer(decl, &file, defer);
    }
    found.into_iter().map(|diagnostic| BuildError::of(&ReportEntry::new(diagnostic, Some(&file)))).collect()
}

impl BuildError {
    fn of(entry: &ReportEntry) -> Self {
        Self { message: entry.message_with_excerpt(), help: entry.help.clone() }
    }
}

impl<'a> FieldDecl<'a> {
    fn key(&self) -> Option<&'a str> {
        match self {
            Self::Key(key) => Some(key),
            _ => None,
        }
    }

    fn secret(&self) -> Option<&'a str> {
        match self {
            Self::Secret(key, _) => Some(key),
            _ => None,
        }
    }
}

/// A table whose keys the compiler validates.
struct DeferredTable<'a> {
    kind: StructKind,
    title: String,
    /// Keys that the compiler does not know, and that are validated.
    known: Vec<&'static str>,
    table: &'a Table,
}

/// Runs the loader without an environment.
fn read<'a>(decl: &StructDecl<'_>, document: &'a Document, diagnostics: &mut Diagnostics) -> Vec<DeferredTable<'a>> {
    let root = &document.root;
    let sections = [decl.section];
    let context = CoreContext {
        environment: None,
        package: Some(decl.package),
        sections: &sections,
        checks: ExternalChecks::SKIP,
    };
    let core = root::read(root, context, diagnostics);
    let Some(table) = section(root, decl.section, diagnostics) else { return Vec::new() };
    for field in decl.fields {
        if let FieldDecl::Secret(key, variable) = *field
            && let Some(entry) = table.get(key)
        {
            diagnostics.hide(&entry.value);
            let message = format!("`{key}` is a secret and must not be in the file");
            let help = format!("remove it, and {}", how_to_set(variable));
            diagnostics.push(Diagnostic::new(message, help).at(entry.key_span.clone()));
        }
    }
    let mut deferred = vec![DeferredTable {
        kind: StructKind::Connector,
        title: format!("`[{}]`", decl.section),
        known: MAPPING_LISTS.to_vec(),
        table,
    }];
    if decl.fields.iter().any(|field| matches!(field, FieldDecl::Mappings)) {
        let mut defaults = Table::EMPTY;
        for (key, literal) in decl.mapping_defaults {
            // The macro has validated it.
            if let Ok(value) = Value::from_literal(literal, Origin::Code) {
                defaults.set(key, value);
            }
        }
        let context = MappingContext {
            core: &core.config,
            core_table: &core.table,
            defaults: &defaults,
            own_names: &[],
            host: "",
            decoding: ExternalChecks::SKIP.decoding,
        };
        let entry = mappings::find(table, decl.section, diagnostics);
        let mappings = entry.and_then(|entry| mappings::parse(entry, decl.section, context, diagnostics));
        deferred.extend(mappings.into_iter().flatten().map(|mapping| DeferredTable {
            kind: StructKind::Mapping,
            title: mapping.title,
            known: common_names(),
            table: mapping.file_table,
        }));
    }
    // Only the compiler knows whether a key of a mapping is a secret, or a misspelt one.
    let secrets: Vec<&str> = decl.fields.iter().filter_map(FieldDecl::secret).collect();
    for table in &deferred {
        let is_known =
            |key: &str| table.kind == StructKind::Connector && decl.fields.iter().any(|field| field.key() == Some(key));
        for entry in table.entries().filter(|entry| !is_known(&entry.key)) {
            if looks_sensitive(&entry.key) || suggest::closest(&entry.key, &secrets).is_some() {
                diagnostics.hide(&entry.value);
            }
        }
    }
    deferred
}

impl<'a> DeferredTable<'a> {
    /// The keys that are not validated yet.
    fn entries(&self) -> impl Iterator<Item = &'a Entry> {
        self.table.entries.iter().filter(|entry| !self.known.contains(&entry.key.as_str()))
    }

    fn defer(&self, decl: &StructDecl<'_>, file: &SourceFile<'_>, defer: &mut Defer<'_>) {
        let is_secret = |key: &str| {
            self.kind == StructKind::Connector && decl.fields.iter().any(|field| field.secret() == Some(key))
        };
        let file_table = FileTable { title: &self.title, known: &self.known };
        let mut walk =
            Walk { file, defer: &mut |value: &FileValue<'_>| defer(self.kind, &file_table, value), path: Vec::new() };
        let keys: Vec<&str> = self.entries().map(|entry| entry.key.as_str()).collect();
        let location = locate(file, self.table.span.as_ref());
        let table = Value::empty_table(self.table.span.clone());
        walk.defer(&table, &location, &location, &keys, None);
        for entry in self.entries().filter(|entry| !is_secret(&entry.key)) {
            walk.entry(entry);
        }
    }
}

/// Goes through a table and all that is in it.
struct Walk<'w, 'a> {
    file: &'w SourceFile<'w>,
    defer: &'w mut dyn FnMut(&FileValue<'_>),
    path: Vec<PathSegment<'a>>,
}

/// Where a message begins, and the line that it shows.
type Shown = (String, String);

fn locate(file: &SourceFile<'_>, span: Option<&Range<usize>>) -> Shown {
    match span {
        Some(span) => {
            let location = file.locate(span);
            (location.prefix, location.excerpt)
        }
        None => (format!("{}: ", file.path.display()), String::new()),
    }
}

impl<'a> Walk<'_, 'a> {
    fn entry(&mut self, entry: &'a Entry) {
        self.path.push(PathSegment::Key(&entry.key));
        let key_location = locate(self.file, entry.key_span.as_ref());
        let misplaced = misplaced_key_help(&entry.key);
        self.value(&entry.value, Some(key_location), misplaced.as_deref());
        self.path.pop();
    }

    fn value(&mut self, value: &'a Value, key_location: Option<Shown>, misplaced: Option<&str>) {
        let keys = match &value.content {
            Content::Table(table) => table.keys(),
            _ => Vec::new(),
        };
        let location = locate(self.file, value.span.as_ref());
        let key_location = key_location.unwrap_or_else(|| location.clone());
        self.defer(value, &key_location, &location, &keys, misplaced);
        match &value.content {
            Content::Array(items) => {
                self.path.push(PathSegment::Item);
                items.iter().for_each(|item| self.value(item, None, None));
                self.path.pop();
            }
            Content::Table(table) => table.entries.iter().for_each(|entry| self.entry(entry)),
            _ => {}
        }
    }

    fn defer(&mut self, value: &Value, key_location: &Shown, location: &Shown, keys: &[&str], misplaced: Option<&str>) {
        // Only the compiler knows whether the value is a secret.
        let redacted: Vec<Range<usize>> = self.file.redacted.iter().cloned().chain(value.span.clone()).collect();
        let redacted_file = SourceFile { redacted: &redacted, ..*self.file };
        let (_, redacted_excerpt) = locate(&redacted_file, value.span.as_ref());
        (self.defer)(&FileValue {
            path: &self.path,
            value: value.as_ref(),
            keys,
            misplaced,
            key_location: FileLocation { prefix: &key_location.0, excerpt: &key_location.1 },
            location: FileLocation { prefix: &location.0, excerpt: &location.1 },
            redacted_excerpt: &redacted_excerpt,
        });
    }
}
