//! Names that are keywords: of the struct, and so of its section, and of a field.

use danube_sink::{prelude::*, testing::from_toml};

#[allow(non_camel_case_types)]
#[sink_connector(main = false)]
struct r#match {
    #[setting(validate = Self::check)]
    r#type: String,
    #[topic_mappings]
    topics: TopicMappings,
}

impl r#match {
    fn check(value: &str) -> Result<(), &'static str> {
        if value.is_empty() { Err("empty") } else { Ok(()) }
    }
}

#[sink_connector]
impl SinkConnector for r#match {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, _: Vec<SinkRecord>) -> ConnectorResult<()> {
        Ok(())
    }
}

fn main() {
    let text = "[match]\ntype = 'a'\n[[match.topic_mappings]]\n\
                topic = '/default/a'\nsubscription = 's'\n";
    assert_eq!(from_toml::<r#match>(text).unwrap().0.r#type, "a");
    assert!(from_toml::<r#match>(&text.replace("'a'", "''")).is_err());
}
