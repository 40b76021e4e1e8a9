//! The variables that a connector reads.

use crate::{file::environment::EXPLAINED, generated::ConnectorInfo, read::secret_source};

/// Every variable that a connector reads, and what it is: for all connectors, then the secrets of this one.
pub fn environment(info: &ConnectorInfo) -> Vec<(String, String)> {
    let common = EXPLAINED.iter().map(|(name, help)| ((*name).to_owned(), (*help).to_owned()));
    let secrets = info.settings.iter().filter_map(|setting| Some((setting.secret_env?, setting.help)));
    let own = secrets.flat_map(|(variable, help)| {
        let help = help.lines().next().unwrap_or_default().to_owned();
        [(variable.to_owned(), help), (secret_source::by_file(variable), "A file that holds it".to_owned())]
    });
    common.chain(own).collect()
}
