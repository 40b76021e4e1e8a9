use danube_sink::prelude::*;

#[sink_connector]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings,
}
