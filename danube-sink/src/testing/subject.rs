//! Subject of the conformance kit: a connector and its target.

use std::{error::Error, path::Path, time::Duration};

use crate::{
    config::{ConnectorConfig, load_text, private::GeneratedConnector},
    connector::SinkConnector,
};

/// A connector and its core settings, or the error of creating them.
pub type Prepared<C> = Result<(C, ConnectorConfig), Box<dyn Error + Send + Sync>>;

/// Subject under test: a connector, and one target for the whole test, which is empty at its start.
pub trait Subject: Send + Sync + 'static {
    /// The connector.
    type Connector: SinkConnector + 'static;

    /// Creates a connector that consumes `topic` with `subscription` and writes to the target; called for each scenario.
    ///
    /// [`from_toml`] creates one from the text of a configuration. The kit overrides the broker's address, the
    /// metrics' address and port, batches, timeouts, retries and dead letters, and leaves `data_dir` out: with a spool, an
    /// acknowledgement says nothing about the target. `expected_schema_subject` must not be set: the kit's records have no schema.
    ///
    /// # Errors
    /// Any error; every scenario then fails with it.
    fn connector(&self, topic: &str, subscription: &str) -> Prepared<Self::Connector>;

    /// A valid payload for the connector, unique for each number. Numbers are below 10 000.
    fn payload(&self, number: u64) -> Vec<u8>;

    /// Numbers of the payloads in the target, each as often as the target has it, in any order.
    ///
    /// Anything in the target that is not from [`payload`](Self::payload) is omitted.
    fn held(&self) -> impl Future<Output = Vec<u64>> + Send;

    /// Number of records in the target, whatever their payloads. Each accepted payload must be one more, also one that is not from [`payload`](Self::payload).
    ///
    /// With it, the kit finds a connector that returns `Ok` for a record that it neither wrote nor rejected. The default returns
    /// `None`, for unknown: the report then notes how many payloads of other types were accepted. It does so as well for hostile
    /// values, keys and attributes of an [idempotent](Self::idempotent) subject, whose target may hold them as one record.
    fn count(&self) -> impl Future<Output = Option<u64>> + Send {
        async { None }
    }

    /// Whether the connector is idempotent: a redelivered record is in the target once. If not, the kit accepts duplicates in
    /// scenarios that cause redeliveries, and in no other.
    fn idempotent(&self) -> bool {
        true
    }

    /// Makes the target unavailable: every write fails until [`give_back`](Self::give_back). Returns `true`.
    ///
    /// The default returns `false`, for unsupported: the scenario that needs it is skipped.
    fn take_away(&self) -> impl Future<Output = bool> + Send {
        async { false }
    }

    /// Makes the target refuse every write until [`give_back`](Self::give_back), for a reason that no record caused: a missing
    /// permission or table. Returns `true`.
    ///
    /// The default returns `false`, for unsupported: the scenario that needs it is skipped.
    fn refuse_all(&self) -> impl Future<Output = bool> + Send {
        async { false }
    }

    /// A payload that upserts `version` of the row with this `key`: a later write replaces an earlier one. Keys and versions
    /// are numbers like those of [`payload`](Self::payload), and keys differ from those.
    ///
    /// The default returns `None`, for an append-only target: the scenario that needs it is skipped.
    fn version(&self, _key: u64, _version: u64) -> Option<Vec<u8>> {
        None
    }

    /// Keys and versions in the target, from payloads of [`version`](Self::version), in any order.
    fn versions(&self) -> impl Future<Output = Vec<(u64, u64)>> + Send {
        async { Vec::new() }
    }

    /// Undoes [`take_away`](Self::take_away) and [`refuse_all`](Self::refuse_all).
    fn give_back(&self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Maximum duration of any expected event. Default: 30 seconds.
    fn patience(&self) -> Duration {
        Duration::from_secs(30)
    }
}

/// Creates a connector with `#[sink_connector]` from the text of its configuration, without `danube_service_url`.
///
/// The environment of the process is not read: a test never writes to the target that a developer's variables name.
///
/// # Errors
/// The report of all problems in the text, and of its secrets: [`from_toml_with`] gives them.
pub fn from_toml<C: GeneratedConnector>(text: &str) -> Prepared<C> {
    from_toml_with(text, &[])
}

/// [`from_toml`] with environment variables, `(name, value)`, instead of those of the process: for a connector with secrets.
///
/// # Errors
/// As [`from_toml`].
pub fn from_toml_with<C: GeneratedConnector>(text: &str, variables: &[(&str, &str)]) -> Prepared<C> {
    // A placeholder: the kit sets the address of the broker that it starts.
    let url = ("DANUBE_SERVICE_URL", "http://localhost:6650");
    let environment =
        |name: &str| variables.iter().chain([&url]).find(|(given, _)| *given == name).map(|(_, value)| value.into());
    let loaded = load_text::<C>(Path::new("connector.toml"), text, &environment)?;
    Ok((loaded.connector, loaded.core))
}

#[cfg(test)]
mod tests {
    use super::{from_toml, from_toml_with};
    use crate::prelude::*;

    /// Reads a variable that cargo sets in every test.
    #[sink_connector(main = false)]
    struct Reader {
        #[setting(default = "of the file", env = "CARGO_PKG_NAME")]
        target: String,
        #[topic_mappings]
        topics: TopicMappings,
    }

    #[sink_connector]
    impl SinkConnector for Reader {
        async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
            Ok(())
        }

        async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
            Ok(())
        }
    }

    #[test]
    fn variables_of_the_process_are_not_read() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        let text = "[[reader.topic_mappings]]\ntopic = '/default/users'\nsubscription = 's'";
        assert_eq!(from_toml::<Reader>(text).unwrap().0.target, "of the file");
        let given = [("CARGO_PKG_NAME", "of the test")];
        assert_eq!(from_toml_with::<Reader>(text, &given).unwrap().0.target, "of the test");
    }
}
