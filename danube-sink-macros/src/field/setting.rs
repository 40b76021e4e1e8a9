//! `#[setting(…)]`: one key of the file, or a secret of the environment.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::{
    arguments::{Arguments, Grammar},
    constraint, default,
    literal::Literal,
    model::{CheckedSetting, Owner, Places, RawField, RawHelper, Role, SettingDefault},
    source,
    syntax::{key, type_word},
};
use crate::diagnostics::Diagnostics;

const GRAMMAR: Grammar<'_> = Grammar {
    attribute: "#[setting]",
    known: &["default", "rename", "range", "length", "one_of", "items", "validate", "example", "secret", "env"],
    lists: &["default", "items"],
    refused: &[
        ("min", "bounds are written as a range", "write `range = 1..`, or `length = 1..` for a string, array or map"),
        (
            "max",
            "bounds are written as a range",
            "write `range = ..=100`, or `length = ..=64` for a string, array or map",
        ),
        ("name", "a key is named by `rename`", "write `rename = \"…\"`"),
        ("optional", "the type says whether a key is optional", "remove it, and write `Option<…>` as the type"),
        ("required", "a key is required unless it has a default", "remove it"),
        ("help", "the doc comment is the help of a key", "remove it, and write `/// …` above the field"),
    ],
};

/// The arguments that a secret cannot have, and why.
const NOT_OF_A_SECRET: [(&str, &str); 7] = [
    ("default", "a secret has no default: it would be in the code"),
    ("example", "a secret has no example: it would be in the template"),
    ("range", "a secret has no range"),
    ("length", "the length of a secret is not validated: a report would tell it"),
    ("one_of", "a secret with few possible values is easily guessed"),
    ("items", "a secret has no items"),
    ("validate", "a secret is not validated here: a report could show it"),
];

/// Checks a field that is a setting. `section` begins the variables of a connector's secrets.
pub(super) fn check(
    field: &RawField,
    helper: Option<&RawHelper>,
    owner: Owner,
    section: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Role> {
    let tokens = helper.map(|helper| helper.arguments.clone()).unwrap_or_default();
    let arguments = Arguments::read(tokens, &GRAMMAR, diagnostics)?;
    check_is_no_mappings(field, diagnostics)?;
    let (key, key_place) = check_key(field, &arguments, diagnostics);
    let default_variable = format!("{section}_{key}").to_uppercase().replace('-', "_");
    let (source, variable_place) = source::check(&field.name, owner, default_variable, &arguments, diagnostics);
    let mut checked = CheckedSetting {
        owner,
        ty: field.ty.clone(),
        source,
        key,
        help: field.help.clone(),
        default: SettingDefault::None,
        example: None,
        constraints: Vec::new(),
        items: Vec::new(),
        validate: None,
        places: Places { key: key_place, variable: variable_place },
    };
    if checked.source.is_secret() {
        refuse_arguments_of_secret(&arguments, diagnostics);
    } else {
        checked.constraints = constraint::read(&arguments, diagnostics);
        checked.items = constraint::read_items(&arguments, diagnostics);
        checked.default = default::read(&arguments, diagnostics);
        checked.example = read_example(&checked.default, &arguments, diagnostics);
        checked.validate = arguments.path("validate", diagnostics);
    }
    Some(Role::Setting(Box::new(checked)))
}

/// Topic mappings without their attribute would be a setting of a type that is none.
fn check_is_no_mappings(field: &RawField, diagnostics: &mut Diagnostics) -> Option<()> {
    if type_word(&field.ty).is_some_and(|word| word == "TopicMappings") {
        diagnostics.push(&field.name, "topic mappings are not a setting", "put `#[topic_mappings]` on this field");
        return None;
    }
    Some(())
}

fn refuse_arguments_of_secret(arguments: &Arguments, diagnostics: &mut Diagnostics) {
    for (argument, name, why) in
        NOT_OF_A_SECRET.iter().filter_map(|(name, why)| Some((arguments.get(name)?, name, why)))
    {
        let help = match *name {
            "default" => "remove `default`, and write `Option<Secret>` if the connector works without it".to_owned(),
            "example" => "remove `example`".to_owned(),
            _ => format!("remove `{name}`; `initialize` fails if the target does not accept the secret"),
        };
        diagnostics.push(&argument.name, why, help);
    }
}

/// The key, and its place.
fn check_key(field: &RawField, arguments: &Arguments, diagnostics: &mut Diagnostics) -> (String, TokenStream) {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_good = |key: &str| !key.is_empty() && key.bytes().all(good);
    let Some(name) = arguments.string("rename", diagnostics) else {
        let key = key(&field.name);
        if arguments.get("rename").is_none() && !is_good(&key) {
            let help = "name the key with `#[setting(rename = \"…\")]`: ASCII letters, digits, `_` and `-`";
            diagnostics.push(&field.name, format!("`{key}` is not the name of a key"), help);
        }
        return (key, field.name.to_token_stream());
    };
    let key = name.value();
    if !is_good(&key) {
        diagnostics.push(&name, "not the name of a key", "write ASCII letters, digits, `_` and `-`");
    }
    (key, name.to_token_stream())
}

fn read_example(
    default: &SettingDefault,
    arguments: &Arguments,
    diagnostics: &mut Diagnostics,
) -> Option<(Literal, TokenStream)> {
    let value = arguments.value("example", "\"…\"", diagnostics)?;
    if let SettingDefault::Literal(..) = default {
        diagnostics.push(
            value,
            "a key with a default needs no example",
            "remove `example`: the template shows the default",
        );
    }
    let literal = Literal::read(value);
    if literal.is_none() {
        diagnostics.push(value, "an example is a literal", default::LITERAL);
    }
    Some((literal?, value.to_token_stream()))
}

/// The key of a table that names the variable of a secret.
pub(crate) fn variable_key(secret: &str) -> String {
    format!("{secret}_env")
}
