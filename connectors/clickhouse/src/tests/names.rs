//! Names of columns and tables with special characters, and repeated names.

use danube_sink::{SinkConnector, testing::from_toml};

use super::{Clickhouse, Engine, Process, connector, initialize, records, rejected, started};

#[tokio::test]
async fn names_may_contain_any_character() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let name = r#"a `b` \\ \"c\"; DROP TABLE t -- ä"#;
        let columns =
            format!("\"{name}\" = '/n', 'nested.x' = '/x', select = '/s', 'größe' = '/g', N = '/N', n = '/n'");
        let mapping = format!(
            "columns = {{ {columns} }}\n[clickhouse.topic_mappings.create]\norder_by = 'tuple()'\n\
             columns = {{ \"{name}\" = 'UInt64', 'nested.x' = 'Array(UInt8)', select = 'UInt8', 'größe' = 'UInt8', \
             N = 'UInt8', n = 'UInt8' }}"
        );
        let mut connector = started(&server, &mapping).await;
        let payload = r#"{"n":1,"x":[1,2],"s":3,"g":4,"N":5}"#;
        connector.process_batch(records([payload])).await.expect("a row");
        let shown = "SELECT `select`, `größe`, N, n, `nested.x` FROM t FORMAT TSV";
        assert_eq!(server.ask(shown), "3\t4\t5\t1\t[1,2]");
        // A table that is there already is left as it is.
        initialize(&mut connector).await.expect("the table");
        assert_eq!(server.ask("SELECT count() FROM t"), "1");

        let text = rejected(connector.process_batch(records([r#"{"n":1,"x":[1,2],"s":256}"#])).await);
        assert!(text.contains("in the column select:"), "{text}");
    }
}

#[tokio::test]
async fn a_table_with_a_dot_or_a_quotation_mark_in_its_name_is_one_table() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let mapping = "create = { columns = { n = 'UInt8' }, order_by = 'n' }\ntable = 'a.b \"`c'";
        let mut connector = started(&server, mapping).await;
        connector.process_batch(records([r#"{"n":1}"#])).await.expect("a row");
        assert_eq!(server.ask(r#"SELECT n FROM `a.b "\`c`"#), "1");
    }
}

/// The server would refuse the row, and the rest of its batch.
#[tokio::test]
async fn metadata_beside_a_payload_field_of_the_same_name_reject_that_record_alone() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let mapping = "metadata = ['id']\n[clickhouse.topic_mappings.create]\nengine = 'ReplacingMergeTree'\norder_by = 'id'\n\
                       columns = { id = 'String', ID = 'String', n = 'UInt64' }";
        let mut connector = started(&server, mapping).await;
        let batch = records([r#"{"id":"a","n":1}"#, r#"{"n":2}"#, r#"{"\u0069d":"a","n":3}"#, r#"{"ID":"a","n":4}"#]);
        let text = rejected(connector.process_batch(batch).await);
        assert!(text.contains("0 records to retry, 2 rejected") && text.contains("`metadata`"), "{text}");
        assert_eq!(server.ask("SELECT n, ID FROM t ORDER BY n FORMAT TSV"), "2\t\n4\ta");
    }
}

#[tokio::test]
async fn a_field_that_a_payload_has_twice_rejects_it() {
    let server = Process::start();
    server.ask("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n");
    let mut connector = started(&server, "on_new_field = 'ignore'").await;
    for payload in [r#"{"n":1,"n":1}"#, r#"{"n":1,"s":"","\u006e":2}"#] {
        let text = rejected(connector.process_batch(records([payload])).await);
        assert!(text.contains("the field \"n\" twice"), "{text}");
    }
    connector
        .process_batch(records([r#"{"n":1,"N":2,"other":1,"other":2}"#]))
        .await
        .expect("other fields are left out");
    let text = rejected(connector.process_batch(records([r#"{"num":1,"other":2}"#])).await);
    assert!(text.contains("no column for any field"), "{text}");
}

#[test]
fn a_column_that_is_written_twice_is_an_error_of_the_configuration() {
    for mapping in ["columns = { id = '/id' }\nmetadata = ['id']", "metadata = ['offset', 'offset']"] {
        let text = format!("[clickhouse]\n[[clickhouse.topic_mappings]]\ntopic = '/default/t'\ntable = 't'\n{mapping}");
        let report = from_toml::<Clickhouse>(&text).err().expect("an error").to_string();
        assert!(report.contains("would be written twice"), "{report}");
    }
    let mapping = "columns = { message_id = 'id', Id = '/id' }\nmetadata = ['id']";
    drop(connector("http://localhost:8123", mapping));
}
