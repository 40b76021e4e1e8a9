//! [`RawField`] → [`CheckedField`], with every mistake in its attributes; and what shows in all fields together.

use danube_sink_config::private::reserved;

use super::{
    mappings,
    model::{CheckedField, Helper, RawField, RawHelper, Role},
    setting,
};
use crate::diagnostics::Diagnostics;

/// Checks one field. `secret_prefix` begins the variables of the secrets.
pub(crate) fn check(field: RawField, secret_prefix: &str, diagnostics: &mut Diagnostics) -> Option<CheckedField> {
    let helper = check_one_helper(&field, diagnostics);
    let role = match helper.map(|helper| (helper.kind, helper)) {
        Some((Helper::State, helper)) => {
            check_no_arguments(helper, diagnostics);
            Role::State
        }
        Some((Helper::TopicMappings, helper)) => mappings::check(&field.ty, helper, diagnostics)?,
        Some((Helper::Setting, _)) | None => setting::check(&field, helper, secret_prefix, diagnostics)?,
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

/// One table has no key twice.
pub(crate) fn check_keys_differ(fields: &[CheckedField], diagnostics: &mut Diagnostics) {
    let settings: Vec<_> = fields.iter().filter_map(CheckedField::setting).collect();
    for (index, setting) in settings.iter().enumerate() {
        if settings[..index].iter().any(|other| other.key == setting.key) {
            diagnostics.push(
                &setting.places.key,
                format!("another field has the key `{}` already", setting.key),
                "choose another name, or another `rename = \"…\"`",
            );
        }
    }
}

/// A variable means one thing: a secret, the file of one, or a setting of every connector.
pub(crate) fn check_variables_differ(fields: &[CheckedField], diagnostics: &mut Diagnostics) {
    let mut seen: Vec<&str> = Vec::new();
    for setting in fields.iter().filter_map(CheckedField::setting) {
        let Some(name) = &setting.secret_env else { continue };
        let help = "name another one with `#[setting(secret, env = \"…\")]`";
        if reserved::is_variable(name) || reserved::is_variable(&format!("{name}_FILE")) {
            diagnostics.push(&setting.places.variable, format!("the variable {name} means something else"), help);
        } else if seen.contains(&name.as_str()) {
            diagnostics.push(&setting.places.variable, format!("another secret has the variable {name}"), help);
        }
        seen.push(name);
    }
}
