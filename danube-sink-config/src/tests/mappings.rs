//! Topic mappings: their consumers, and the mapping of a record.

use super::*;

#[test]
fn a_record_finds_its_mapping() {
    let text =
        format!("{GOOD}\n[[http_sink.topic_mappings]]\ntopic = \"/events/users\"\nsubscription = \"b\"\npath = \"/b\"");
    let loaded = load(&text).unwrap();
    let topics = &loaded.connector.topics;
    assert_eq!((topics.len(), topics.iter().count()), (2, 2));
    assert!(topics.for_record(&Record { topic: "/events/other", subscription: "b" }).is_err());
    let users = Record { topic: "/events/users", subscription: "b" };
    assert_eq!(topics.for_record(&users).unwrap().path, "/b");
    assert_eq!(topics.mapping_for(&users).unwrap().settings.consumer.subscription, "b");
    let one = load(GOOD).unwrap().connector.topics;
    assert_eq!(one.for_record(&Record { topic: "/events/users", subscription: "" }).unwrap().path, "/users");
}

struct Record {
    topic: &'static str,
    subscription: &'static str,
}

impl Mapped for Record {
    fn topic(&self) -> &str {
        self.topic
    }

    fn subscription(&self) -> &str {
        self.subscription
    }
}

#[test]
fn an_exclusive_consumer_keeps_its_name_on_any_host() {
    let text = GOOD.replace("path =", "subscription_type = \"exclusive\"\npath =");
    assert_eq!(load(&text).unwrap().core.mappings[0].consumer.consumer_name, "http-sink");
}

#[test]
fn schema_versions_that_no_message_has_are_an_error() {
    let report = report(&GOOD.replace("path =", "expected_schema_version = 3\nmin_schema_version = 5\npath ="));
    assert!(
        report.contains("connector.toml:11:27: `expected_schema_version` is less than `min_schema_version`"),
        "{report}"
    );
    assert!(load(&GOOD.replace("path =", "expected_schema_version = 5\nmin_schema_version = 5\npath =")).is_ok());
}

#[test]
fn the_dead_letter_topic_is_none_that_is_read_nor_a_partition_of_it_nor_the_whole_of_it() {
    for (topic, dead_letters) in [
        ("/events/users", "/events/users"),
        ("/events/users", "/events/users-part-7"),
        ("/events/users-part-0", "/events/users"),
    ] {
        let text = GOOD.replace("/events/users", topic);
        let report = report(&text.replace("path =", &format!("dead_letter_topic = \"{dead_letters}\"\npath =")));
        assert!(report.contains("is a topic that this connector reads"), "{topic}, {dead_letters}: {report}");
    }
    for dead_letters in ["/events/users-part-1", "/events/users-failed"] {
        let text = GOOD.replace("/events/users", "/events/users-part-0");
        load(&text.replace("path =", &format!("dead_letter_topic = \"{dead_letters}\"\npath ="))).unwrap();
    }
}
