//! Where a secret is: in its variable, or in the file that a second variable names.

use std::path::PathBuf;

use crate::{
    file::environment::{self, Environment},
    report::mistake::{Mistake, Mistakes},
    secret::Secret,
};

/// Where a secret is.
pub(crate) enum SecretSource {
    Variable(Secret),
    File(PathBuf),
}

/// The variable that names the file.
pub(crate) fn by_file(variable: &str) -> String {
    format!("{variable}_FILE")
}

/// How to give a secret, as the end of a help line.
pub(crate) fn how_to_give(variable: &str) -> String {
    format!("set the variable {variable}, or {} to the name of a file that holds it", by_file(variable))
}

/// Looks for the secret of a variable; `None` if there is none. That both are set is a mistake.
pub(crate) fn find(
    environment: &dyn Environment,
    variable: &str,
    mistakes: &mut Mistakes,
) -> Result<Option<SecretSource>, ()> {
    let by_file = by_file(variable);
    let value = environment::text(environment, variable, mistakes);
    let file = environment::text(environment, &by_file, mistakes);
    match (value, file) {
        (Some(_), Some(_)) => {
            let message = format!("both {variable} and {by_file} are set");
            mistakes.push(Mistake::new(message, "unset one of the two variables"));
            Err(())
        }
        (Some(value), None) => Ok(Some(SecretSource::Variable(Secret::new(value)))),
        (None, Some(file)) => Ok(Some(SecretSource::File(file.into()))),
        (None, None) => Ok(None),
    }
}
