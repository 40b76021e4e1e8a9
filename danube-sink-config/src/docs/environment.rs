//! The environment variables of a connector.

use crate::{
    load::{ConnectorInfo, GeneratedConnector, environment::VARIABLES, secrets::file_variable},
    schema::KeySpec,
};

/// The environment variables that a connector reads, each with its help: those of all connectors, then those of its section
/// and its topic mappings.
pub fn environment<C: GeneratedConnector>() -> Vec<(String, String)> {
    environment_of(&C::INFO)
}

/// The variables of a connector without its type.
#[doc(hidden)]
pub fn environment_of(connector: &ConnectorInfo) -> Vec<(String, String)> {
    let section = connector.section;
    let mut variables = VARIABLES.map(|(name, help)| (name.to_owned(), help.to_owned())).to_vec();
    collect(connector.keys, section, &mut variables);
    collect(connector.mapping_keys, section, &mut variables);
    variables
}

fn collect(keys: &[KeySpec], path: &str, variables: &mut Vec<(String, String)>) {
    for spec in keys {
        let variable = spec.variable(path).map(|name| name.to_string());
        // Several tables may share a secret.
        if let Some(name) = variable.filter(|name| variables.iter().all(|(other, _)| other != name)) {
            let help = spec.doc.lines().next().unwrap_or_default().to_owned();
            if spec.is_secret() {
                let file = (file_variable(&name), "Path of a file with it".to_owned());
                variables.extend([(name, help), file]);
            } else {
                variables.push((name, format!("{help} (overrides the file)")));
            }
        }
        collect(spec.value_type.keys_within(), &format!("{path}.{}", spec.name), variables);
    }
}
