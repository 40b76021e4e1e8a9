//! The declaration of a key; and the keys of a table, of which unknown and missing ones are reported in the same words while a
//! connector is built and at start.

use super::{ConstStr, ValueType, Violation, any, each, format, suggest};

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

/// What to add for a key that is missing.
const fn add_key(spec: &KeySpec) -> ConstStr {
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
