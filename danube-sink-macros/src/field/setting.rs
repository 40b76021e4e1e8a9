//! `#[setting(…)]`: one key of the file, or a secret of the environment.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::spanned::Spanned;

use super::{
    arguments::{Arguments, Grammar},
    constraint,
    literal::Literal,
    model::{CheckedSetting, Places, RawField, RawHelper, Role},
    syntax::{inside_option, key, type_word},
};
use crate::diagnostics::Diagnostics;

const GRAMMAR: Grammar<'_> = Grammar {
    attribute: "#[setting]",
    known: &["default", "rename", "range", "length", "one_of", "validate", "secret", "env"],
    refused: &[
        ("min", "limits are said by a range", "write `range = 1..`, or `length = 1..` for a text, list or map"),
        ("max", "limits are said by a range", "write `range = ..=100`, or `length = ..=64` for a text, list or map"),
        ("name", "a key is named by `rename`", "write `rename = \"…\"`"),
        ("optional", "the type says whether a key is optional", "remove it, and write `Option<…>` as the type"),
        ("required", "a key is required unless it has a default", "remove it"),
        ("help", "the doc comment is the help of a key", "remove it, and write `/// …` above the field"),
    ],
};

/// What has no meaning for a secret, and why.
const NOT_OF_A_SECRET: [(&str, &str); 5] = [
    ("default", "a secret has no default: it would stand in the code"),
    ("range", "a secret has no range"),
    ("length", "the length of a secret is nobody's business but the target's"),
    ("one_of", "a secret that is one of a few is none"),
    ("validate", "a secret is not checked here: a message could show it"),
];

/// Checks a field that is a setting. `secret_prefix` begins the variables of the secrets.
pub(super) fn check(
    field: &RawField,
    helper: Option<&RawHelper>,
    secret_prefix: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Role> {
    let tokens = helper.map(|helper| helper.arguments.clone()).unwrap_or_default();
    let arguments = Arguments::read(tokens, &GRAMMAR, diagnostics)?;
    check_is_no_mappings(field, diagnostics)?;
    let secret = arguments.flag("secret", diagnostics).is_some();
    check_arguments_of_secret(secret, &arguments, diagnostics);
    let (key, key_place) = check_key(field, &arguments, diagnostics);
    let (secret_env, variable_place) =
        check_variable(field, &key, secret.then_some(secret_prefix), &arguments, diagnostics);
    let mut checked = CheckedSetting {
        ty: field.ty.clone(),
        secret_env,
        key,
        help: field.help.clone(),
        default: None,
        optional: inside_option(&field.ty).is_some(),
        constraints: Vec::new(),
        validate: None,
        places: Places { key: key_place, variable: variable_place },
    };
    if !secret {
        read_constraints(&mut checked, &arguments, diagnostics);
        read_default(&mut checked, &arguments, diagnostics);
        checked.validate = arguments.path("validate", diagnostics);
    }
    Some(Role::Setting(Box::new(checked)))
}

/// A list of mappings without its attribute would be a setting of a type that is none.
fn check_is_no_mappings(field: &RawField, diagnostics: &mut Diagnostics) -> Option<()> {
    if type_word(&field.ty).is_some_and(|word| word == "TopicMappings") {
        diagnostics.push(&field.name, "topic mappings are not a setting", "put `#[topic_mappings]` on this field");
        return None;
    }
    Some(())
}

fn check_arguments_of_secret(secret: bool, arguments: &Arguments, diagnostics: &mut Diagnostics) {
    let given = NOT_OF_A_SECRET.iter().filter_map(|(name, why)| Some((arguments.get(name)?, name, why)));
    for (argument, name, why) in given.filter(|_| secret) {
        let help = if *name == "default" {
            "remove `default`, and write `Option<Secret>` if the connector can do without it".to_owned()
        } else {
            format!("remove `{name}`; `initialize` fails at once if the target does not take the secret")
        };
        diagnostics.push(&argument.name, why, help);
    }
}

/// The key, and where it is said.
fn check_key(field: &RawField, arguments: &Arguments, diagnostics: &mut Diagnostics) -> (String, TokenStream) {
    let Some(text) = arguments.text("rename", diagnostics) else {
        return (key(&field.name), field.name.to_token_stream());
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let key = text.value();
    if key.is_empty() || !key.bytes().all(good) {
        diagnostics.push(&text, "not a key that a file can have", "write letters, digits, `_` and `-`");
    }
    (key, text.to_token_stream())
}

/// The variable of a secret, and where it is said. Only secrets come from the environment.
fn check_variable(
    field: &RawField,
    key: &str,
    secret_prefix: Option<&str>,
    arguments: &Arguments,
    diagnostics: &mut Diagnostics,
) -> (Option<String>, TokenStream) {
    let at_field = field.name.to_token_stream();
    let Some(prefix) = secret_prefix else {
        if let Some(argument) = arguments.get("env") {
            diagnostics.push(
                &argument.name,
                "only a secret is read from the environment",
                "remove `env`, or write `#[setting(secret, env = \"…\")]` if it is one",
            );
        }
        return (None, at_field);
    };
    let (name, place) = match arguments.text("env", diagnostics) {
        Some(text) => (text.value(), text.to_token_stream()),
        None if arguments.get("env").is_some() => return (None, at_field),
        None => (format!("{prefix}_{}", key.to_uppercase().replace('-', "_")), at_field),
    };
    let good = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(good) || name.starts_with(|char: char| char.is_ascii_digit()) {
        diagnostics.push(
            &place,
            "not the name of a variable",
            "write `env = \"…\"` in capital letters, digits and `_`, such as `API_TOKEN`",
        );
    } else if name.ends_with("_FILE") {
        diagnostics.push(
            &place,
            "a variable that ends in `_FILE` names a file that holds a secret",
            "name it with `env = \"…\"`, without `_FILE`: the connector understands both variables",
        );
    }
    (Some(name), place)
}

fn read_constraints(setting: &mut CheckedSetting, arguments: &Arguments, diagnostics: &mut Diagnostics) {
    for (name, read) in constraint::ALL {
        let Some(value) = arguments.value(name, "…", diagnostics) else { continue };
        match read(value) {
            Ok(constraint) => setting.constraints.push((constraint, value.span())),
            Err((message, help)) => diagnostics.push(value, message, help),
        }
    }
}

fn read_default(setting: &mut CheckedSetting, arguments: &Arguments, diagnostics: &mut Diagnostics) {
    let Some(argument) = arguments.get("default") else { return };
    let Some(value) = &argument.value else {
        let help = "write `default = …`, or `Option<…>` as the type";
        return diagnostics.push(&argument.name, "`default` needs a value", help);
    };
    match Literal::read(value) {
        Some(literal) => setting.default = Some((literal, value.span())),
        None => diagnostics.push(
            value,
            "a default is a literal",
            "write a string, a number, `true`, `false` or an array of them; a duration is a string such as `\"10s\"`",
        ),
    }
}
