//! What the guide says of settings, variables and commands is what the code has.

use crate::{
    cli,
    config::{
        environment_of,
        private::{ConnectorInfo, reserved},
    },
    prelude::*,
    testing::{
        assert_generated,
        documents::{blocks, common_template, toml_examples},
        from_toml,
    },
};

const LIST: &str = "[[connector.topic_mappings]]";

fn page(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/guide").join(name)
}

fn table(head: &str, rows: impl Iterator<Item = String>) -> String {
    let columns = head.matches('|').count() - 1;
    format!("{head}\n|{}\n{}", "---|".repeat(columns), rows.collect::<String>())
}

/// A row for each key of a template: its comment has the help first, and values and default in the last line.
fn settings(template: &str) -> String {
    let rows = blocks(template).filter_map(|block| {
        let lines: Vec<_> = block.lines().collect();
        let [help @ .., values, key] = &lines[..] else { return None };
        let (key, _) = key.split_once(" = ")?;
        let help: Vec<_> = help.iter().map(|line| line.trim_start_matches("# ")).collect();
        let values = values.trim_start_matches("# ");
        Some(format!("| `{}` | {} | {values} |\n", key.trim_start_matches('#'), help.join(" ")))
    });
    table("| Key | Meaning | Values, default |", rows)
}

#[test]
fn the_configuration_page_has_every_common_setting() {
    let template = common_template();
    let (core, mapping) = template.split_once(LIST).unwrap();
    let (core, mapping) = (settings(core), settings(mapping));
    assert!(core.contains("| `danube_service_url` |") && mapping.contains("| `topic` |"));
    assert_generated(page("configuration.md"), "core", &core);
    assert_generated(page("configuration.md"), "mapping", &mapping);
}

#[test]
fn the_configuration_page_has_every_key_that_may_have_a_default_in_the_code() {
    let keys: Vec<_> = reserved::mapping_defaults().map(|(key, _)| format!("`{key}`")).collect();
    assert_generated(page("configuration.md"), "defaults", &format!("{}.\n", keys.join(", ")));
}

#[test]
fn the_configuration_page_has_every_variable() {
    let variables = environment_of(&ConnectorInfo::EMPTY).into_iter();
    let rows = variables.map(|(name, help)| format!("| `{name}` | {help} |\n"));
    assert_generated(page("configuration.md"), "environment", &table("| Variable | Meaning |", rows));
}

#[test]
fn the_operating_page_has_every_command() {
    let mut rows = Vec::new();
    describe(&cli::commands(&ConnectorInfo::EMPTY), "", &mut rows);
    assert_generated(page("operating.md"), "commands", &table("| Command | |", rows.into_iter()));
}

fn describe(command: &clap::Command, above: &str, rows: &mut Vec<String>) {
    for command in command.get_subcommands() {
        let name = format!("{above}{}", command.get_name());
        if command.has_subcommands() {
            describe(command, &format!("{name} "), rows);
            continue;
        }
        let arguments: String = command.get_positionals().map(|argument| format!(" {argument}")).collect();
        rows.push(format!("| `{name}{arguments}` | {} |\n", command.get_about().unwrap_or_default()));
        for option in command.get_opts().filter(|option| !option.is_global_set()) {
            let value = option.get_value_names().map(|names| format!(" {}", names.join(" ")));
            let value = value.filter(|_| option.get_action().takes_values()).unwrap_or_default();
            let long = option.get_long().unwrap_or_default();
            rows.push(format!("| `{name} --{long}{value}` | {} |\n", option.get_help().unwrap_or_default()));
        }
    }
}

/// The keys of the mappings in the examples, beside the common ones.
#[derive(TopicMapping)]
#[expect(dead_code, reason = "the examples are only loaded")]
struct ExampleMapping {
    fields: Option<NamedFields>,
    metadata: MetadataColumns,
}

/// A connector whose name the examples have.
macro_rules! example {
    ($name:ident) => {
        #[sink_connector(main = false)]
        struct $name {
            #[setting(default = "got")]
            prefix: String,
            #[topic_mappings]
            topics: TopicMappings<ExampleMapping>,
        }

        #[sink_connector]
        impl SinkConnector for $name {
            async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
                Ok(())
            }

            async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
                Ok(())
            }
        }
    };
}

example!(Users);
example!(Printer);

#[test]
fn every_toml_example_loads() {
    let pages = std::fs::read_dir(page("")).unwrap().map(|file| file.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|kind| kind == "md"));
    let pages: Vec<_> = pages.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let examples: Vec<_> = pages.iter().flat_map(|page| toml_examples(page)).collect();
    assert!(examples.len() > 5);
    for example in examples {
        // The files that one names are not here; `where` needs its feature.
        if example.contains("tls_ca_file") || !cfg!(feature = "cel") && example.contains("\nwhere = ") {
            continue;
        }
        let loaded = match example.contains("[printer") || example.contains("[[printer") {
            true => from_toml::<Printer>(example).map(|(printer, _)| printer.prefix),
            false => from_toml::<Users>(example).map(|(users, _)| users.prefix),
        };
        assert!(loaded.is_ok(), "{example}\n{}", loaded.unwrap_err());
    }
}
