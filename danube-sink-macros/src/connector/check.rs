//! [`RawConnector`] → [`CheckedConnector`]: one function per promise, in the order in which an author meets them.

use danube_sink_config::private::reserved;
use quote::ToTokens;
use syn::{Fields, Generics, LitStr, ext::IdentExt};

use super::model::{CheckedConnector, RawConnector};
use crate::{
    diagnostics::Diagnostics,
    field::{
        check as field,
        model::{CheckedField, Owner, RawField, Role},
    },
    names,
};

pub(crate) fn check(raw: RawConnector, diagnostics: &mut Diagnostics) -> Option<CheckedConnector> {
    check_no_generics(raw.generics(), diagnostics);
    let section = check_section(&raw, diagnostics);
    check_config(raw.config.as_ref(), diagnostics);
    let fields = check_fields(raw.fields, &raw.item, &section, diagnostics)?;
    Some(CheckedConnector {
        section,
        config: raw.config,
        name: check_not_empty("name", raw.name.as_ref(), diagnostics),
        version: check_not_empty("version", raw.version.as_ref(), diagnostics),
        dev_hint: raw.dev_hint.as_ref().map(LitStr::value),
        validate: raw.validate,
        validate_external: raw.validate_external,
        main: raw.main.is_none_or(|main| main.value),
        fields,
        about: raw.about,
        item: raw.item,
    })
}

/// The generated `main` must know the type.
fn check_no_generics(generics: &Generics, diagnostics: &mut Diagnostics) {
    if !generics.params.is_empty() {
        diagnostics.push(
            &generics.params,
            "a connector has no generic parameters: its configuration decides what it is made of",
            "remove them; hold what varies behind `Box<dyn …>` in a `#[state]` field",
        );
    }
}

fn check_section(raw: &RawConnector, diagnostics: &mut Diagnostics) -> String {
    let (section, place, another) = match &raw.section {
        Some(literal) => (literal.value(), literal.to_token_stream(), "choose another name"),
        None => {
            let section = names::snake_case(&raw.ident().unraw().to_string());
            (section, raw.ident().to_token_stream(), "name the section with `#[sink_connector(section = \"…\")]`")
        }
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if reserved::is_root_key(&section) {
        let message = format!("`{section}` is taken: it is a key of every configuration's root");
        diagnostics.push(place, message, another);
    } else if section.is_empty() || !section.bytes().all(good) {
        let help = match &raw.section {
            Some(_) => "write letters, digits, `_` and `-`".to_owned(),
            None => format!("{another}: ASCII letters, digits, `_` and `-`"),
        };
        diagnostics.push(place, "not the name of a table", help);
    }
    section
}

fn check_config(config: Option<&LitStr>, diagnostics: &mut Diagnostics) {
    if let Some(literal) = config.filter(|literal| !literal.value().ends_with(".toml")) {
        diagnostics.push(literal, "the configuration is a TOML file", "write `config = \"connector.toml\"`");
    }
}

fn check_not_empty(argument: &str, literal: Option<&LitStr>, diagnostics: &mut Diagnostics) -> Option<String> {
    let literal = literal?;
    if literal.value().trim().is_empty() {
        diagnostics.push(
            literal,
            format!("the {argument} is empty"),
            format!("remove `{argument}`: without it, it is the package's"),
        );
    }
    Some(literal.value())
}

fn check_fields(
    fields: Vec<RawField>,
    item: &syn::ItemStruct,
    section: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<CheckedField>> {
    if matches!(item.fields, Fields::Unnamed(_)) {
        diagnostics.push(
            &item.fields,
            "a connector's fields have names: they are the keys of its configuration",
            format!("write `struct {} {{ name: Type, … }}`", item.ident),
        );
        return None;
    }
    let count = fields.len();
    let mut fields: Vec<CheckedField> =
        fields.into_iter().filter_map(|raw| field::check(raw, Owner::Connector, section, diagnostics)).collect();
    check_keys(&fields, diagnostics);
    field::check_keys_differ(&fields, diagnostics);
    field::check_names_differ(&mut fields, diagnostics);
    field::check_variables_differ(&fields, diagnostics);
    field::check_variable_keys(&fields, diagnostics);
    // An invalid field may have been the one.
    if fields.len() == count {
        check_one_array_of_mappings(&fields, item, diagnostics);
    }
    Some(fields)
}

/// A key means one thing in the whole file.
fn check_keys(fields: &[CheckedField], diagnostics: &mut Diagnostics) {
    for setting in fields.iter().filter_map(CheckedField::setting) {
        let key = &setting.key;
        if reserved::is_mapping_list(key) {
            diagnostics.push(
                &setting.places.key,
                format!("`{key}` is the array of topic mappings in every section"),
                "choose another name, or put `#[topic_mappings]` on the field",
            );
        } else if reserved::is_core_key(key) {
            diagnostics.push(
                &setting.places.key,
                format!("`{key}` is a key of every connector, at the root of the file"),
                "choose another name or `rename`: two keys of one name are easily confused; `ConnectorConfig` has its value",
            );
        }
    }
}

fn check_one_array_of_mappings(fields: &[CheckedField], item: &syn::ItemStruct, diagnostics: &mut Diagnostics) {
    let mut arrays = fields.iter().filter(|field| matches!(field.role, Role::TopicMappings { .. }));
    if arrays.next().is_none() {
        diagnostics.push(
            &item.ident,
            "the connector has no topic mappings",
            "add a field `#[topic_mappings] topics: TopicMappings`",
        );
    }
    for another in arrays {
        diagnostics.push(
            &another.name,
            "a connector has one array of topic mappings",
            "remove this field, and give the mappings of the other one the keys that they need",
        );
    }
}
