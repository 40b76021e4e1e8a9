use danube_sink::prelude::*;

#[sink_connector(main = false)]
struct Sink {
    #[topic_mappings]
    topics: TopicMappings,
}

fn main() {}
