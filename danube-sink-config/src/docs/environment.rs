//! The environment variables of a connector.

use crate::{
    load::{connector::ConnectorInfo, environment::VARIABLES, own_keys::variable_of, secrets::file_variable},
    schema::{KeySpec, ValueSource},
};

/// The environment variables that a connector reads, each with its help: those of all connectors, then its own.
pub fn environment(info: &ConnectorInfo) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> =
        VARIABLES.iter().map(|(name, help)| ((*name).to_owned(), (*help).to_owned())).collect();
    collect(info.keys, info.section, &mut variables);
    variables
}

fn collect(keys: &[KeySpec], path: &str, variables: &mut Vec<(String, String)>) {
    for spec in keys {
        let help = spec.doc.lines().next().unwrap_or_default().to_owned();
        match spec.source {
            ValueSource::File => collect(spec.value_type.keys(), &format!("{path}.{}", spec.name), variables),
            ValueSource::FileOrVariable(name) => {
                variables.push((name.to_owned(), format!("{help} (overrides the file)")))
            }
            ValueSource::Secret(name) => {
                let name = name.map_or_else(|| variable_of(path, spec.name), str::to_owned);
                let file = (file_variable(&name), "Path of a file with it".to_owned());
                variables.extend([(name, help), file]);
            }
        }
    }
}
