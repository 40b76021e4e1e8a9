//! Files of the connector with every attribute.

use danube_sink::{OnInvalidRecord, OnMassRefusal, config::Loaded, prelude::*};

use crate::everything::{Everything, Mode, Pause, Retry, SHORTEST, Server, load, report};

#[test]
fn a_missing_key_has_its_default() {
    let Loaded { connector, core, .. } = load(SHORTEST).expect("the shortest configuration");
    assert_eq!(core.connector_name, "all-sink");
    assert_eq!((connector.timeout, connector.chunk), (Duration::from_secs(10), ByteSize(5 << 20)));
    assert_eq!((connector.number, connector.copies, connector.port), (-1, 2, 80));
    assert_eq!(connector.list, ["a", "b\\ \"c\""]);
    assert_eq!((connector.at.as_str(), connector.metadata), ("/id", vec![Metadata::Offset, Metadata::PublishTime]));
    assert_eq!((connector.mode, connector.other_mode), (Mode::AppendOnly, Mode::Upsert));
    let retry = Retry { attempts: 3, pause: Pause { initial: Duration::from_secs(1) } };
    assert_eq!((connector.retry, connector.servers), (retry, vec![]));
    assert_eq!(connector.token.expose(), "s3cret");
    let mapping = &core.mappings[0];
    assert_eq!(mapping.consumer.subscription_type, SubscriptionType::Exclusive);
    assert_eq!((mapping.batch_size, mapping.flush_interval), (7, Duration::from_millis(50)));
    assert_eq!(mapping.on_invalid_record, OnInvalidRecord::DeadLetter);
    assert_eq!(mapping.dead_letter_topic.as_deref(), Some("/default/dead"));
    assert_eq!(mapping.on_mass_refusal, OnMassRefusal::Stop);
    assert!(mapping.single_writer && mapping.sole_consumer && !mapping.create_topics);
}

#[test]
fn the_template_of_everything_loads_as_the_defaults() {
    let template = danube_sink::config::template::<Everything>();
    let Loaded { connector, core, .. } = load(&template).unwrap_or_else(|report| panic!("{report}\n{template}"));
    let shortest = load(SHORTEST).expect("the shortest configuration");
    assert_eq!((connector.retry, connector.class), (shortest.connector.retry, shortest.connector.class));
    assert_eq!(connector.standby, None);
    assert_eq!(connector.topics.get("/default/topic").map(|target| target.table.as_str()), Some("text"));
    let of_core = |core: ConnectorConfig| (core.batch_size, core.max_retries, core.tasks, core.mappings[0].batch_size);
    assert_eq!(of_core(core), of_core(shortest.core));
    for line in [
        "#mode = \"append_only\"",
        "[all.retry]",
        "#first = \"1s\"",
        "#batch_size = 7",
        "#single_writer = true",
        "#[all.standby]",
    ] {
        assert!(template.contains(line), "`{line}` is not in\n{template}");
    }
    for (variable, need) in [("ALL_TOKEN_FILE", "Required."), ("OTHER_KEY_FILE", "Optional.")] {
        let line = template.lines().find(|line| line.contains(variable)).expect("a line for the secret");
        assert!(line.ends_with(need), "{line}");
    }
}

#[test]
fn the_file_overrides_the_defaults() {
    let lines = r#"
        chunk = "64KiB"
        storage-class = "cold"
        mode = "REPLACE"
        other_mode = "append-only"
        retry = { attempts = 5, pause = { first = "3s" } }
        servers = [{ host = "a" }, { host = "b" }]
        [all.labels]
        a = "/b"
    "#;
    let text = SHORTEST.replace("[[all", &format!("{lines}\n[[all"));
    let text =
        format!("{text}batch_size = 8\nsingle_writer = false\nsubscription_type = \"Shared\"\nretry.attempts = 9\n");
    let Loaded { connector, core, .. } = load(&text).expect("a good configuration");
    assert_eq!((connector.chunk, connector.class.as_str()), (ByteSize(65_536), "cold"));
    assert_eq!((connector.mode, connector.other_mode), (Mode::DropAndCreate, Mode::AppendOnly));
    assert_eq!(connector.retry, Retry { attempts: 5, pause: Pause { initial: Duration::from_secs(3) } });
    assert_eq!(connector.servers[1], Server { host: "b".to_owned() });
    assert_eq!(core.mappings[0].batch_size, 8);
    assert!(!core.mappings[0].single_writer, "the file has precedence");
    assert_eq!(core.mappings[0].consumer.subscription_type, SubscriptionType::Shared);
    assert_eq!(connector.topics.get("/default/a").map(|target| target.retry.attempts), Some(9));
}

