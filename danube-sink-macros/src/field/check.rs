//! [`RawField`] → [`CheckedField`], with every error in its attributes; and the errors that only all fields together show.

use danube_sink_config::private::reserved;

use super::{
    emit::key_name,
    mappings,
    model::{CheckedField, CheckedSetting, Helper, Owner, RawField, RawHelper, Role},
    setting,
};
use crate::diagnostics::Diagnostics;

/// Checks one field of a struct. `section` is that of a connector, whose secrets it names.
pub(crate) fn check(
    field: RawField,
    owner: Owner,
    section: &str,
    diagnostics: &mut Diagnostics,
) -> Option<CheckedField> {
    check_unconditional(&field, diagnostics)?;
    let helper = check_one_helper(&field, diagnostics);
    let role = match helper.map(|helper| (helper.kind, helper)) {
        Some((Helper::State, helper)) => {
            check_no_arguments(helper, diagnostics);
            Role::State
        }
        Some((Helper::TopicMappings, helper)) => mappings::check(&field, helper, diagnostics)?,
        Some((Helper::Setting, _)) | None => setting::check(&field, helper, owner, section, diagnostics)?,
    };
    Some(CheckedField { name: field.name, ty: field.ty, role, cfg: field.cfg })
}

/// A macro does not know which conditions are true.
fn check_unconditional(field: &RawField, diagnostics: &mut Diagnostics) -> Option<()> {
    for (helper, path) in &field.conditional {
        let word = helper.word();
        diagnostics.push(
            path,
            format!("`#[{word}]` cannot be in a `#[cfg_attr(…)]`"),
            format!("write the field twice, with and without `#[{word}]`, each under its `#[cfg(…)]`"),
        );
    }
    field.conditional.is_empty().then_some(())
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

/// State is not configuration at all.
fn check_no_arguments(helper: &RawHelper, diagnostics: &mut Diagnostics) {
    if !helper.arguments.is_empty() {
        let word = helper.kind.word();
        diagnostics.push(
            &helper.arguments,
            format!("`#[{word}]` takes no arguments"),
            format!("write `#[{word}]`; what is configured is a `#[setting]`"),
        );
    }
}

/// One table has no key twice. Of fields under `#[cfg]`, the compiler may keep one.
pub(crate) fn check_keys_differ(fields: &[CheckedField], diagnostics: &mut Diagnostics) {
    let settings = || fields.iter().filter(|field| field.cfg.is_empty()).filter_map(CheckedField::setting);
    for (index, setting) in settings().enumerate() {
        let key = &setting.key;
        if settings().take(index).any(|other| other.key == *key) {
            diagnostics.push(
                &setting.places.key,
                format!("another field has the key `{key}` already"),
                "choose another name, or another `rename = \"…\"`",
            );
        }
    }
}

/// Removes fields whose names differ from another's in case only: the constants of their keys would have one name.
pub(crate) fn check_names_differ(fields: &mut Vec<CheckedField>, diagnostics: &mut Diagnostics) {
    let mut seen = Vec::new();
    fields.retain(|field| {
        let name = key_name(&field.name);
        if field.setting().is_none() || !field.cfg.is_empty() {
            return true;
        }
        let differs = !seen.contains(&name);
        if !differs {
            let help = "choose another name; `#[setting(rename = \"…\")]` names the key";
            diagnostics.push(&field.name, "the name differs from another field's in case only", help);
        }
        seen.push(name);
        differs
    });
}

/// A variable means one thing: a setting, a secret, the file of one, or a setting of every connector.
pub(crate) fn check_variables_differ(fields: &[CheckedField], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<String> = Vec::new();
    for field in fields {
        let Some(setting) = field.setting() else { continue };
        let variables = setting.source.variables();
        let secret = if setting.source.is_secret() { "secret, " } else { "" };
        let help = format!("name another one with `#[setting({secret}env = \"…\")]`");
        if let Some(name) = variables.iter().find(|name| reserved::is_system_variable(name)) {
            diagnostics.push(&setting.places.variable, format!("{name} is a variable of the system"), help);
        } else if let Some(name) = variables.iter().find(|name| reserved::is_variable(name)) {
            diagnostics.push(&setting.places.variable, format!("every connector has the variable {name}"), help);
        } else if let Some(name) = variables.iter().find(|name| field.cfg.is_empty() && seen.contains(name)) {
            diagnostics.push(&setting.places.variable, format!("another setting has the variable {name}"), help);
        }
        seen.extend(variables);
    }
}

/// The loader takes the key for the name of the variable of the secret beside it.
pub(crate) fn check_variable_keys(fields: &[CheckedField], diagnostics: &mut Diagnostics) {
    let settings = || fields.iter().filter_map(CheckedField::setting);
    let is_taken = |setting: &&CheckedSetting| {
        settings().any(|secret| secret.source.is_secret() && setting::variable_key(&secret.key) == setting.key)
    };
    for setting in settings().filter(is_taken) {
        let help = match setting.owner {
            Owner::Connector => "choose another name; `#[setting(secret, env = \"…\")]` names the variable",
            Owner::Table | Owner::Mapping => "remove this field: the loader reads the key; or choose another name",
        };
        let message = format!("the key `{}` names the variable of the secret beside it", setting.key);
        diagnostics.push(&setting.places.key, message, help);
    }
}
