//! Every mistake in a mapping's struct.

use syn::{Data, DeriveInput, Fields};

use super::model::CheckedMapping;
use crate::{
    diagnostics::Diagnostics,
    field::{
        check as field,
        model::{CheckedField, Role},
        syntax,
    },
};

/// The keys that every mapping has.
const COMMON: [&str; 21] = [
    "topic",
    "from",
    "subscription",
    "subscription_type",
    "consumer_name",
    "expected_schema_subject",
    "expected_schema_version",
    "min_schema_version",
    "batch_size",
    "batch_bytes",
    "flush_interval_ms",
    "ack_timeout_ms",
    "payload_format",
    "avro_encoding",
    "avro_reader_schema",
    "protobuf_message",
    "number_encoding",
    "validate_json_schema",
    "show_payload_in_errors",
    "on_invalid_record",
    "dead_letter_topic",
];

pub(crate) fn check(item: &DeriveInput, diagnostics: &mut Diagnostics) -> Option<CheckedMapping> {
    check_no_generics(item, diagnostics);
    let fields = check_named_fields(item, diagnostics)?;
    let raw = syntax::read(fields);
    let fields: Vec<CheckedField> = raw.into_iter().filter_map(|field| field::check(field, "", diagnostics)).collect();
    for field in &fields {
        check_is_plain_key(field, diagnostics);
    }
    Some(CheckedMapping { name: item.ident.clone(), fields })
}

fn check_no_generics(item: &DeriveInput, diagnostics: &mut Diagnostics) {
    if !item.generics.params.is_empty() {
        diagnostics.push(
            &item.generics.params,
            "a topic mapping has no generic parameters: its keys are those of a file",
            "remove them, and write the types of the fields out",
        );
    }
}

fn check_named_fields<'i>(item: &'i DeriveInput, diagnostics: &mut Diagnostics) -> Option<&'i Fields> {
    match &item.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Some(&data.fields),
        _ => {
            diagnostics.push(
                &item.ident,
                "a topic mapping is a struct whose fields have names: they are its keys",
                format!(
                    "write `struct {} {{ key: Type, … }}`, or use `TopicMappings<()>` without a struct",
                    item.ident
                ),
            );
            None
        }
    }
}

/// A mapping has keys and nothing else, and none that every mapping has already.
fn check_is_plain_key(field: &CheckedField, diagnostics: &mut Diagnostics) {
    match &field.role {
        Role::Setting(setting) if setting.secret_env.is_some() => diagnostics.push(
            &field.name,
            "a mapping has no secrets: it is read from the file, and there may be many",
            "move this field to the connector's struct",
        ),
        Role::Setting(setting) if COMMON.contains(&setting.key.as_str()) => diagnostics.push(
            &field.name,
            format!("every topic mapping has the key `{}`", setting.key),
            "remove this field: the runtime reads it, and `Mapping::settings` holds it; or choose another name",
        ),
        Role::Setting(_) => {}
        Role::TopicMappings | Role::State => diagnostics.push(
            &field.name,
            "a topic mapping has keys and nothing else",
            "remove the attribute, or move this field to the connector's struct",
        ),
    }
}
