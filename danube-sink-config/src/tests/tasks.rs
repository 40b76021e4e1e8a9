//! One connector for each of `tasks`, and the validation of a file without its environment.

use std::{cell::Cell, fs, path::PathBuf};

use super::*;
use crate::{
    BrokerTarget, ConfigSource, Diagnostic, Diagnostics, SecretPolicy, Setting, Value, load_for, load_tasks_for,
    private::{Sample, table},
    schema::ValueType,
};

/// A connector with a required setting that a variable may set, and with a secret that its check wants beside the required one.
#[derive(Debug)]
struct Store {
    _url: String,
    _password: Secret,
    key: Option<Secret>,
    topics: TopicMappings<()>,
}

const URL: Key<String> = key(KeySpec { source: ValueSource::FileOrVariable("STORE_URL"), ..KeySpec::new("url") });
const PASSWORD: Key<Secret> = key(KeySpec { source: ValueSource::Secret(None), ..KeySpec::new("password") });

const KEY: Key<Option<Secret>> =
    key(KeySpec { source: ValueSource::Secret(None), default: KeyDefault::None, ..KeySpec::new("key") });

impl GeneratedConnector for Store {
    const INFO: ConnectorInfo = ConnectorInfo {
        name: "store",
        section: "store",
        keys: &[URL.spec, PASSWORD.spec, KEY.spec],
        ..ConnectorInfo::EMPTY
    };

    fn load(section: &mut KeyReader<'_>) -> Option<Self> {
        let (url, password, key) = (section.get(&URL), section.get(&PASSWORD), section.get(&KEY));
        let topics = section.topic_mappings(&mapping_keys::<()>());
        Some(Self { _url: url?, _password: password?, key: key?, topics: topics? })
    }

    fn validate_external(&self) -> Result<(), Diagnostics> {
        match &self.key {
            Some(_) => Ok(()),
            None => Err(Diagnostic::of_key("url", "it needs the key", "set STORE_KEY").into()),
        }
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.topics.settings()
    }
}

const MAPPING: &str = "[[store.topic_mappings]]\ntopic = \"/default/a\"";

fn load(
    checks: ExternalChecks,
    name: &str,
    text: &str,
    environment: &dyn Environment,
) -> Result<Loaded<Vec<Store>>, ConfigError> {
    let path: PathBuf = std::env::temp_dir().join(format!("danube-sink-{name}-{}.toml", std::process::id()));
    fs::write(&path, text).unwrap();
    let loaded =
        load_tasks_for(checks, &ConfigSource { path: Some(path.clone()), ..ConfigSource::default() }, environment);
    fs::remove_file(path).unwrap();
    loaded
}

#[test]
fn each_task_has_a_connector_and_variables_are_read_once() {
    let text = format!("danube_service_url = \"http://localhost:6650\"\ntasks = 3\n{MAPPING}");
    let reads = Cell::new(0);
    let environment = |name: &str| {
        reads.set(reads.get() + usize::from(name == "STORE_PASSWORD"));
        [("STORE_PASSWORD", "s3cret"), ("STORE_KEY", "s3cret"), ("STORE_URL", "http://a")]
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| OsString::from(value))
    };
    let loaded = load(ExternalChecks::SKIP, "tasks", &text, &environment).unwrap();
    assert_eq!((loaded.connector.len(), loaded.core.mappings.len(), reads.get()), (3, 1, 1));

    // An error is reported once, not for each task.
    let report = load(ExternalChecks::SKIP, "task-error", &text, &variables(&[])).unwrap_err();
    assert_eq!(report.count(), 2, "{report}");
}

#[test]
fn the_check_of_secrets_and_files_is_reported_once_with_the_line() {
    let text =
        format!("danube_service_url = \"http://localhost:6650\"\ntasks = 3\n[store]\nurl = \"http://a\"\n{MAPPING}");
    let report = load(ExternalChecks::SKIP, "no-key", &text, &variables(&[("STORE_PASSWORD", "s3cret")])).unwrap_err();
    assert_eq!(report.count(), 1, "{report}");
    assert!(report.to_string().contains(".toml:4:7: `url`: it needs the key\n"), "{report}");
}

