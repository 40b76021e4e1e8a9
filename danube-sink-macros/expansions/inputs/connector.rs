/// Every argument of a connector.
#[sink_connector(
    section = "store",
    name = "store-sink",
    version = "1.2.3",
    dev_hint = "look there",
    validate = Self::agrees,
    validate_external = Self::has_its_files,
    main = false
)]
struct Store {
    #[topic_mappings(subscription_type = "Exclusive", batch_size = 500)]
    topics: TopicMappings<Target>,
    #[state]
    count: usize,
}
