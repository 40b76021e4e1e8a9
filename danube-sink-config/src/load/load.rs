//! Loads the configuration of a connector whose struct is its configuration.

use std::path::{Path, PathBuf};

use super::{
    connector::{ConnectorInfo, GeneratedConnector},
    core_keys::Core,
    effective::EffectiveConfig,
    environment::{Environment, host_name},
    loader::{Loader, OwnVariables},
    mappings::{ParsedMapping, common_names},
    own_keys::OwnMapping,
    reader::KeyReader,
    secrets::secret_names,
    source::{self, ConfigSource, Found},
};
use crate::{
    core::{ConnectorConfig, ExternalChecks, MappingSettings, SecretPolicy, key::MAPPING_LISTS},
    report::{ConfigError, Diagnostic, Diagnostics},
    schema::TableKeys,
    value::{Document, Table},
};

/// A configured connector, and what the runtime needs beside it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded<C> {
    /// The connector; of [`load_tasks_for`], one for each of `tasks`.
    pub connector: C,
    /// The core settings, with those of the mappings.
    pub core: ConnectorConfig,
    /// The file.
    pub path: PathBuf,
    /// Notes for the log, each with its line: keys that have another name by now, or no effect.
    pub notes: Vec<String>,
    /// Each key with its value and its origin.
    pub effective: EffectiveConfig,
    /// The environment's part in the connector's own settings.
    pub variables: OwnVariables,
}

/// Loads the configuration of `C`.
///
/// # Errors
/// The report of everything that is wrong with it.
pub fn load_for<C: GeneratedConnector>(
    checks: ExternalChecks,
    source: &ConfigSource,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    let found = source::find(source, C::INFO.sample, environment, source::OPTION_OR_VARIABLE)?;
    load_document::<C, C>(checks, found, &source.commands, environment, |resolved, diagnostics| {
        resolved.one(diagnostics)
    })
}

/// [`load_for`] with one connector for each of `tasks`; file, variables and secrets are read once.
///
/// With [`SecretPolicy::Placeholder`] there is no connector if a required key is not in the file and may be in the environment.
///
/// # Errors
/// The report of everything that is wrong with it.
pub fn load_tasks_for<C: GeneratedConnector>(
    checks: ExternalChecks,
    source: &ConfigSource,
    environment: &dyn Environment,
) -> Result<Loaded<Vec<C>>, ConfigError> {
    let found = source::find(source, C::INFO.sample, environment, source::OPTION_OR_VARIABLE)?;
    load_document::<C, _>(checks, found, &source.commands, environment, |resolved, diagnostics| {
        // What is wrong with the first is wrong with all of them.
        let convert = |task| if task == 0 || diagnostics.is_empty() { resolved.convert(diagnostics) } else { None };
        let connectors: Vec<C> = (0..resolved.core.config.tasks).map_while(convert).collect();
        connectors.iter().take(1).for_each(|first| resolved.validate_external(first, diagnostics));
        Some(connectors)
    })
}

/// [`load_for`] of a text. `path` is its name in the report.
///
/// # Errors
/// The report of everything that is wrong with it.
pub fn load_text_for<C: GeneratedConnector>(
    checks: ExternalChecks,
    path: &Path,
    text: impl Into<String>,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    let found = Found { path: path.to_owned(), text: text.into(), is_sample: false };
    load_document::<C, C>(checks, found, &[], environment, |resolved, diagnostics| resolved.one(diagnostics))
}

