//! A check takes what a value dereferences to, as an idiomatic function does.
#![allow(dead_code)]

use std::path::Path;

use danube_sink::{prelude::*, testing::from_toml};

#[sink_connector(main = false)]
struct Sink {
    #[setting(validate = not_blank)]
    name: String,
    #[setting(validate = not_blank)]
    title: Option<String>,
    #[setting(validate = relative)]
    folder: PathBuf,
    #[setting(validate = differ, default = ["a"])]
    hosts: Vec<String>,
    #[setting(validate = owned, default = "a")]
    owned: String,
    #[topic_mappings]
    topics: TopicMappings,
}

fn not_blank(text: &str) -> Result<(), &'static str> {
    if text.trim().is_empty() { Err("blank") } else { Ok(()) }
}

fn relative(path: &Path) -> Result<(), String> {
    if path.is_absolute() { Err("absolute".to_owned()) } else { Ok(()) }
}

fn differ(hosts: &[String]) -> Result<(), String> {
    if hosts.iter().any(String::is_empty) { Err("empty".to_owned()) } else { Ok(()) }
}

fn owned(_: &String) -> Result<(), String> {
    Ok(())
}

#[sink_connector]
impl SinkConnector for Sink {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}

fn main() {
    let text = "[sink]\nname = 'a'\ntitle = ' '\nfolder = '/a'\n[[sink.topic_mappings]]\ntopic = '/default/users'";
    let report = from_toml::<Sink>(text).map(drop).unwrap_err().to_string();
    assert!(report.contains("blank") && report.contains("absolute"), "{report}");
    assert_eq!(report.matches("blank").count(), 1, "{report}");
}
