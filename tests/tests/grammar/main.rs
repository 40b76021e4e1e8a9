//! The grammar of the macros' attributes, under the strictest lints, and what each makes of a configuration.
#![deny(warnings, missing_docs, unsafe_code, unused_qualifications, clippy::pedantic)]

use std::{ffi::OsString, path::Path};

use danube_sink::{
    __private::GeneratedConnector,
    config::{ConfigError, Loaded, load_text},
};

/// An implementation that has no target.
macro_rules! writes_nothing {
    ($connector:ident) => {
        #[sink_connector]
        impl SinkConnector for $connector {
            async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
                Ok(())
            }

            async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
                Ok(())
            }
        }
    };
}

pub mod checks;
pub mod conditional;
pub mod constraints;
pub mod defaults;
pub mod everything;
mod loading;
pub mod through_macros;
pub mod variables;

/// Loads a configuration with these variables.
fn load<C: GeneratedConnector>(text: &str, variables: &'static [(&str, &str)]) -> Result<Loaded<C>, ConfigError> {
    let environment =
        |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value));
    load_text(Path::new("connector.toml"), text, &environment)
}

/// The report of a configuration with these variables.
fn report<C: GeneratedConnector>(text: &str, variables: &'static [(&str, &str)]) -> String {
    load::<C>(text, variables).map_or_else(|error| error.to_string(), |_| "no error".to_owned())
}

/// A configuration with this section and one mapping.
fn file(section: &str, lines: &str, mapping: &str) -> String {
    format!(
        "danube_service_url = \"http://localhost:6650\"\n[{section}]\n{lines}\n[[{section}.topic_mappings]]\n\
         topic = \"/default/a\"\n{mapping}\n"
    )
}
