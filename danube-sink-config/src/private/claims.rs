//! Claims on the types of a connector's settings, which only the compiler can check. Each one that does not hold is an error
//! of the build, at the place in the attribute that it is about.

use crate::{
    load::ConnectorInfo,
    schema::{
        ConstStr, InvalidConstraint, KeySpec, TableKeys, ValueRef, ValueSource, ValueType, each, key_spec::find,
        suggest,
    },
};

/// Stops the compiler at a constraint that the type cannot have. `number` is that of the constraint.
///
/// # Panics
/// In a constant, as an error of the build.
#[track_caller]
pub const fn assert_constraint(invalid: Option<(usize, InvalidConstraint)>, number: usize) {
    if let Some((at, invalid)) = invalid
        && at == number
    {
        stop(ConstStr::new(invalid.message), invalid.help);
    }
}

/// Stops the compiler at a default or an example that the type cannot have. `what` begins the message.
///
/// # Panics
/// In a constant, as an error of the build.
#[track_caller]
pub const fn assert_fits(what: &str, value_type: &ValueType, value: &ValueRef<'_>) {
    if let Some(violation) = value_type.violation(value) {
        let message = ConstStr::new("the ").with(what).with(" does not fit: ").with(violation.message.as_str());
        stop(message, violation.help.as_str());
    }
}

/// Stops the compiler at defaults for the keys of a type that is no table.
///
/// # Panics
/// In a constant, as an error of the build.
#[track_caller]
pub const fn assert_table(value_type: &ValueType) {
    if !matches!(value_type, ValueType::Table(_)) {
        stop(
            ConstStr::new("only a table has keys with defaults"),
            "write `default = …`, or a struct that derives `Setting` as the type",
        );
    }
}

/// Stops the compiler at the default of a key that a table does not have, or that is a secret.
///
/// # Panics
/// In a constant, as an error of the build.
#[track_caller]
pub const fn assert_key(value_type: &ValueType, key: &str) {
    let ValueType::Table(keys) = value_type else { return };
    match find(keys, key) {
        Some(spec) if spec.is_secret() => {
            stop(ConstStr::new("a secret has no default: it would be in the code"), "remove it");
        }
        Some(_) => {}
        None => {
            if let Some(violation) = (TableKeys { title: "the table", keys, known: &[] }).unknown_key(key, None) {
                stop(violation.message, violation.help.as_str());
            }
        }
    }
}

/// The values of a key in a table; any, if [`assert_key`] stops the compiler.
pub const fn type_of_key(value_type: &ValueType, key: &str) -> ValueType {
    match find(value_type.keys(), key) {
        Some(spec) if !spec.is_secret() => spec.value_type,
        _ => ValueType::Any,
    }
}

/// Stops the compiler at a secret of another type, at a `Secret` that is not declared as one, and at variables for the keys
/// of tables of which there may be `many`, as there are of topic mappings.
///
/// # Panics
/// In a constant, as an error of the build.
#[track_caller]
pub const fn assert_source(spec: &KeySpec, many: bool) {
    match (spec.is_secret(), matches!(spec.value_type, ValueType::Secret)) {
        (true, false) => stop(
            ConstStr::new("a secret has the type `Secret` or `Option<Secret>`, so that it does not print"),
            "write `Secret`, and call `expose()` where the value is needed",
        ),
        (false, true) => stop(
            ConstStr::new("a secret is read from the environment, not from the file"),
            "put `#[setting(secret)]` on this field",
        ),
        _ => assert_one_value(&spec.value_type, many),
    }
}

/// A variable has one value, and cannot override that of several tables.
#[track_caller]
const fn assert_one_value(value_type: &ValueType, many: bool) {
    match value_type {
        ValueType::Array { of, .. } | ValueType::Map { of, .. } => assert_one_value(of, true),
        ValueType::Table(keys) => each!(key in *keys => {
            if let ValueSource::FileOrVariable(name) = key.source
                && many
            {
                let message = ConstStr::new("the variable ").with(name).with(" would override `");
                stop(
                    message.with(key.name).with("` in every table, of which there may be many"),
                    "remove `env` from that key, or use another type here",
                );
            }
            assert_one_value(&key.value_type, many);
        }),
        _ => {}
    }
}

/// Stops the compiler at a variable that overrides a key and is read for another one too.
///
/// # Panics
/// In a constant, as an error of the build.
#[track_caller]
pub const fn assert_variables_differ(connector: &ConnectorInfo) {
    assert_unique_variables(connector.keys, connector);
}

#[track_caller]
const fn assert_unique_variables(keys: &[KeySpec], connector: &ConnectorInfo) {
    let path = connector.section;
    each!(key in keys => {
        // Two tables may share a secret: beside each is the key that names another variable.
        if let ValueSource::FileOrVariable(name) = key.source
            && uses(connector.keys, path, name) + uses(connector.mapping_keys, path, name) > 1
        {
            stop(
                ConstStr::new("two keys are read from the variable ").with(name),
                "name another variable with `env = \"…\"` on one of them",
            );
        }
        assert_unique_variables(key.value_type.keys(), connector);
    });
}

/// How many keys of a table of this path are read from a variable, with those of the tables within.
const fn uses(keys: &[KeySpec], path: &str, variable: &str) -> usize {
    let mut count = 0;
    each!(key in keys => {
        if let Some(name) = key.variable(path) {
            let is_file = key.is_secret() && suggest::is_same(name.with("_FILE").as_str(), variable);
            count += (is_file || suggest::is_same(name.as_str(), variable)) as usize;
        }
        let within = key.value_type.keys_within();
        if !within.is_empty() {
            count += uses(within, ConstStr::new(path).with(".").with(key.name).as_str(), variable);
        }
    });
    count
}

#[track_caller]
const fn stop(message: ConstStr, help: &str) -> ! {
    panic!("{}", message.with("\nhelp: ").with(help).as_str())
}
