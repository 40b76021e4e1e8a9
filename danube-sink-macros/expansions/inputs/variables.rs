#[sink_connector(section = "store", main = false)]
struct Sink {
    #[setting(env = "SINK_URL")]
    url: Url,
    #[setting(secret)]
    token: Secret,
    #[setting(secret, env = "OTHER_KEY")]
    key: Option<Secret>,
    #[topic_mappings]
    topics: TopicMappings,
}