/// An optional secret may be set or not there, and the check that wants it cannot tell.
#[test]
fn without_the_environment_only_the_file_is_validated() {
    let checks =
        ExternalChecks { broker: BrokerTarget::Unchecked, secrets: SecretPolicy::Placeholder, ..ExternalChecks::SKIP };
    let unread = |name: &str| panic!("{name} is read");
    let environment = |name: &str| if name == "HOSTNAME" { None } else { unread(name) };
    let loaded = load(checks, "no-url", MAPPING, &environment).unwrap();
    assert_eq!((loaded.connector.len(), loaded.core.mappings.len()), (0, 1), "the URL is unknown");
    let loaded = load(checks, "url", &format!("[store]\nurl = \"http://a\"\n{MAPPING}"), &environment).unwrap();
    assert_eq!(loaded.connector.len(), 1);

    let wrong = format!("batch_size = 0\ndanube_service_url = 3\n[store]\nurl = 3\npassword = \"s3cret\"\n{MAPPING}");
    let report = load(checks, "wrong", &wrong, &environment).unwrap_err();
    assert_eq!(report.count(), 4, "{report}");
    assert!(!report.to_string().contains("s3cret"), "{report}");
}

/// A table with a required setting that a variable may set.
#[derive(Debug)]
struct Api;

const API_URL: Key<String> = key(KeySpec { source: ValueSource::FileOrVariable("API_URL"), ..KeySpec::new("url") });
const API: Key<Api> = key(KeySpec::new("api"));

impl Setting for Api {
    const VALUE_TYPE: ValueType = ValueType::Table(&[API_URL.spec]);

    fn read(value: &Value) -> Result<Self, Diagnostics> {
        table(value, Self::VALUE_TYPE.keys(), |keys| keys.get(&API_URL).map(|_| Self))
    }
}

#[derive(Debug)]
struct Nested;

impl GeneratedConnector for Nested {
    const INFO: ConnectorInfo =
        ConnectorInfo { name: "store", section: "store", keys: &[API.spec], ..ConnectorInfo::EMPTY };

    fn load(section: &mut KeyReader<'_>) -> Option<Self> {
        section.get(&API).map(|_| Self)
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        Vec::new()
    }
}

#[test]
fn a_key_of_a_table_is_missing_only_where_its_variable_is_read() {
    let text = format!("danube_service_url = \"http://localhost:6650\"\n[store.api]\n{MAPPING}");
    let load = |secrets| {
        let checks = ExternalChecks { secrets, ..ExternalChecks::SKIP };
        load_text_for::<Nested>(checks, Path::new("connector.toml"), &*text, &variables(&[])).unwrap_err()
    };
    let report = load(SecretPolicy::Read).to_string();
    assert!(
        report.contains("connector.toml:2:1: missing key `url` in this table")
            && report.contains("help: add `url = …`, or set the variable API_URL")
            && report.ends_with("1 error in connector.toml"),
        "{report}"
    );
    let report = load(SecretPolicy::Placeholder).to_string();
    assert!(
        report.contains("the file is complete only with values of the environment")
            && report.ends_with("1 error in connector.toml"),
        "{report}"
    );
}

#[test]
fn a_misspelt_key_is_not_missing_too() {
    let text = format!("danube_service_url = \"http://localhost:6650\"\n[store]\nurll = \"http://a\"\n{MAPPING}");
    let set: &[_] = &[("STORE_PASSWORD", "s3cret"), ("STORE_KEY", "k")];
    let report = load_text_for::<Store>(ExternalChecks::SKIP, Path::new("connector.toml"), text, &variables(set));
    let report = report.unwrap_err().to_string();
    assert!(report.contains("did you mean `url`?") && report.ends_with("1 error in connector.toml"), "{report}");
}

