//! Generated parts of documents, such as the settings and the verdict table in a connector's README, and their TOML examples.

use std::{
    collections::HashSet,
    env, fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::subject::from_toml_with;
use crate::config::{
    TemplateKind, load_without_environment,
    private::{ConnectorInfo, GeneratedConnector},
    template_of,
};

/// Lock on all documents: tests run in parallel, and one may write a document that another reads.
static DOCUMENTS: Mutex<()> = Mutex::new(());

/// Asserts that a generated part of a document is up to date. With the environment variable `BLESS` set, it writes the part
/// into the document instead.
///
/// The part is between a line `<!-- generated: NAME -->` and the next line `<!-- end -->`; Markdown renders neither.
///
/// ```
/// use std::{env, fs, process};
///
/// use danube_sink::testing::assert_generated;
///
/// let readme = env::temp_dir().join(format!("readme-{}.md", process::id()));
/// fs::write(&readme, "# A connector\n\n<!-- generated: verdicts -->\n| 503 | retried |\n<!-- end -->\n").unwrap();
/// assert_generated(&readme, "verdicts", "| 503 | retried |\n");
/// # fs::remove_file(readme).unwrap();
/// ```
///
/// # Panics
/// If the document cannot be read, lacks the part, or its part has another text.
pub fn assert_generated(document: impl AsRef<Path>, name: &str, text: &str) {
    let path = document.as_ref();
    let shown = path.display();
    let begin = format!("<!-- generated: {name} -->\n");
    let _held = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = fs::read_to_string(path).unwrap_or_default();
    let parts = kept.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once("<!-- end -->")?)));
    let Some((before, (part, after))) = parts else {
        panic!("{shown} has no part between {begin}and <!-- end -->");
    };
    if part != text && env::var_os("BLESS").is_some() {
        let written = fs::write(path, format!("{before}{begin}{text}<!-- end -->{after}"));
        assert!(written.is_ok(), "{shown} cannot be written: {written:?}");
        return;
    }
    assert!(part == text, "the part {name} of {shown} is out of date; run the test with BLESS=1 to update it:\n{text}");
}

/// A connector's own settings as TOML, for its README: the keys in the output of the command `template` whose help or
/// default differs from the common settings.
///
/// The [guide](crate::guide::configuration) describes the common settings. Common keys for which the connector has another
/// default are among its own settings.
///
/// ```
/// # use danube_sink::prelude::*;
/// use danube_sink::{config::template, testing::own_settings};
///
/// #[sink_connector(main = false)]
/// struct Users {
///     /// Prefix of each line.
///     #[setting(default = "got")]
///     prefix: String,
///     #[topic_mappings(batch_size = 500)]
///     topics: TopicMappings,
/// }
/// # #[sink_connector]
/// # impl SinkConnector for Users {
/// #     async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> { Ok(()) }
/// #     async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> { Ok(()) }
/// # }
/// # fn main() {
///
/// let own = own_settings(&template::<Users>());
/// assert!(own.contains("prefix") && own.contains("batch_size = 500") && !own.contains("flush_interval_ms"));
/// # }
/// ```
pub fn own_settings(template: &str) -> String {
    let common = common_template();
    let common: HashSet<&str> = blocks(&common).collect();
    // The first block names the connector.
    let own: Vec<_> = blocks(template).skip(1).filter(|block| !common.contains(block)).collect();
    format!("```toml\n{}\n```\n", own.join("\n\n"))
}

/// The template of a connector without settings of its own.
pub(crate) fn common_template() -> String {
    let info = ConnectorInfo { name: "connector", section: "connector", ..ConnectorInfo::EMPTY };
    template_of(&info, TemplateKind::Complete)
}

/// The keys and tables of a template, each with its comment.
pub(crate) fn blocks(template: &str) -> impl Iterator<Item = &str> {
    template.split("\n\n").map(str::trim)
}

/// Asserts that what `template` and `template --minimal` print is a valid configuration of the connector for
/// `check --no-environment`, as is the file that its code names.
///
/// # Panics
/// If one does not load; the message has the report.
pub fn assert_templates_load<C: GeneratedConnector>() {
    let templates = [TemplateKind::Complete, TemplateKind::Minimal].map(|kind| template_of(&C::INFO, kind));
    let sample = C::INFO.sample.map(|sample| sample.text.to_owned());
    for text in templates.into_iter().chain(sample) {
        if let Err(report) = load_without_environment::<C>(&text) {
            panic!("it does not load without the environment:\n{text}\n{report}");
        }
    }
}

/// Asserts that each TOML example of a document is a valid configuration of the connector, also for `check --no-environment`;
/// generated parts are ignored.
///
/// The examples may omit `danube_service_url`. `secrets` are the environment variables that they need, with any value.
///
/// # Panics
/// If the document has no example, or an example does not load; the message has the report.
pub fn assert_examples_load<C: GeneratedConnector>(document: impl AsRef<Path>, secrets: &[(&str, &str)]) {
    let shown = document.as_ref().display();
    let text = {
        let _held = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
        fs::read_to_string(&document).unwrap_or_default()
    };
    let examples = toml_examples(&text);
    assert!(!examples.is_empty(), "{shown} has no example in TOML");
    for example in examples {
        if let Err(report) = from_toml_with::<C>(example, secrets) {
            panic!("an example of {shown} does not load:\n{example}\n{report}");
        }
        if let Err(report) = load_without_environment::<C>(example) {
            panic!("an example of {shown} does not load without the environment:\n{example}\n{report}");
        }
    }
}

/// The TOML examples of a document, without its generated parts.
pub(crate) fn toml_examples(document: &str) -> Vec<&str> {
    let parts = document.split("<!-- generated: ").enumerate();
    let written = parts.map(|(number, part)| match part.split_once("<!-- end -->") {
        Some((_, behind)) if number > 0 => behind,
        _ => part,
    });
    let blocks = written.flat_map(|part| part.split("```toml\n").skip(1));
    blocks.filter_map(|block| block.split_once("```")).map(|(example, _)| example).collect()
}

#[cfg(test)]
mod tests {
    use super::toml_examples;

    #[test]
    fn generated_parts_are_no_examples() {
        let text = "```toml\na = 1\n```\n<!-- generated: settings -->\n```toml\nb = 2\n```\n<!-- end -->\n```toml\nc = 3\n```\n";
        assert_eq!(toml_examples(text), ["a = 1\n", "c = 3\n"]);
    }
}
