//! What the author of a connector says of it and of its target.

use std::{error::Error, ffi::OsString, path::Path, time::Duration};

use crate::{
    config::{ConnectorConfig, load_text, private::GeneratedConnector},
    connector::SinkConnector,
};

/// A connector and its core settings, or why there are none.
pub type Prepared<C> = Result<(C, ConnectorConfig), Box<dyn Error + Send + Sync>>;

/// A connector under test and the target that it writes to: one target for the whole test, empty at its start.
pub trait Subject: Send + Sync + 'static {
    /// The connector.
    type Connector: SinkConnector + 'static;

    /// A fresh connector that reads `topic` through `subscription` and writes to the target; called for each scenario.
    ///
    /// [`from_toml`] makes one from the text of a configuration. The broker's address, batches, timeouts, retries and
    /// dead letters are set by the kit, whatever the configuration says. `expected_schema_subject` must be left out:
    /// the kit's records carry no schema.
    ///
    /// # Errors
    /// Whatever keeps it from being made; every scenario then fails with it.
    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Self::Connector>;

    /// A payload that the connector takes, another one for each number. Numbers are small: below 10 000.
    fn payload(&self, number: u64) -> Vec<u8>;

    /// The numbers whose payload the target holds now, each as often as it is held, in any order.
    ///
    /// What in the target is not from [`payload`](Self::payload) is left out.
    fn held(&self) -> impl Future<Output = Vec<u64>> + Send;

    /// Whether a record that comes again is held once all the same. If not, the kit takes duplicates in those scenarios
    /// in which the runtime cannot keep a record from coming again, and in no other.
    fn idempotent(&self) -> bool {
        true
    }

    /// Makes every write to the target fail until [`give_back`](Self::give_back), and says `true`.
    ///
    /// `false`, the default, if that cannot be done: the scenario that needs it is left out.
    fn take_away(&self) -> impl Future<Output = bool> + Send {
        async { false }
    }

    /// Makes the target refuse every write until [`give_back`](Self::give_back), for a reason that is no record's: a right is
    /// missing, or a table. Says `true`.
    ///
    /// `false`, the default, if that cannot be done: the scenario that needs it is left out.
    fn refuse_all(&self) -> impl Future<Output = bool> + Send {
        async { false }
    }

    /// A payload that makes `version` of what the target holds under `key`: what is written later replaces what was written
    /// before. Keys and versions are numbers as those of [`payload`](Self::payload), and keys others than those.
    ///
    /// `None`, the default, for a target that only adds: the scenario that needs it is left out.
    fn version(&self, _key: u64, _version: u64) -> Option<Vec<u8>> {
        None
    }

    /// Keys and versions that the target holds now from payloads of [`version`](Self::version), in any order.
    fn versions(&self) -> impl Future<Output = Vec<(u64, u64)>> + Send {
        async { Vec::new() }
    }

    /// Undoes [`take_away`](Self::take_away) and [`refuse_all`](Self::refuse_all).
    fn give_back(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// How long anything that has to happen may take. Default: 30 seconds.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// A connector with `#[sink_connector]`, from the text of its configuration, without `danube_service_url`.
///
/// # Errors
/// Everything that is wrong with the text.
pub fn from_toml<C: GeneratedConnector>(text: &str) -> Prepared<C> {
    from_toml_with(text, &[])
}

/// [`from_toml`] with variables beside those of the process.
pub(super) fn from_toml_with<C: GeneratedConnector>(text: &str, variables: &[(&str, &str)]) -> Prepared<C> {
    // A placeholder: the kit sets the address of the broker that it starts.
    let url = ("DANUBE_SERVICE_URL", "http://localhost:6650");
    let environment = |name: &str| match variables.iter().chain([&url]).find(|(set, _)| *set == name) {
        Some((_, value)) => Some(OsString::from(value)),
        None => std::env::var_os(name),
    };
    let loaded = load_text::<C>(Path::new("conformance.toml"), text, &environment)?;
    Ok((loaded.connector, loaded.core))
}
