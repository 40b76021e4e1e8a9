//! The declaration of a key.

use super::{ConstStr, ValueType, any, each, format, suggest};

/// The declaration of a key: its name, the values that it takes, its default, and its help.
#[derive(Debug, Clone, Copy)]
pub struct KeySpec {
    /// The name in the file.
    pub name: &'static str,
    /// The help, as Markdown: the doc comment of the field.
    pub doc: &'static str,
    /// The values that it takes.
    pub value_type: ValueType,
    /// The value without the key.
    pub default: KeyDefault,
    /// Where the value comes from.
    pub source: ValueSource,
    /// A TOML literal that the template shows where there is no default.
    pub example: Option<&'static str>,
}

/// The value of a key that is not in the file.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum KeyDefault {
    /// None: the key is required.
    Required,
    /// A string.
    Str(&'static str),
    /// An integer.
    Integer(i128),
    /// Any value, as TOML.
    Literal(&'static str),
    /// The default of the key's type, such as a table without keys.
    OfType,
    /// A value from another place, in words that follow `Default:`.
    Inherited(&'static str),
    /// None: the key is optional.
    None,
}

/// Where the value of a key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueSource {
    /// The file.
    File,
    /// The file, or this environment variable, which overrides it.
    FileOrVariable(&'static str),
    /// An environment variable alone, because the value is a secret. Without a name it is that of the table's path and the
    /// key, such as `HTTP_SINK_API_TOKEN`.
    Secret(Option<&'static str>),
}

impl KeySpec {
    /// A required key that takes any value.
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            doc: "",
            value_type: ValueType::Any,
            default: KeyDefault::Required,
            source: ValueSource::File,
            example: None,
        }
    }

    /// The help up to its first empty line, as one line.
    pub fn summary(&self) -> String {
        let lines = self.doc.lines().map(str::trim).take_while(|line| !line.is_empty());
        lines.collect::<Vec<_>>().join(" ")
    }

    /// The environment variable that its value may come from: in a table of the path `http_sink.api`, that of a secret `token`
    /// without a name of its own is `HTTP_SINK_API_TOKEN`.
    pub const fn variable(&self, path: &str) -> Option<ConstStr> {
        match self.source {
            ValueSource::File => None,
            ValueSource::FileOrVariable(name) | ValueSource::Secret(Some(name)) => Some(ConstStr::new(name)),
            ValueSource::Secret(None) => Some(ConstStr::new(path).with("_").with(self.name).into_variable()),
        }
    }

    /// Whether the key is a secret.
    pub const fn is_secret(&self) -> bool {
        matches!(self.source, ValueSource::Secret(_))
    }

    /// Whether it has no default, wherever its value comes from.
    pub const fn is_required(&self) -> bool {
        matches!(self.default, KeyDefault::Required)
    }

    /// Whether the file has to have the key, as far as that is known without the environment. It need not have a table whose
    /// keys all have defaults or variables.
    pub const fn is_required_in_file(&self) -> bool {
        if !self.is_required() || !matches!(self.source, ValueSource::File) {
            return false;
        }
        match self.value_type {
            ValueType::Table(keys) => any!(key in keys => key.is_required_in_file()),
            _ => true,
        }
    }
}

impl KeyDefault {
    /// The value as TOML, if it is known.
    pub fn to_toml(self) -> Option<String> {
        match self {
            // No default has characters that TOML escapes.
            Self::Str(text) => Some(format!("\"{text}\"")),
            Self::Integer(number) => Some(number.to_string()),
            Self::Literal(literal) => Some(literal.to_owned()),
            Self::Required | Self::OfType | Self::Inherited(_) | Self::None => None,
        }
    }

    /// The end of a help line, such as `; the default is 100`.
    pub fn as_help(self) -> String {
        match (self.to_toml(), self) {
            (Some(literal), _) => format!("; the default is `{literal}`"),
            (None, Self::Inherited(words)) => format!("; the default is {words}"),
            (None, _) => String::new(),
        }
    }
}

/// The key of this name among the keys of a table.
pub const fn find<'a>(keys: &'a [KeySpec], name: &str) -> Option<&'a KeySpec> {
    each!(key in keys => {
        if suggest::is_same(key.name, name) {
            return Some(key);
        }
    });
    None
}

/// The keys of a table, some with other defaults, as TOML.
pub const fn with_defaults<const N: usize>(keys: &[KeySpec], defaults: &[(&str, &'static str)]) -> [KeySpec; N] {
    let mut copy = [KeySpec::new(""); N];
    let mut index = 0;
    while index < N && index < keys.len() {
        copy[index] = keys[index];
        each!((name, literal) in defaults => {
            if suggest::is_same(copy[index].name, name) {
                copy[index].default = KeyDefault::Literal(literal);
            }
        });
        index += 1;
    }
    copy
}

/// Whether a table may be left out because all of its keys may.
pub const fn all_keys_optional(value_type: &ValueType) -> bool {
    let ValueType::Table(keys) = value_type else { return false };
    !any!(key in *keys => key.is_required())
}

/// The first line of a help text, without the full stop at its end.
pub(crate) const fn first_line(text: &str) -> &str {
    let text = text.trim_ascii_start();
    let (mut line, _) = text.split_at(format::find(text, b'\n'));
    while let [rest @ .., b'.' | b'\r'] = line.as_bytes() {
        line = line.split_at(rest.len()).0;
    }
    line
}

/// The beginning of a sentence, as it stands within another.
pub(crate) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    // `URL` stays as it is.
    let is_word = !text.chars().nth(1).is_some_and(char::is_uppercase);
    match chars.next() {
        Some(first) if is_word => first.to_lowercase().chain(chars).collect(),
        _ => text.to_owned(),
    }
}

/// What to add for a key that is missing.
pub(super) const fn add_key(spec: &KeySpec) -> ConstStr {
    let add = match (spec.value_type, spec.example) {
        (ValueType::Table(_), _) => ConstStr::new("add a table `").with(spec.name).with("`"),
        (_, Some(example)) => ConstStr::new("add `").with(spec.name).with(" = ").with(example).with("`"),
        (_, None) => ConstStr::new("add `").with(spec.name).with(" = …`"),
    };
    let add = match spec.source {
        ValueSource::FileOrVariable(name) => add.with(", or set the variable ").with(name),
        ValueSource::File | ValueSource::Secret(_) => add,
    };
    if spec.doc.is_empty() { add } else { add.with(": ").with(first_line(spec.doc)) }
}
