#[sink_connector(main = false)]
struct Sink {
    #[setting(default)]
    of_type: u16,
    #[setting(default = 1.)]
    float: f64,
    #[setting(default = ["a", "b"])]
    array: Vec<String>,
    #[setting(default(secret_header = "api-key", retries = 5))]
    of_keys: Api,
    #[setting(example = "eu-central-1")]
    region: String,
    #[setting(rename = "type")]
    kind: Option<String>,
    #[topic_mappings]
    topics: TopicMappings,
}
