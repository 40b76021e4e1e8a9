//! A diagnostic of a configuration, and a collection of them.

use std::ops::Range;

/// One thing that is wrong with a configuration, and what to write instead.
///
/// Neither text may show the value of a secret. The report adds the line of the file, with secrets redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub(crate) message: String,
    pub(crate) help: String,
    /// Bytes of the file; none if the cause is not in the file.
    pub(crate) span: Option<Range<usize>>,
    /// A key of the table that a check of the author's has validated.
    pub(crate) key: Option<String>,
}

impl Diagnostic {
    /// A diagnostic without a line of the file, such as that of a missing variable.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), span: None, key: None }
    }

    /// A diagnostic of the value of a key, from a check of the author's. The report shows the line of the key, and begins
    /// the message with it.
    ///
    /// A key of a nested table is `table.key`, and one of an array of tables `array.0.key`.
    pub fn of_key(key: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..Self::new(message, help) }
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn at(mut self, span: Option<Range<usize>>) -> Self {
        self.span = span;
        self
    }

    fn begin_with(&mut self, cause: &str) {
        self.message = format!("{cause}: {}", self.message);
    }
}

/// All diagnostics of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
    /// Parts of the file that no report may show.
    redacted: Vec<Range<usize>>,
    /// Remarks that are no errors.
    notes: Vec<(String, Range<usize>)>,
}

impl Diagnostics {
    /// Adds a diagnostic.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Adds all of another collection.
    pub fn append(&mut self, other: Self) {
        self.found.extend(other.found);
        self.redacted.extend(other.redacted);
        self.notes.extend(other.notes);
    }

    /// Those of a table of settings, as diagnostics of the connector that has it under this key.
    #[must_use]
    pub fn of_table(mut self, table: &str) -> Self {
        for key in self.found.iter_mut().filter_map(|diagnostic| diagnostic.key.as_mut()) {
            *key = format!("{table}.{key}");
        }
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.found.len()
    }

    /// Adds those of another collection whose values have no diagnostic yet.
    pub(crate) fn append_elsewhere(&mut self, other: Self) {
        let reported: Vec<Range<usize>> = self.found.iter().filter_map(|diagnostic| diagnostic.span.clone()).collect();
        let is_new = |one: &Diagnostic| one.span.as_ref().is_some_and(|span| !reported.contains(span));
        self.found.extend(other.found.into_iter().filter(is_new));
        self.redacted.extend(other.redacted);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `Ok` if nothing is wrong: the result of a check of the author's.
    ///
    /// # Errors
    /// The diagnostics, if there are any.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Adds the diagnostics of a result, and returns its value if it has one.
    pub fn keep<T>(&mut self, result: Result<T, Self>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(diagnostics) => {
                self.append(diagnostics);
                None
            }
        }
    }

    /// Redacts a part of the file in every excerpt.
    pub(crate) fn redact(&mut self, span: Option<Range<usize>>) {
        self.redacted.extend(span);
    }

    /// Adds a remark that is no error, with its line.
    pub(crate) fn note(&mut self, text: impl Into<String>, span: Option<&Range<usize>>) {
        self.notes.extend(span.map(|span| (text.into(), span.clone())));
    }

    /// The notes, in the order of the file.
    pub(crate) fn take_notes(&mut self) -> Vec<(String, Range<usize>)> {
        self.notes.sort_by_key(|(_, span)| span.start);
        std::mem::take(&mut self.notes)
    }

    /// The diagnostics in the order of the file, those without a line last; and the redacted parts.
    pub(crate) fn into_parts(mut self) -> (Vec<Diagnostic>, Vec<Range<usize>>) {
        self.found.sort_by_key(|diagnostic| diagnostic.span.as_ref().map_or(usize::MAX, |span| span.start));
        (self.found, self.redacted)
    }

    /// Begins each message with a key.
    pub(crate) fn of_key(mut self, key: &str) -> Self {
        self.found.iter_mut().for_each(|diagnostic| diagnostic.begin_with(&format!("`{key}`")));
        self
    }

    /// Appends to the help of each diagnostic.
    pub(crate) fn with_help(mut self, help: &str) -> Self {
        self.found.iter_mut().for_each(|diagnostic| diagnostic.help.push_str(help));
        self
    }

    /// Adds the spans of the keys that a check of the author's names; `locate` knows the table that was checked.
    pub(crate) fn located(mut self, locate: impl Fn(Option<&str>) -> Option<Range<usize>>) -> Self {
        for diagnostic in &mut self.found {
            diagnostic.span = locate(diagnostic.key.as_deref());
            if let Some(key) = diagnostic.key.take() {
                diagnostic.begin_with(&format!("`{key}`"));
            }
        }
        self
    }

    /// Begins each message with the source of a value that is not in the file, such as `variable HTTP_SINK_URL`.
    pub(crate) fn of_source(mut self, source: &str) -> Self {
        for diagnostic in &mut self.found {
            diagnostic.begin_with(source);
            diagnostic.span = None;
        }
        self
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { found: vec![diagnostic], ..Self::default() }
    }
}

/// For a check of the author's that has no help to offer.
impl From<String> for Diagnostics {
    fn from(message: String) -> Self {
        Diagnostic::new(message, "write another value").into()
    }
}

/// For a check of the author's that has no help to offer.
impl From<&str> for Diagnostics {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}
