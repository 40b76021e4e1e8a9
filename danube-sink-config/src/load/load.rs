//! Loads the configuration of a connector whose struct is its configuration.

use std::path::{Path, PathBuf};

use super::{
    connector::{ConnectorDecl, GeneratedConnector},
    core_keys::{Core, ParsedMapping},
    effective::EffectiveConfig,
    environment::{Environment, host_name},
    mappings::{self, MappingContext, code_defaults, common_names},
    own_keys::{OwnKeys, OwnMapping, OwnTable},
    reader::KeyReader,
    root::{self, CoreContext},
    source::{self, ConfigSource},
};
use crate::{
    core::{ConnectorConfig, ExternalChecks, MappingSettings, SecretPolicy, key::MAPPING_LISTS},
    report::{ConfigError, Diagnostics, SecretNames},
    schema::{KeySpec, TableKeys},
    value::Document,
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
    let (path, text) = source::find(source, C::INFO.sample, environment)?;
    load_text_for(checks, &path, text, environment)
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
    let (path, text) = source::find(source, C::INFO.sample, environment)?;
    load_document::<C, _>(checks, &path, text, environment, |resolved, diagnostics| {
        // What is wrong with the first is wrong with all of them.
        let convert = |task| if task == 0 || diagnostics.is_empty() { resolved.convert(diagnostics) } else { None };
        Some((0..resolved.core.config.tasks).map_while(convert).collect())
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
    load_document::<C, C>(checks, path, text.into(), environment, |resolved, diagnostics| resolved.convert(diagnostics))
}

fn load_document<C: GeneratedConnector, T>(
    checks: ExternalChecks,
    path: &Path,
    text: String,
    environment: &dyn Environment,
    convert: impl FnOnce(&Resolved<'_>, &mut Diagnostics) -> Option<T>,
) -> Result<Loaded<T>, ConfigError> {
    let decl = ConnectorDecl::of::<C>();
    let (secret, plain) = secret_names(&decl);
    let document = Document::parse(path, text, SecretNames { secret: &secret, plain: &plain })?;
    let mut diagnostics = Diagnostics::default();
    let resolved = resolve(&document, &decl, checks, environment, &mut diagnostics);
    let connector = convert(&resolved, &mut diagnostics);
    let notes = document.notes(&mut diagnostics);
    let effective = resolved.effective(&document, &decl);
    let loaded = connector.map(|connector| {
        let core = ConnectorConfig { mappings: resolved.mapping_settings(), ..resolved.core.config };
        Loaded { connector, core, path: document.path.clone(), notes, effective }
    });
    document.result(loaded, diagnostics)
}

/// The names of keys that are secrets, and of those that are not.
fn secret_names(decl: &ConnectorDecl) -> (Vec<&'static str>, Vec<&'static str>) {
    fn collect(keys: &'static [KeySpec], secret: &mut Vec<&'static str>, plain: &mut Vec<&'static str>) {
        for spec in keys {
            if spec.is_secret() {
                secret.push(spec.name)
            } else {
                plain.push(spec.name)
            }
            collect(spec.value_type.keys_within(), secret, plain);
        }
    }
    let (mut secret, mut plain) = (Vec::new(), Vec::new());
    collect(decl.info.keys, &mut secret, &mut plain);
    collect(decl.mapping_keys, &mut secret, &mut plain);
    // A name that is a secret in one table is redacted in all.
    plain.retain(|name| !secret.contains(name));
    (secret, plain)
}

/// A configuration whose keys are resolved and validated, but not converted.
struct Resolved<'d> {
    core: Core,
    /// None if the section is no table, which is reported.
    section: Option<OwnSection<'d>>,
}

struct OwnSection<'d> {
    title: String,
    own: OwnTable,
    mappings: Option<Vec<OwnMapping<'d>>>,
}

impl Resolved<'_> {
    fn convert<C: GeneratedConnector>(&self, diagnostics: &mut Diagnostics) -> Option<C> {
        let OwnSection { title, own: OwnTable { table, invalid }, mappings } = self.section.as_ref()?;
        C::load(&mut KeyReader { table, title, invalid, mappings: mappings.as_deref(), diagnostics })
    }

    /// The common settings of the topic mappings.
    fn mapping_settings(&self) -> Vec<MappingSettings> {
        let mappings = self.section.iter().filter_map(|section| section.mappings.as_ref()).flatten();
        mappings.map(|mapping| mapping.common.settings.clone()).collect()
    }

    fn effective(&self, document: &Document, decl: &ConnectorDecl) -> EffectiveConfig {
        let mut effective = EffectiveConfig::default();
        effective.push(document, ("", 0), [&self.core.table]);
        if let Some(section) = &self.section {
            effective.push(document, (&section.title.replace('`', ""), 0), [&section.own.table]);
            let header = format!("[[{}.{}]]", decl.info.section, MAPPING_LISTS[0]);
            for (index, mapping) in section.mappings.iter().flatten().enumerate() {
                effective.push(document, (&header, index), [&mapping.common.table, &mapping.own.table]);
            }
        }
        effective
    }
}

fn resolve<'d>(
    document: &'d Document,
    decl: &ConnectorDecl,
    checks: ExternalChecks,
    environment: &dyn Environment,
    diagnostics: &mut Diagnostics,
) -> Resolved<'d> {
    let name = decl.info.section;
    let variables = (checks.secrets == SecretPolicy::Read).then_some(environment);
    let context = CoreContext { environment: variables, package: Some(decl.info.name), sections: &[name], checks };
    let core = root::read(&document.root, context, diagnostics);
    let section = root::section(&document.root, name, diagnostics).map(|table| {
        let mut keys = OwnKeys { environment: variables, section: name, diagnostics };
        let title = format!("`[{name}]`");
        let known = TableKeys { title: &title, keys: decl.info.keys, known: &MAPPING_LISTS };
        let own = keys.resolve(table, &known);
        let context = MappingContext {
            defaults: &code_defaults(decl.mapping_defaults, keys.diagnostics),
            own_names: &decl.mapping_keys.iter().map(|spec| spec.name).collect::<Vec<_>>(),
            host: &host_name(environment),
            checks: checks.mapping,
            ..MappingContext::new(&core)
        };
        let common_names = common_names();
        let mappings = mappings::parse(table, name, context, keys.diagnostics).map(|mappings| {
            let resolve = |common: ParsedMapping<'d>| {
                let known = TableKeys { title: &common.title, keys: decl.mapping_keys, known: &common_names };
                OwnMapping { own: keys.resolve(common.file_table, &known), common }
            };
            mappings.into_iter().map(resolve).collect()
        });
        OwnSection { title, own, mappings }
    });
    Resolved { core, section }
}
