use danube_sink::prelude::*;

#[sink_connector]
union Sink {
    #[setting(default = 5)]
    port: u16,
    #[state]
    count: u16,
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
