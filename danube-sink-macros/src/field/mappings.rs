//! `#[topic_mappings(…)]`: defaults for common keys that a mapping of the file leaves out.

use danube_sink_config::{private::reserved, schema::ValueType};

use super::{
    arguments::{Arguments, Grammar},
    literal::Literal,
    model::{RawField, RawHelper, Role},
    syntax::type_word,
};
use crate::diagnostics::Diagnostics;

const OF_ONE_MAPPING: &str = "each mapping of the file has its own";
const IN_THE_FILE: &str = "remove it, and write the key into each `[[….topic_mappings]]` of the file";
const REFUSED: [(&str, &str, &str); 5] = [
    (
        "env",
        "topic mappings are read from the file and cannot be overridden",
        "remove `env`; the environment sets DANUBE_SERVICE_URL, CONNECTOR_NAME and secrets",
    ),
    ("topic", OF_ONE_MAPPING, IN_THE_FILE),
    ("subscription", OF_ONE_MAPPING, IN_THE_FILE),
    ("consumer_name", OF_ONE_MAPPING, IN_THE_FILE),
    ("default", "a default is written for one key", "write the key itself, such as `batch_size = 500`"),
];

pub(super) fn check(field: &RawField, helper: &RawHelper, diagnostics: &mut Diagnostics) -> Option<Role> {
    let ty = &field.ty;
    if let Some(cfg) = field.cfg.first() {
        diagnostics.push(
            cfg,
            "a connector has topic mappings in every build",
            "remove the `#[cfg]`, and put it on fields of the struct that derives `TopicMapping`",
        );
    }
    if type_word(ty).is_none_or(|word| word != "TopicMappings") {
        diagnostics.push(
            ty,
            "`#[topic_mappings]` is for a field of type `TopicMappings`",
            "write `TopicMappings<T>`, where `T` derives `TopicMapping`, or `TopicMappings` if the common keys are enough",
        );
    }
    let keys: Vec<(&str, ValueType)> = reserved::mapping_defaults().collect();
    let known: Vec<&str> = keys.iter().map(|(key, _)| *key).collect();
    let grammar = Grammar { attribute: "#[topic_mappings]", known: &known, lists: &[], refused: &REFUSED };
    let arguments = Arguments::read(helper.arguments.clone(), &grammar, diagnostics)?;
    let defaults = keys
        .iter()
        .filter_map(|(key, value_type)| Some((*key, check_default(key, value_type, &arguments, diagnostics)?)));
    Some(Role::TopicMappings { defaults: defaults.map(|(key, value)| (key.to_owned(), value.to_toml())).collect() })
}

fn check_default(
    key: &str,
    value_type: &ValueType,
    arguments: &Arguments,
    diagnostics: &mut Diagnostics,
) -> Option<Literal> {
    let value = arguments.value(key, "…", diagnostics)?;
    let Some(literal) = Literal::read(value) else {
        diagnostics.push(value, "a default is a literal", "write a string, a number or `true`");
        return None;
    };
    if let Some(violation) = literal.violation(value_type) {
        diagnostics.push(value, format!("`{key}`: {}", violation.message), violation.help);
        return None;
    }
    Some(literal)
}
