//! Loads the configuration of a connector whose struct is its configuration.

use std::path::{Path, PathBuf};

use super::{
    beyond::Beyond,
    file::document::Document,
    file::environment::Environment,
    file::source::{self, ConfigSource, Shipped},
    file::value::{Content, Table},
    generated::{GeneratedConnector, SectionReader},
    read::keys::CORE_TABLES,
    read::root,
    read::table::TableReader,
    report::error::ConfigError,
    report::mistake::Mistakes,
    settings::ConnectorConfig,
    shape::suggest,
};

/// A connector that is configured, and what the runtime needs beside it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded<C> {
    /// The connector.
    pub connector: C,
    /// The core settings, with what the mappings say.
    pub core: ConnectorConfig,
    /// The file that was read.
    pub path: PathBuf,
    /// What is worth a line in a log, with its place: keys that have another name by now, or no effect.
    pub notes: Vec<String>,
}

/// Reads the configuration of `C`, and everything that is wrong with it.
///
/// # Errors
/// The whole report.
pub fn load_for<C: GeneratedConnector>(
    beyond: Beyond,
    source: &ConfigSource,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    let shipped = C::INFO.config_file.map(|file| Shipped { file, crate_folder: C::INFO.crate_folder });
    let path = source::find(source, shipped, environment)?;
    read(&Document::read(&path, &secrets::<C>())?, beyond, environment)
}

/// [`load_for`] for a text that is in no file yet. `path` is how the report names it.
///
/// # Errors
/// The whole report.
pub fn load_text_for<C: GeneratedConnector>(
    beyond: Beyond,
    path: &Path,
    text: &str,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    read(&Document::parse(path, text.to_owned(), &secrets::<C>())?, beyond, environment)
}

fn secrets<C: GeneratedConnector>() -> Vec<&'static str> {
    C::INFO.settings.iter().filter(|setting| setting.secret_env.is_some()).map(|setting| setting.key).collect()
}

fn read<C: GeneratedConnector>(
    document: &Document,
    beyond: Beyond,
    environment: &dyn Environment,
) -> Result<Loaded<C>, ConfigError> {
    let mut mistakes = Mistakes::default();
    let mut root = TableReader::new(&document.root, root::TITLE);
    let core = root::read(&mut root, environment, Some(C::INFO.name), beyond, &mut mistakes);
    let connector = match section(&mut root, &document.root, C::INFO.section, &mut mistakes) {
        Section::Table(table) => {
            let mut section = SectionReader {
                table: TableReader::new(table, format!("`[{}]`", C::INFO.section)),
                section: C::INFO.section,
                root: &document.root,
                core: &core,
                environment,
                decoding: beyond.decoding,
                mistakes: &mut mistakes,
            };
            let connector = C::load(&mut section);
            section.table.finish(&secrets::<C>(), section.mistakes);
            connector
        }
        Section::Wrong => None,
    };
    root.finish(&[], &mut mistakes);
    let notes = document.notes(&mut mistakes);
    let loaded = connector.map(|connector| {
        let mappings = connector.mapping_settings();
        let path = document.path.clone();
        Loaded { connector, core: ConnectorConfig { mappings, ..core }, path, notes }
    });
    document.result(loaded, mistakes)
}

/// What is in the connector's section.
pub(crate) enum Section<'a> {
    Table(&'a Table),
    /// It is reported; to report what is missing in it would repeat that.
    Wrong,
}

static NO_KEYS: Table = Table { span: None, entries: Vec::new() };

/// Finds the connector's section.
pub(crate) fn section<'a>(
    root: &mut TableReader<'a>,
    document: &'a Table,
    name: &'a str,
    mistakes: &mut Mistakes,
) -> Section<'a> {
    let Some(entry) = root.take(name) else {
        // Without its section, a connector is told what belongs there; unless the section is there, misspelt.
        let tables = document.entries.iter().filter(|entry| matches!(entry.value.content, Content::Table(_)));
        let others = tables.filter(|entry| !CORE_TABLES.contains(&entry.key.as_str()));
        let misspelt = others.filter(|entry| suggest::closest(&entry.key, &[name]).is_some()).count();
        return if misspelt == 0 { Section::Table(&NO_KEYS) } else { Section::Wrong };
    };
    match &entry.value.content {
        Content::Table(table) => Section::Table(table),
        _ => {
            let help = format!("write the connector's settings below a line `[{name}]`");
            mistakes.append(Mistakes::from(entry.value.unexpected("a table", &help)).of_key(name));
            Section::Wrong
        }
    }
}
