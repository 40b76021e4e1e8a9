/// Prints the records of each topic.
#[sink_connector]
struct Printer {
    /// What each line begins with.
    #[setting(default = "got")]
    prefix: String,
    #[topic_mappings]
    topics: TopicMappings,
}

#[sink_connector]
impl SinkConnector for Printer {
    async fn initialize(&mut self, _: ConnectorConfig) -> ConnectorResult<()> {
        Ok(())
    }

    async fn process_batch(&mut self, records: Vec<SinkRecord>) -> ConnectorResult<()> {
        records.iter().for_each(|record| println!("{} {}", self.prefix, record.payload()));
        Ok(())
    }
}
