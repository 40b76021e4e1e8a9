//! [`RawField`] → [`CheckedField`], with every mistake in its attributes.

use quote::ToTokens;
use syn::Type;

use super::{
    arguments::Arguments,
    default,
    model::{CheckedField, CheckedSetting, Helper, RawField, RawHelper, Role},
    syntax::{inside_option, key, type_word},
};
use crate::diagnostics::Diagnostics;

const SETTING: [&str; 3] = ["default", "secret", "env"];

/// Checks one field. `secret_prefix` begins the variables of the secrets.
pub(crate) fn check(field: RawField, secret_prefix: &str, diagnostics: &mut Diagnostics) -> Option<CheckedField> {
    let helper = check_one_helper(&field, diagnostics);
    let role = match helper.map(|helper| helper.kind) {
        Some(Helper::State) => {
            check_no_arguments(helper?, diagnostics);
            Role::State
        }
        Some(Helper::TopicMappings) => {
            check_no_arguments(helper?, diagnostics);
            check_mappings_type(&field.ty, diagnostics);
            Role::TopicMappings
        }
        Some(Helper::Setting) | None => check_setting(&field, helper, secret_prefix, diagnostics)?,
    };
    Some(CheckedField { name: field.name, ty: field.ty, role })
}

/// A field is one thing.
fn check_one_helper<'f>(field: &'f RawField, diagnostics: &mut Diagnostics) -> Option<&'f RawHelper> {
    let [first, others @ ..] = field.helpers.as_slice() else { return None };
    for other in others {
        if other.kind == first.kind {
            let word = first.kind.word();
            diagnostics.push(
                &other.path,
                format!("`#[{word}]` is given twice"),
                "write its arguments in one attribute",
            );
        } else {
            let message = format!("a field cannot be `#[{}]` and `#[{}]`", first.kind.word(), other.kind.word());
            diagnostics.push(&other.path, message, "keep one of the two attributes");
        }
    }
    Some(first)
}

/// Mappings and subscriptions are in the file alone, and state is not configuration at all.
fn check_no_arguments(helper: &RawHelper, diagnostics: &mut Diagnostics) {
    if !helper.arguments.is_empty() {
        let word = helper.kind.word();
        let (message, help) = match helper.kind {
            Helper::TopicMappings => (
                "topic mappings are read from the file and cannot be overridden".to_owned(),
                format!("write `#[{word}]` alone; the environment sets DANUBE_SERVICE_URL, CONNECTOR_NAME and secrets"),
            ),
            _ => (format!("`#[{word}]` takes no arguments"), format!("write `#[{word}]`")),
        };
        diagnostics.push(&helper.arguments, message, help);
    }
}

fn check_mappings_type(ty: &Type, diagnostics: &mut Diagnostics) {
    if type_word(ty).is_none_or(|word| word != "TopicMappings") {
        diagnostics.push(
            ty,
            "`#[topic_mappings]` is for a field of type `TopicMappings`",
            "write `TopicMappings<T>`, where `T` derives `TopicMapping`, or `TopicMappings` if the common keys are enough",
        );
    }
}

fn check_setting(
    field: &RawField,
    helper: Option<&RawHelper>,
    secret_prefix: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Role> {
    let tokens = helper.map(|helper| helper.arguments.clone()).unwrap_or_default();
    let arguments = Arguments::read(tokens, "#[setting]", &SETTING, diagnostics);
    check_is_no_mappings(field, diagnostics)?;
    let secret = arguments.flag("secret", diagnostics);
    check_secret_type(field, secret.is_some(), diagnostics);
    check_default(field, &arguments, secret.is_some(), diagnostics);
    let key = key(&field.name);
    let variable = check_variable(&arguments, secret.is_some(), diagnostics);
    let default = arguments.get("default").and_then(|default| default::to_toml(default.value.as_ref()?));
    Some(Role::Setting(Box::new(CheckedSetting {
        ty: field.ty.clone(),
        secret_env: secret.map(|_| variable.unwrap_or_else(|| format!("{secret_prefix}_{}", key.to_uppercase()))),
        key,
        help: field.help.clone(),
        default,
        optional: inside_option(&field.ty).is_some(),
    })))
}

/// A list of mappings without its attribute would be a setting of a type that is none.
fn check_is_no_mappings(field: &RawField, diagnostics: &mut Diagnostics) -> Option<()> {
    if type_word(&field.ty).is_some_and(|word| word == "TopicMappings") {
        diagnostics.push(&field.name, "topic mappings are not a setting", "put `#[topic_mappings]` on this field");
        return None;
    }
    Some(())
}

fn check_secret_type(field: &RawField, secret: bool, diagnostics: &mut Diagnostics) {
    let is_secret = type_word(inside_option(&field.ty).unwrap_or(&field.ty)).is_some_and(|word| word == "Secret");
    match (secret, is_secret) {
        (true, false) => diagnostics.push(
            &field.ty,
            "a secret has the type `Secret` or `Option<Secret>`, so that it does not print",
            "write `Secret`, and call `expose()` where the value is needed",
        ),
        (false, true) => diagnostics.push(
            &field.ty,
            "a secret is read from the environment, not from the file",
            "put `#[setting(secret)]` on this field",
        ),
        _ => {}
    }
}

fn check_default(field: &RawField, arguments: &Arguments, secret: bool, diagnostics: &mut Diagnostics) {
    let Some(argument) = arguments.get("default") else { return };
    let Some(value) = &argument.value else {
        return diagnostics.push(
            &argument.name,
            "`default` needs a value",
            "write `default = …`, or `Option<…>` as the type",
        );
    };
    if secret {
        return diagnostics.push(
            &argument.name,
            "a secret has no default: it would stand in the code",
            "remove `default`, and write `Option<Secret>` if the connector can do without it",
        );
    }
    if default::to_toml(value).is_none() {
        return diagnostics.push(
            value,
            "a default is a literal",
            "write a text, a number, `true`, `false` or a list of them; a time is a text such as `\"10s\"`",
        );
    }
    if let Some((message, help)) = default::misfit(&field.ty, value) {
        diagnostics.push(value, message, help);
    }
}

/// Only secrets come from the environment.
fn check_variable(arguments: &Arguments, secret: bool, diagnostics: &mut Diagnostics) -> Option<String> {
    let argument = arguments.get("env")?;
    if !secret {
        diagnostics.push(
            argument.name.to_token_stream(),
            "only a secret is read from the environment",
            "remove `env`, or write `#[setting(secret, env = \"…\")]` if it is one",
        );
        return None;
    }
    let text = arguments.text("env", diagnostics)?;
    let name = text.value();
    let good = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(good) || name.starts_with(|char: char| char.is_ascii_digit()) {
        diagnostics.push(
            &text,
            "not the name of a variable",
            "write capital letters, digits and `_`, such as `API_TOKEN`",
        );
    }
    Some(name)
}
