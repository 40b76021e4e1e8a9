//! A core key is declared once.

use std::time::Duration;

use super::{key::MILLISECONDS, settings_macro::settings};
use crate::{
    core::{ExternalChecks, key::Section},
    load::loader::Loader,
    schema::{KeyDefault, ValueType},
    value::{Content, Table, Value},
};

settings! {
    /// What a core key needs.
    #[derive(Debug, PartialEq)]
    Added {
        /// Time between two samples
        ///
        /// Not in the template.
        interval ("interval_ms"): Duration = milliseconds(250) of MILLISECONDS, in [Root, Processing], alias Processing "every_ms";
        /// Number of samples
        samples: u8 = integer(3) of ValueType::integer(1, 9), in [Root], variable "SAMPLES";
    }
    fields {
        /// No key.
        pub note: &'static str = "none";
    }
}

fn read(text: &str, samples: Option<&str>) -> Result<Added, Vec<String>> {
    let file = Value::from_literal(text, crate::value::Origin::File).unwrap();
    let Content::Table(root) = file.content else { panic!("a table") };
    let processing = match root.value("processing").map(|value| &value.content) {
        Some(Content::Table(table)) => table.clone(),
        _ => Table::default(),
    };
    let environment = |name: &str| samples.filter(|_| name == "SAMPLES").map(Into::into);
    let tables = [(Section::Root, &root), (Section::Processing, &processing)];
    let mut loader = Loader::new(Some(&environment), ExternalChecks::SKIP);
    let table = loader.resolve_core(&tables, Added::KEYS.iter().copied(), &|_| None);
    let mut diagnostics = loader.diagnostics;
    let mut added = Added::defaults();
    added.read(&table, &mut diagnostics);
    let (found, _) = diagnostics.into_parts();
    if found.is_empty() { Ok(added) } else { Err(found.into_iter().map(|one| one.message).collect()) }
}

/// Its declaration is all that the struct, its defaults, aliases, variables, validation and documentation go by.
#[test]
fn one_declaration_adds_a_key() {
    let added = |milliseconds, samples| Added { interval: Duration::from_millis(milliseconds), samples, note: "none" };
    assert_eq!(read("{}", None), Ok(added(250, 3)));
    assert_eq!(read("{ interval_ms = 5, samples = 1 }", None), Ok(added(5, 1)));
    assert_eq!(read("{ processing = { every_ms = 6 } }", Some("7")), Ok(added(6, 7)));
    assert_eq!(read("{ samples = 10 }", None), Err(vec!["`samples`: the number is out of range".to_owned()]));
    assert_eq!(read("{}", Some("ten")), Err(vec!["variable SAMPLES: expected an integer, found a string".to_owned()]));
    let twice = read("{ interval_ms = 5, processing = { interval_ms = 6 } }", None);
    assert_eq!(twice, Err(vec!["`interval_ms` is set twice".to_owned()]));
    let [interval, samples] = Added::KEYS else { panic!("two keys") };
    assert_eq!(interval.spec.summary(), "Time between two samples");
    assert!(matches!(
        (interval.spec.default, samples.spec.default),
        (KeyDefault::Integer(250), KeyDefault::Integer(3))
    ));
}

/// The default of a field and that of its key are written once, but not in one type.
#[test]
fn an_empty_file_has_the_defaults_of_the_struct() {
    use crate::ConnectorConfig;

    let expected = ConnectorConfig::new("http://a", "a");
    let mut read = ConnectorConfig { batch_size: 0, tasks: 0, max_backoff: Duration::ZERO, ..expected.clone() };
    let mut loader = Loader::new(None, ExternalChecks::SKIP);
    let table = loader.resolve_core(&[], ConnectorConfig::KEYS.iter().copied(), &|_| None);
    let mut diagnostics = loader.diagnostics;
    read.read(&table, &mut diagnostics);
    assert_eq!(read, expected);
    assert!(diagnostics.is_empty());
}
