//! Reads the core settings: the keys at the root, in `[processing]` and in `[retry]`.

use super::{
    core_keys::{self, Core, CoreTable},
    cross_checks,
    environment::{Environment, TOKEN},
    secrets::{self, SecretSource},
    validate::validate_name,
};
use crate::{
    core::{
        BrokerTarget, ConnectorConfig, ExternalChecks, SecretPolicy, Token,
        key::{CORE_TABLES, ROOT, Section, UNUSED_IN_PROCESSING, names_in, root_keys},
    },
    report::{Diagnostic, Diagnostics},
    schema::{KeySpec, TableKeys, suggest},
    setting::Secret,
    value::{Content, Origin, Table, Value},
};

/// A key by which a file may hold the token.
const TOKEN_KEY: &str = "danube_token";

/// What reading the core settings needs.
#[derive(Clone, Copy)]
pub(crate) struct CoreContext<'a> {
    /// None while a connector is built: then what the environment may set is not missing.
    pub(crate) environment: Option<&'a dyn Environment>,
    /// The name of the connector's package, if it has one.
    pub(crate) package: Option<&'a str>,
    /// The names at the root that are no core keys, such as that of the connector's section.
    pub(crate) sections: &'a [&'a str],
    pub(crate) checks: ExternalChecks,
}

/// Reads the core settings. An invalid value is reported, and has its default in the result.
pub(crate) fn read(root: &Table, context: CoreContext<'_>, diagnostics: &mut Diagnostics) -> Core {
    let tables = core_tables(root, diagnostics);
    let inherited = |spec: &KeySpec| {
        let package = context.package.filter(|_| spec.name == "connector_name")?;
        Some(Value::new(Content::String(package.to_owned()), Origin::Inherited("the connector's package")))
    };
    let keys = root_keys().iter().copied();
    let table = core_keys::resolve(&tables, keys, context.environment, &inherited, diagnostics);
    let mut config = ConnectorConfig::defaults();
    config.read(&table, diagnostics);
    if context.environment.is_some() {
        let names = known_names(Section::Root, context.sections);
        let keys = TableKeys { title: ROOT, keys: &[], known: &names };
        core_keys::require(Section::Root, (root, &table), &keys, diagnostics);
    }
    cross_checks::of_core(&table, diagnostics);
    read_external(root, &table, context, &mut config, diagnostics);
    for (section, table) in &tables {
        let names = known_names(*section, context.sections);
        let keys = TableKeys { title: section.title(), keys: &[], known: &names };
        table.entries.iter().for_each(|entry| validate_name(entry, &keys, diagnostics));
    }
    for entry in UNUSED_IN_PROCESSING.iter().filter_map(|key| tables[1].1.get(key)) {
        let note = format!("`{}` in `[processing]` has no effect: the runtime decides by itself", entry.key);
        diagnostics.note(note, entry.key_span.as_ref());
    }
    Core { config, table }
}

/// The names that a table may have.
fn known_names<'a>(section: Section, sections: &[&'a str]) -> Vec<&'a str> {
    let mut names: Vec<&str> = names_in(section).collect();
    match section {
        Section::Root => {
            names.extend(CORE_TABLES.iter().map(|(name, _)| *name));
            names.extend(sections);
            // It has a report of its own.
            names.push(TOKEN_KEY);
        }
        Section::Processing => names.extend(UNUSED_IN_PROCESSING),
        Section::Retry | Section::Mapping => {}
    }
    names
}

fn core_tables<'a>(root: &'a Table, diagnostics: &mut Diagnostics) -> Vec<CoreTable<'a>> {
    let mut tables = vec![(Section::Root, root)];
    for (name, section) in CORE_TABLES {
        let table = root.value(name).and_then(|value| as_table(value, name, "its keys", diagnostics));
        tables.push((section, table.unwrap_or(Table::EMPTY)));
    }
    tables
}

/// The table of the connector's section; none if it is reported as something else. A section that is not in the file is a
/// table without keys, so that its missing keys are reported.
pub(crate) fn section<'d>(root: &'d Table, name: &str, diagnostics: &mut Diagnostics) -> Option<&'d Table> {
    match root.value(name) {
        Some(value) => as_table(value, name, "the connector's settings", diagnostics),
        None => {
            let is_core = |key: &str| CORE_TABLES.iter().any(|(core, _)| *core == key);
            let tables = root.entries.iter().filter(|entry| matches!(entry.value.content, Content::Table(_)));
            let mut others = tables.filter(|entry| !is_core(&entry.key));
            // Its misspelt name is reported as an unknown key.
            let is_misspelt = others.any(|entry| suggest::closest(&entry.key, &[name]).is_some());
            (!is_misspelt).then_some(Table::EMPTY)
        }
    }
}

/// The table of a name at the root; none if it is reported as something else. `content` is what belongs in it.
fn as_table<'a>(value: &'a Value, name: &str, content: &str, diagnostics: &mut Diagnostics) -> Option<&'a Table> {
    let Content::Table(table) = &value.content else {
        let help = format!("write {content} below a line `[{name}]`");
        let wrong = value.of_violation(&value.as_ref().unexpected("a table", &help));
        diagnostics.append(Diagnostics::from(wrong).of_key(name));
        return None;
    };
    Some(table)
}

/// Reads the token, and checks what the settings name outside of the file.
fn read_external(
    root: &Table,
    table: &Table,
    context: CoreContext<'_>,
    config: &mut ConnectorConfig,
    diagnostics: &mut Diagnostics,
) {
    if let Some(entry) = root.get(TOKEN_KEY) {
        secrets::report_in_file(entry, "the token", TOKEN, diagnostics);
    }
    if matches!(context.checks.broker, BrokerTarget::Embedded) {
        (config.tls_ca_file, config.tls_cert_file, config.tls_key_file) = Default::default();
        (config.danube_admin_url, config.broker_metrics_urls) = Default::default();
        return;
    }
    if let Some(environment) = context.environment.filter(|_| context.checks.secrets == SecretPolicy::Read) {
        config.token = match secrets::find(environment, TOKEN, diagnostics) {
            Ok(Some(SecretSource::Variable(token))) => Some(Token::Value(Secret::new(token))),
            Ok(Some(SecretSource::File(path))) => Some(Token::File(path)),
            Ok(None) | Err(()) => None,
        };
    }
    if let BrokerTarget::Remote(check) = context.checks.broker {
        for error in check(config) {
            let span = error.key.and_then(|key| table.value(key)).and_then(|value| value.span.clone());
            diagnostics.push(Diagnostic::new(error.message, error.help).at(span));
        }
    }
}
