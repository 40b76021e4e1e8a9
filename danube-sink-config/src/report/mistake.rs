//! One mistake of a configuration, and all of them.

use std::ops::Range;

use crate::file::value::Value;

/// One thing that is wrong, and what to write instead.
///
/// Neither text may show the value of a secret. The line of the file is added by the report, which hides secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    pub(crate) message: String,
    pub(crate) help: String,
    /// Bytes of the file; none if the mistake is not in the file.
    pub(crate) span: Option<Range<usize>>,
    /// Of the table that an author's check looks at.
    pub(crate) key: Option<String>,
}

impl Mistake {
    /// A mistake that is in no line of the file, such as a missing variable.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), span: None, key: None }
    }

    /// What a check of the author's finds wrong with the value of a key. The report shows the line of the key, and begins
    /// the message with it.
    ///
    /// A key of a table within is `table.key`, and one of a list of tables `list.0.key`.
    pub fn of_key(key: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { key: Some(key.into()), ..Self::new(message, help) }
    }

    pub(crate) fn at(mut self, span: Option<Range<usize>>) -> Self {
        self.span = span;
        self
    }
}

/// Everything found wrong so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mistakes {
    found: Vec<Mistake>,
    /// Parts of the file that no report may show.
    hidden: Vec<Range<usize>>,
    /// What is right, and worth a line in a log.
    notes: Vec<(String, Range<usize>)>,
}

impl Mistakes {
    /// Adds one.
    pub fn push(&mut self, mistake: Mistake) {
        self.found.push(mistake);
    }

    /// Adds all of another collection.
    pub fn append(&mut self, other: Self) {
        self.found.extend(other.found);
        self.hidden.extend(other.hidden);
        self.notes.extend(other.notes);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `Ok` if nothing is wrong: what a check of the author's returns.
    ///
    /// # Errors
    /// The mistakes, if there are any.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    /// Keeps what `result` found wrong, and gives the value if there is one.
    pub fn keep<T>(&mut self, result: Result<T, Mistakes>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistakes) => {
                self.append(mistakes);
                None
            }
        }
    }

    /// No report shows this value: it may be a secret.
    pub fn hide(&mut self, value: &Value) {
        self.hidden.extend(value.span.clone());
    }

    pub(crate) fn hide_bytes(&mut self, of_the_file: Range<usize>) {
        self.hidden.push(of_the_file);
    }

    /// Something that is right, and that the log tells to who wants to know.
    pub(crate) fn note(&mut self, text: String, span: &Option<Range<usize>>) {
        self.notes.extend(span.clone().map(|span| (text, span)));
    }

    /// The notes, in the order of the file.
    pub(crate) fn take_notes(&mut self) -> Vec<(String, Range<usize>)> {
        self.notes.sort_by_key(|(_, span)| span.start);
        std::mem::take(&mut self.notes)
    }

    /// The mistakes in the order of the file, those outside of it last, and what to hide.
    pub(crate) fn into_parts(mut self) -> (Vec<Mistake>, Vec<Range<usize>>) {
        self.found.sort_by_key(|mistake| mistake.span.as_ref().map_or(usize::MAX, |span| span.start));
        (self.found, self.hidden)
    }

    /// Says of which key the mistakes are.
    pub(crate) fn of_key(mut self, key: &str) -> Self {
        for mistake in &mut self.found {
            mistake.message = format!("`{key}`: {}", mistake.message);
        }
        self
    }

    /// Gives the mistakes of an author's check their places: `locate` knows the table that was checked.
    pub(crate) fn located(mut self, locate: impl Fn(Option<&str>) -> Option<Range<usize>>) -> Self {
        for mistake in &mut self.found {
            mistake.span = locate(mistake.key.as_deref());
            if let Some(key) = mistake.key.take() {
                mistake.message = format!("`{key}`: {}", mistake.message);
            }
        }
        self
    }

    /// Says that the mistakes are in a default of the connector's code, where no file can be blamed.
    pub(crate) fn of_default(mut self, key: &str) -> Self {
        for mistake in &mut self.found {
            mistake.message = format!("the default of `{key}` in the connector's code: {}", mistake.message);
            mistake.span = None;
        }
        self
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self { found: vec![mistake], ..Self::default() }
    }
}

/// For a check of the author's that has nothing to add to what is wrong.
impl From<String> for Mistakes {
    fn from(message: String) -> Self {
        Mistake::new(message, "write another value").into()
    }
}

/// For a check of the author's that has nothing to add to what is wrong.
impl From<&str> for Mistakes {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}
