#[sink_connector(main = false)]
struct Sink {
    #[setting(range = 1..=9)]
    number: u8,
    #[setting(range = ..0.5)]
    share: Option<f64>,
    #[setting(range = "1s".."1m")]
    timeout: Duration,
    #[setting(length = 1..)]
    hosts: Vec<String>,
    #[setting(one_of = ["a", "b"], validate = check)]
    word: String,
    #[setting(length = ..=3, items(range = 1..=10))]
    items: Vec<u8>,
    #[topic_mappings]
    topics: TopicMappings,
}
