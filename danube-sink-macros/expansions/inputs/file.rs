#[sink_connector(config = "expansions/inputs/file.toml", main = false)]
struct Sink {
    port: u16,
    #[setting(secret)]
    token: Secret,
    #[topic_mappings]
    topics: TopicMappings<Target>,
}
