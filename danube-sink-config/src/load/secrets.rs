//! Secrets of the environment: in a variable, or in a file that a second variable names.

use std::{fs, path::PathBuf};

use super::{connector::ConnectorInfo, loader::Loader};
use crate::{
    report::{Diagnostic, Diagnostics, SecretNames},
    schema::KeySpec,
    value::{Content, Entry, Origin, Value},
};

/// The source of a secret.
pub(crate) enum SecretSource {
    Variable(String),
    File(PathBuf),
}

/// The variable that names the file.
pub(crate) fn file_variable(variable: &str) -> String {
    format!("{variable}_FILE")
}

/// How to set a secret, as the end of a help line.
pub(crate) fn how_to_set(variable: &str) -> String {
    format!("set the variable {variable}, or {} to the path of a file with it", file_variable(variable))
}

/// Reports a secret that is in the file, and redacts its value. `what` names it in the message.
pub(crate) fn report_in_file(entry: &Entry, what: &str, variable: &str, diagnostics: &mut Diagnostics) {
    diagnostics.hide(&entry.value);
    let message = format!("{what} is a secret and must not be in the file");
    let help = format!("remove it, and {}", how_to_set(variable));
    diagnostics.push(Diagnostic::new(message, help).at(entry.key_span.clone()));
}

/// The names of keys that are secrets, and of those that are not.
pub(crate) fn secret_names(info: &ConnectorInfo) -> SecretNames<'static> {
    fn collect(keys: &'static [KeySpec], names: &mut SecretNames<'static>) {
        for spec in keys {
            let names_of_kind = if spec.is_secret() { &mut names.secret } else { &mut names.plain };
            names_of_kind.push(spec.name);
            collect(spec.value_type.keys_within(), names);
        }
    }
    let mut names = SecretNames::default();
    collect(info.keys, &mut names);
    collect(info.mapping_keys, &mut names);
    names
}

impl Loader<'_> {
    /// The source of the secret of a variable; none if it is not set, or if an error is reported.
    pub(super) fn find_secret(&mut self, variable: &str) -> Option<SecretSource> {
        let file_variable = file_variable(variable);
        match (self.variable(variable), self.variable(&file_variable)) {
            (Some(_), Some(_)) => {
                let message = format!("both {variable} and {file_variable} are set");
                self.diagnostics.push(Diagnostic::new(message, "unset one of the two variables"));
                None
            }
            (Some(value), None) => Some(SecretSource::Variable(value)),
            (None, file) => file.map(|file| SecretSource::File(file.into())),
        }
    }

    /// Reads the secret of a variable; none if it is not set, or if an error is reported.
    pub(super) fn read_secret(&mut self, variable: &str) -> Option<Value> {
        let path = match self.find_secret(variable)? {
            SecretSource::Variable(secret) => {
                return Some(Value::new(Content::Secret(secret), Origin::Variable(variable.to_owned())));
            }
            SecretSource::File(path) => path,
        };
        let file_variable = file_variable(variable);
        let in_file = format!("`{}`, which the variable {file_variable} names", path.display());
        let wrong = match fs::read_to_string(&path) {
            Ok(text) => {
                // Editors and `echo` end a file with a newline that is no part of the secret.
                let secret = text.strip_suffix('\n').map_or(&*text, |text| text.trim_end_matches('\r'));
                if !secret.is_empty() {
                    return Some(Value::new(Content::Secret(secret.to_owned()), Origin::VariableFile(file_variable)));
                }
                Diagnostic::new(format!("{in_file}, is empty"), "write the secret into it")
            }
            Err(error) => {
                let help = "name a file in UTF-8 that this process may read";
                Diagnostic::new(format!("cannot read {in_file}: {error}"), help)
            }
        };
        self.diagnostics.push(wrong);
        None
    }
}
