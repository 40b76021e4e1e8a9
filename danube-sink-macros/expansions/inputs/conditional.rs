#[sink_connector(main = false)]
struct Sink {
    #[cfg(unix)]
    #[setting(default = 5, range = 1..=9)]
    number: u8,
    #[cfg(unix)]
    #[state]
    count: usize,
    #[topic_mappings]
    topics: TopicMappings,
}