fn load_document<C: GeneratedConnector, T>(
    checks: ExternalChecks,
    Found { path, text, is_sample }: Found,
    commands: &[(&'static str, String)],
    environment: &dyn Environment,
    convert: impl FnOnce(&Resolved<'_>, &mut Diagnostics) -> Option<T>,
) -> Result<Loaded<T>, ConfigError> {
    let info = &C::INFO;
    let document = Document::parse(&path, text, &secret_names(info))?;
    let variables = (checks.secrets == SecretPolicy::Read).then_some(environment);
    let mut loader =
        Loader { commands, host: host_name(environment), is_sample, ..Loader::of(info, variables, checks) };
    let resolved = resolve(&document, info, &mut loader);
    let connector = convert(&resolved, &mut loader.diagnostics);
    if connector.is_none() && loader.diagnostics.is_empty() {
        let message = "the file is complete only with values of the environment";
        loader.diagnostics.push(Diagnostic::new(message, "set the variables that `template` prints"));
    }
    let notes = document.notes(&mut loader.diagnostics);
    let effective = resolved.effective(&document, info);
    let variables = loader.own_variables;
    let loaded = connector.map(|connector| {
        let core = ConnectorConfig { mappings: resolved.mapping_settings(), ..resolved.core.config };
        Loaded { connector, core, path: document.path.clone(), notes, effective, variables }
    });
    document.result(loaded, loader.diagnostics)
}

/// A configuration whose keys are resolved and validated, but not converted.
struct Resolved<'d> {
    core: Core,
    /// Whether secrets and files beside the configuration are checked.
    has_environment: bool,
    /// The title of the section in messages.
    title: String,
    /// None if the section is no table, which is reported.
    own: Option<Table>,
    /// None if there are none, or if they are no array, which is reported.
    mappings: Option<Vec<OwnMapping<'d>>>,
}

impl Resolved<'_> {
    fn reader<'r>(&'r self, diagnostics: &'r mut Diagnostics) -> Option<KeyReader<'r>> {
        Some(KeyReader { table: self.own.as_ref()?, mappings: self.mappings.as_deref(), diagnostics })
    }

    fn convert<C: GeneratedConnector>(&self, diagnostics: &mut Diagnostics) -> Option<C> {
        C::load(&mut self.reader(diagnostics)?)
    }

    /// One connector, with what it names outside of the file.
    fn one<C: GeneratedConnector>(&self, diagnostics: &mut Diagnostics) -> Option<C> {
        let connector = self.convert(diagnostics)?;
        self.validate_external(&connector, diagnostics);
        Some(connector)
    }

    fn validate_external<C: GeneratedConnector>(&self, connector: &C, diagnostics: &mut Diagnostics) {
        if let (true, Some(mut reader)) = (self.has_environment, self.reader(diagnostics)) {
            reader.validated(connector.validate_external());
        }
    }

    /// The common settings of the topic mappings.
    fn mapping_settings(&self) -> Vec<MappingSettings> {
        self.mappings.iter().flatten().map(|mapping| mapping.common.settings.clone()).collect()
    }

    fn effective(&self, document: &Document, info: &ConnectorInfo) -> EffectiveConfig {
        let (mut effective, names) = (EffectiveConfig::default(), secret_names(info));
        effective.push(document, ("", 0), &self.core.table, &names);
        if let Some(own) = &self.own {
            effective.push(document, (&self.title.replace('`', ""), 0), own, &names);
        }
        let header = format!("[[{}.{}]]", info.section, MAPPING_LISTS[0]);
        for (index, mapping) in self.mappings.iter().flatten().enumerate() {
            effective.push(document, (&header, index), &mapping.common.table, &names);
            effective.push(document, (&header, index), &mapping.own, &names);
        }
        effective
    }
}

fn resolve<'d>(document: &'d Document, info: &ConnectorInfo, loader: &mut Loader<'_>) -> Resolved<'d> {
    let name = info.section;
    let title = format!("`[{name}]`");
    let core = loader.read_core(&document.root);
    let section = loader.section(&document.root, name);
    let keys = TableKeys { title: &title, keys: info.keys, known: &MAPPING_LISTS };
    let own = section.map(|table| loader.resolve_own(table, &keys, name));
    let own_names: Vec<&str> = info.mapping_keys.iter().map(|spec| spec.name).collect();
    let mappings = section.and_then(|table| loader.parse_mappings(table, name, &core, &own_names));
    let common_names = common_names();
    let resolve = |common: ParsedMapping<'d>| {
        let keys = TableKeys { title: &common.title, keys: info.mapping_keys, known: &common_names };
        OwnMapping { own: loader.resolve_own(common.file_table, &keys, name), common }
    };
    let mappings = mappings.map(|mappings| mappings.into_iter().map(resolve).collect());
    Resolved { core, has_environment: loader.environment.is_some(), title, own, mappings }
}