#[test]
fn the_root_of_the_file_overrides_the_code_s_defaults_of_mappings() {
    let size =
        |root: &str| load(&format!("{root}\n{SHORTEST}")).expect("a good configuration").core.mappings[0].clone();
    assert_eq!(size("batch_size = 50").batch_size, 50);
    assert_eq!(size("batch_size = 50").flush_interval, Duration::from_millis(50), "the code's default of another key");
    assert_eq!(size("processing.batch_timeout_ms = 70").flush_interval, Duration::from_millis(70));
    assert_eq!(size("on_mass_refusal = \"go_on\"").on_mass_refusal, OnMassRefusal::GoOn);
}

#[test]
fn every_constraint_is_reported_with_its_line() {
    let report = report(
        r#"timeout = "1m"
chunk = 5
number = 6
share = 1.0
list = ["a", "b", "c", "d"]
table = {}
storage-class = "Hot"
copies = 5
spare = 3
mode = "upsrt"
port = 0
retry = { atempts = 3, pause = { first = 1 } }
servers = [{}, { host = "" }]
at = "user.id"
metadata = ["offsets"]"#,
    );
    let expected = r#"error: connector.toml:4:11: `timeout`: the duration is out of range
   4 | timeout = "1m"
     |           ^^^^
   help: write a duration such as `"250ms"`, `"10s"` or `"1h30m"`, from 1s to less than 1m

error: connector.toml:5:9: `chunk`: the size is out of range
   5 | chunk = 5
     |         ^
   help: write a size such as `"64KiB"` or `"5MiB"`, of at least 1KiB

error: connector.toml:6:10: `number`: the number is out of range
   6 | number = 6
     |          ^
   help: write an integer from -5 to 5

error: connector.toml:7:9: `share`: the number is out of range
   7 | share = 1.0
     |         ^^^
   help: write a number, from 0.0 to less than 1.0

error: connector.toml:8:8: `list`: the array is too long or too short
   8 | list = ["a", "b", "c", "d"]
     |        ^^^^^^^^^^^^^^^^^^^^
   help: write an array of at most 3 values

error: connector.toml:9:9: `table`: the table has too many or too few keys
   9 | table = {}
     |         ^^
   help: write a table of at least 1 key

error: connector.toml:10:17: `storage-class`: not one of the allowed values
  10 | storage-class = "Hot"
     |                 ^^^^^
   help: write one of `"hot"` or `"cold"`

error: connector.toml:11:10: `copies`: not one of the allowed values
  11 | copies = 5
     |          ^
   help: write one of `1`, `2`, `3` or `4`

error: connector.toml:12:9: `spare`: an odd number
  12 | spare = 3
     |         ^
   help: write another value

error: connector.toml:13:8: `mode`: unknown mode
  13 | mode = "upsrt"
     |        ^^^^^^^
   help: did you mean `upsert`? It is one of `append_only`, `upsert` or `replace`

error: connector.toml:14:8: `port`: the number is out of range
  14 | port = 0
     |        ^
   help: write an integer from 1 to 1024

error: connector.toml:15:11: `retry`: unknown key `atempts` in this table
  15 | retry = { atempts = 3, pause = { first = 1 } }
     |           ^^^^^^^
   help: did you mean `attempts`?

error: connector.toml:15:42: `retry`: `pause`: `first`: expected a duration, found an integer
  15 | retry = { atempts = 3, pause = { first = 1 } }
     |                                          ^
   help: write a duration such as `"250ms"`, `"10s"` or `"1h30m"`

error: connector.toml:16:12: `servers`: missing key `host` in this table
  16 | servers = [{}, { host = "" }]
     |            ^^
   help: add `host = …`: Its name

error: connector.toml:16:25: `servers`: `host`: the string is empty
  16 | servers = [{}, { host = "" }]
     |                         ^^
   help: write a string of 1 to 10 characters

error: connector.toml:17:6: `at`: not a JSON pointer
  17 | at = "user.id"
     |      ^^^^^^^^^
   help: write a path into the payload, which begins with `/`, such as `/user/id`; `~1` is a `/` in a name, `~0` a `~`

error: connector.toml:18:13: `metadata`: unknown metadata
  18 | metadata = ["offsets"]
     |             ^^^^^^^^^
   help: did you mean `offset`? It is one of `topic`, `partition`, `offset`, `publish_time`, `producer`, `key` or `id`

17 errors in connector.toml"#;
    assert_eq!(report, expected);
}