#[derive(Debug)]
struct MayHaveApi(Option<Api>, Vec<MappingSettings>);

const OPTIONAL_API: Key<Option<Api>> = key(KeySpec { default: KeyDefault::None, ..KeySpec::new("api") });

impl GeneratedConnector for MayHaveApi {
    const INFO: ConnectorInfo = ConnectorInfo { keys: &[OPTIONAL_API.spec], ..Nested::INFO };

    fn load(section: &mut KeyReader<'_>) -> Option<Self> {
        let (api, topics) = (section.get(&OPTIONAL_API), section.topic_mappings(&mapping_keys::<()>()));
        Some(Self(api?, topics?.settings()))
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.1.clone()
    }
}

#[test]
fn a_variable_makes_the_optional_table_that_it_belongs_in() {
    let text = format!("danube_service_url = \"http://localhost:6650\"\n{MAPPING}");
    let load = |set| {
        load_text_for::<MayHaveApi>(ExternalChecks::SKIP, Path::new("connector.toml"), &*text, &variables(set)).unwrap()
    };
    assert!(load(&[]).connector.0.is_none() && load(&[("API_URL", "")]).connector.0.is_none());
    let loaded = load(&[("API_URL", "http://a")]);
    assert!(loaded.connector.0.is_some());
    assert!(
        loaded.effective.to_string().contains("api.url = \"http://a\"  # variable API_URL"),
        "{}",
        loaded.effective
    );
    assert_eq!(loaded.variables.read, ["API_URL"]);
}

/// Who tries a connector with the sample does not expect it to write to the target of the environment.
#[test]
fn a_variable_sets_of_the_sample_only_what_it_leaves_open() {
    let source = ConfigSource { or_sample: true, ..ConfigSource::default() };
    let load = |set| load_for::<Sampled>(ExternalChecks::SKIP, &source, &variables(set)).unwrap();
    let loaded =
        load(&[("STORE_URL", "http://production"), ("STORE_PASSWORD", "s3cret"), ("STORE_KEY_FILE", "/nowhere")]);
    let Sampled(Store { _url: url, key, .. }) = &loaded.connector;
    assert_eq!((url.as_str(), key), ("http://localhost", &None));
    assert_eq!(loaded.variables.read, ["STORE_PASSWORD"], "the sample has none");
    assert_eq!(loaded.variables.unread, ["STORE_URL", "STORE_KEY_FILE"]);

    let text = Sampled::INFO.sample.unwrap().text;
    let set: &[_] = &[("STORE_URL", "http://production"), ("STORE_PASSWORD", "s3cret")];
    let loaded = load_text_for::<Sampled>(ExternalChecks::SKIP, Path::new("a.toml"), text, &variables(set)).unwrap();
    assert_eq!(loaded.connector.0._url, "http://production", "in a file of one's own");
    assert_eq!(loaded.variables.read, ["STORE_URL", "STORE_PASSWORD"]);
}

/// [`Store`] with a sample, and without a check.
#[derive(Debug)]
struct Sampled(Store);

impl GeneratedConnector for Sampled {
    const INFO: ConnectorInfo = ConnectorInfo {
        sample: Some(Sample {
            file: "no-such-file-of-the-store.toml",
            text: "danube_service_url = \"http://localhost:6650\"\n[store]\nurl = \"http://localhost\"\n\
                   [[store.topic_mappings]]\ntopic = \"/default/a\"",
            records: &[],
        }),
        ..Store::INFO
    };

    fn load(section: &mut KeyReader<'_>) -> Option<Self> {
        let (url, password, key) = (section.get(&URL), section.get(&PASSWORD), section.get(&KEY));
        let topics = section.topic_mappings(&mapping_keys::<()>());
        Some(Self(Store { _url: url?, _password: password?, key: key?, topics: topics? }))
    }

    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.0.topics.settings()
    }
}
