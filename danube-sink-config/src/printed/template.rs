//! A whole configuration to begin with: every key, what it takes, what holds without it.

use std::fmt::Write;

use super::{
    entry::{Entry, Without},
    example::example,
    spelling::spell,
};
use crate::{
    file::environment,
    generated::{Declared, GeneratedConnector, SettingInfo},
    read::keys::{self, Home, Key},
    read::secret_source,
    shape::Shape,
};

/// A complete, commented configuration of a connector. It loads as it is: what has to be there has an example.
pub fn template<C: GeneratedConnector>() -> String {
    template_of(&Declared::of::<C>())
}

/// [`template`] of a connector whose type is not known.
#[doc(hidden)]
pub fn template_of(connector: &Declared) -> String {
    let info = connector.info;
    let mut out = Template::default();
    out.comment(&format!("{} {}\n{}", info.name, info.version, info.about));
    out.comment("\nEvery key stands here with its default. Remove the `#` before one to set it.");
    for key in keys::CORE {
        out.entry(&Entry::common(key, Home::Root), overriding(key));
    }
    let how = secret_source::how_to_give(environment::TOKEN);
    out.line("");
    out.comment(&format!("The token by which the broker knows the connector, for `https`. Never in this file: {how}."));
    out.line(&format!("\n[{}]", info.section));
    out.keys(info.section, info.settings);
    let list = format!("{}.{}", info.section, keys::MAPPING_LISTS[0]);
    out.line(&format!("\n# Which topics are read, and what each is for: one such table a topic.\n[[{list}]]"));
    for key in keys::MAPPING {
        out.entry(&Entry::mapping(key, connector.mapping_defaults), None);
    }
    out.keys(&list, connector.mapping);
    out.text
}

fn overriding(key: &Key) -> Option<&'static str> {
    keys::VARIABLES.iter().find(|(name, _)| *name == key.name).map(|(_, variable)| *variable)
}

/// The default of the root's key of this name.
fn of_root(name: &str) -> Option<String> {
    let key = keys::CORE.iter().find(|key| key.name == name)?;
    match Entry::common(key, Home::Root).without {
        Without::Default(value) => Some(value),
        _ => None,
    }
}

#[derive(Default)]
struct Template {
    text: String,
}

impl Template {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.line(format!("# {line}").trim_end());
        }
    }

    /// The connector's own keys of a table, the plain ones before the tables in it.
    fn keys(&mut self, path: &str, settings: &[SettingInfo]) {
        for setting in settings {
            match (setting.secret_env, setting.shape) {
                (Some(variable), _) => self.secret(setting, variable),
                (None, Shape::Table(_)) => {}
                (None, _) => self.entry(&Entry::own(setting), None),
            }
        }
        for setting in settings {
            if let Shape::Table(inner) = setting.shape {
                let path = format!("{path}.{}", setting.key);
                self.line("");
                self.comment(&Entry::own(setting).doc);
                self.line(&format!("[{path}]"));
                self.keys(&path, inner);
            }
        }
    }

    fn secret(&mut self, setting: &SettingInfo, variable: &str) {
        let need = if setting.optional { "Optional." } else { "Required." };
        self.line("");
        self.comment(&Entry::own(setting).doc);
        self.comment(&format!(
            "Secret `{}`, never in this file: the variable {variable}, or {variable}_FILE with the name of a file. {need}",
            setting.key
        ));
    }

    fn entry(&mut self, entry: &Entry, variable: Option<&str>) {
        let Entry { name, shape, doc, without, aliases } = entry;
        self.line("");
        self.comment(doc);
        let mut about = format!("{}.", spell(shape));
        let (value, set) = match without {
            Without::Required => (example(shape), true),
            Without::Default(value) => (Some(value.clone()), false),
            Without::From(_) => (of_root(name).or_else(|| example(shape)), false),
            // Not the topic that is read: rejected records would come back for ever.
            Without::Nothing if matches!(shape, Shape::Topic) => (Some("\"/default/rejected\"".to_owned()), false),
            Without::Nothing => (example(shape), false),
        };
        // Writing to a string cannot fail.
        let _ = match without {
            Without::Required => write!(about, " Required."),
            Without::Default(value) => write!(about, " Default: {value}."),
            Without::From(place) => write!(about, " Default: {place}."),
            Without::Nothing => write!(about, " Optional."),
        };
        if let Some(variable) = variable {
            let _ = write!(about, " The variable {variable} is stronger.");
        }
        for alias in aliases {
            let _ = write!(about, " Also written `{alias}`.");
        }
        self.comment(&about);
        let mark = if set { "" } else { "#" };
        self.line(&format!("{mark}{name} = {}", value.as_deref().unwrap_or("\"…\"")));
    }
}
