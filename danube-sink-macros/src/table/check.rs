//! Every error in a struct whose fields are keys.

use danube_sink_config::private::reserved;
use syn::{Data, DeriveInput, Fields, Meta, Path};

use super::model::{CheckedTable, Kind};
use crate::{
    diagnostics::Diagnostics,
    field::{
        arguments::{Arguments, Grammar},
        check as field,
        model::{CheckedField, Owner, Role},
        syntax,
    },
};

const OF_A_FIELD: &str = "a struct of keys has no such argument";
const MOVE: &str = "move it to the field that it is for";

const GRAMMAR: Grammar<'_> = Grammar {
    attribute: "#[setting]",
    known: &["validate"],
    lists: &[],
    refused: &[
        ("default", OF_A_FIELD, MOVE),
        ("rename", OF_A_FIELD, MOVE),
        ("range", OF_A_FIELD, MOVE),
        ("length", OF_A_FIELD, MOVE),
        ("one_of", OF_A_FIELD, MOVE),
        ("items", OF_A_FIELD, MOVE),
        ("example", OF_A_FIELD, MOVE),
        ("secret", OF_A_FIELD, MOVE),
        ("env", OF_A_FIELD, MOVE),
    ],
};

pub(crate) fn check(item: &DeriveInput, kind: Kind, diagnostics: &mut Diagnostics) -> Option<CheckedTable> {
    check_no_generics(item, kind, diagnostics);
    let validate = check_arguments(item, kind, diagnostics);
    let fields = check_named_fields(item, kind, diagnostics)?;
    let raw = syntax::read(fields);
    let owner = match kind {
        Kind::Mapping => Owner::Mapping,
        Kind::Setting => Owner::Table,
    };
    let mut fields: Vec<CheckedField> =
        raw.into_iter().filter_map(|field| field::check(field, owner, "", diagnostics)).collect();
    for field in &fields {
        check_is_key(field, kind, diagnostics);
    }
    field::check_keys_differ(&fields, diagnostics);
    field::check_names_differ(&mut fields, diagnostics);
    field::check_variables_differ(&fields, diagnostics);
    field::check_variable_keys(&fields, diagnostics);
    Some(CheckedTable { kind, name: item.ident.clone(), fields, validate })
}

fn check_no_generics(item: &DeriveInput, kind: Kind, diagnostics: &mut Diagnostics) {
    if !item.generics.params.is_empty() {
        diagnostics.push(
            &item.generics.params,
            format!("{} has no generic parameters: its keys are those of a file", kind.title()),
            "remove them, and write the types of the fields out",
        );
    }
}

/// The check of the table as a whole.
fn check_arguments(item: &DeriveInput, kind: Kind, diagnostics: &mut Diagnostics) -> Option<Path> {
    let mut validate = None;
    for helper in syntax::helpers_among(&item.attrs) {
        match &helper.meta {
            Meta::List(list) if validate.is_none() && helper.path().is_ident("setting") => {
                validate = Arguments::read(list.tokens.clone(), &GRAMMAR, diagnostics)?.path("validate", diagnostics);
            }
            _ => diagnostics.push(
                helper,
                format!("{} has its attributes on its fields, but for one check of all", kind.title()),
                "remove it, or move it to the field that it is for",
            ),
        }
    }
    validate
}

fn check_named_fields<'i>(item: &'i DeriveInput, kind: Kind, diagnostics: &mut Diagnostics) -> Option<&'i Fields> {
    match &item.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Some(&data.fields),
        _ => {
            let name = &item.ident;
            let or = match kind {
                Kind::Mapping => "use `TopicMappings<()>` without a struct",
                Kind::Setting => "write `impl Setting for` it",
            };
            diagnostics.push(
                name,
                format!("{} is a struct whose fields have names: they are its keys", kind.title()),
                format!("write `struct {name} {{ key: Type, … }}`, or {or}"),
            );
            None
        }
    }
}

/// A table has keys and nothing else, and a mapping none that every mapping has already.
fn check_is_key(field: &CheckedField, kind: Kind, diagnostics: &mut Diagnostics) {
    match &field.role {
        Role::Setting(setting) if kind == Kind::Mapping && reserved::is_mapping_key(&setting.key) => diagnostics.push(
            &setting.places.key,
            format!("every topic mapping has the key `{}`", setting.key),
            "remove this field: the runtime reads it, and `Mapping::settings` holds it; or choose another name",
        ),
        Role::Setting(_) => {}
        Role::TopicMappings { .. } | Role::State => diagnostics.push(
            &field.name,
            format!("{} has keys and nothing else", kind.title()),
            "remove the attribute, or move this field to the connector's struct",
        ),
    }
}
