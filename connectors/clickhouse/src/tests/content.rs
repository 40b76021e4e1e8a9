//! Tables that records choose.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use danube_sink::{
    ConnectorError, ConnectorResult, SinkConnector,
    testing::{HttpReply, HttpServer},
};

use super::{Engine, Process, connector, initialize, records, rejected, started};

const BY_TENANT: &str = "max_open_tables = 2\ncreate = { columns = { id = 'UInt64', tenant = 'String' }, order_by = 'id' }\n\
                         table = 'events_{/tenant}'";
const TABLES: &str = "SELECT name FROM system.tables WHERE database = 'default' ORDER BY name";

/// The offsets of the records that are not written, and why.
fn rejections(answer: ConnectorResult<()>) -> (Vec<u64>, String) {
    let Err(ConnectorError::Partial(failure)) = answer else { panic!("not rejected: {answer:?}") };
    let text = format!("{failure:?}");
    let offset = |text: &str| text.split(',').next().and_then(|offset| offset.parse().ok());
    let mut offsets: Vec<_> = text.split("offset: ").skip(1).filter_map(offset).collect();
    offsets.sort_unstable();
    (offsets, text)
}

#[tokio::test]
async fn each_record_is_in_the_table_that_it_chooses() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE TABLE events_old (id UInt64, tenant String) ENGINE = MergeTree ORDER BY id");
        let mut connector = started(&server, BY_TENANT).await;
        connector.health_check().await.expect("a server");
        let batch = ["a", "b", "old", "a", "C d.`e", "é", "b"];
        let payloads: Vec<_> =
            (0..).zip(batch).map(|(id, tenant)| format!(r#"{{"id":{id},"tenant":"{tenant}"}}"#)).collect();
        // More tables than are remembered.
        for _ in 0..2 {
            connector.process_batch(records(&payloads)).await.expect("rows");
        }
        for (table, count) in [("a", "4"), ("b", "4"), ("old", "2"), ("C d.\\`e", "2"), ("é", "2")] {
            let rows = server.ask(&format!("SELECT count() FROM `events_{table}` WHERE tenant = '{table}'"));
            assert_eq!(rows, count, "{engine:?} {table}");
        }
        assert_eq!(server.ask(TABLES).lines().count(), 5);
    }
}

#[tokio::test]
async fn a_batch_is_one_insert_into_each_table_whatever_the_order_of_its_records() {
    let server = Process::start();
    let mut connector = started(&server, &format!("subscription_type = 'Exclusive'\n{BY_TENANT}")).await;
    let payload = |id: usize| format!(r#"{{"id":{id},"tenant":"{}"}}"#, ["a", "b"][id % 2]);
    let payloads: Vec<_> = (0..40).map(payload).collect();
    connector.process_batch(records(&payloads)).await.expect("rows");
    for table in ["a", "b"] {
        let parts = format!("SELECT count(), sum(rows) FROM system.parts WHERE table = 'events_{table}'");
        assert_eq!(server.ask(&parts), "1\t20", "{table}");
    }
}

#[tokio::test]
async fn a_table_that_cannot_exist_rejects_the_record_and_the_others_are_written() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let mut connector = started(&server, BY_TENANT).await;
        let long = format!(r#"{{"id":2,"tenant":"s3cret{}"}}"#, "é".repeat(40));
        let batch = [
            r#"{"id":0,"tenant":"a"}"#,
            r#"{"id":1}"#,
            &long,
            r#"{"id":3,"tenant":{"s3cret":1}}"#,
            r#"{"id":4,"tenant":"s3cret\u0000"}"#,
            r#"{"id":5,"tenant":"s3cret\n"}"#,
            r#"{"id":6,"tenant":"b"}"#,
        ];
        let (offsets, reasons) = rejections(connector.process_batch(records(batch)).await);
        assert_eq!(offsets, [1, 2, 3, 4, 5]);
        assert_eq!(reasons.matches("events_{/tenant}").count(), 5, "{reasons}");
        assert!(!reasons.contains("s3cret"), "{reasons}");
        assert_eq!(server.ask(TABLES), "events_a\nevents_b");
    }
}

/// The longest name that is taken is one that the server takes, too.
#[tokio::test]
async fn a_name_of_the_greatest_length_is_taken() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        let mut connector = started(&server, BY_TENANT).await;
        for tenant in ["x".repeat(193), "é".repeat(32)] {
            connector.process_batch(records([format!(r#"{{"id":1,"tenant":"{tenant}"}}"#)])).await.expect("a row");
            assert_eq!(server.ask(&format!("SELECT count() FROM `events_{tenant}`")), "1");
            server.ask(&format!("DROP TABLE `events_{tenant}`"));
        }
    }
}

#[tokio::test]
async fn without_create_a_missing_table_or_database_rejects_its_records() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE DATABASE other");
        server.ask("CREATE TABLE other.a (id UInt64) ENGINE = MergeTree ORDER BY id");
        let mapping = "database = '{/database}'\non_new_field = 'ignore'\ntable = '{/tenant}'";
        let mut connector = started(&server, &format!("max_open_tables = 1\n{mapping}")).await;
        let batch = [
            r#"{"id":0,"database":"other","tenant":"a"}"#,
            r#"{"id":1,"database":"other","tenant":"s3cret"}"#,
            r#"{"id":2,"database":"s3cret","tenant":"a"}"#,
            r#"{"id":3,"database":"other","tenant":"a"}"#,
        ];
        let (offsets, reasons) = rejections(connector.process_batch(records(batch)).await);
        assert_eq!(offsets, [1, 2], "{reasons}");
        assert_eq!(reasons.matches("`{/database}.{/tenant}` does not exist").count(), 2, "{reasons}");
        assert!(!reasons.contains("s3cret"), "{reasons}");
        assert_eq!(server.ask("SELECT id FROM other.a ORDER BY id"), "0\n3", "{engine:?}");
        // A database is not created.
        let create = "create = { columns = { id = 'UInt64' }, order_by = 'id' }";
        let mut connector = started(&server, &format!("{create}\n{mapping}")).await;
        assert_eq!(rejections(connector.process_batch(records(batch)).await).0, [2]);
        assert_eq!(server.ask("SELECT id FROM other.s3cret"), "1");
    }
}

/// One tenant's new field, mistake or view must not hold up the others.
#[tokio::test]
async fn a_table_that_takes_no_row_rejects_its_records_and_the_others_are_written() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        for (table, columns) in
            [("a", "id UInt64, tenant String, offset UInt64"), ("b", "id UInt64, tenant String"), ("c", "n UInt64")]
        {
            server.ask(&format!("CREATE TABLE events_{table} ({columns}) ENGINE = MergeTree ORDER BY tuple()"));
        }
        server.ask("CREATE VIEW events_all AS SELECT * FROM events_a");
        for (mapping, taken) in [
            ("", ["a", "b"].as_slice()),
            ("on_new_field = 'ignore'\nmetadata = ['offset']", &["a"]),
            ("metadata = ['offset']", &["a"]),
            ("columns = { id = '/id', tenant = '/tenant' }", &["a", "b"]),
        ] {
            let mut connector = started(&server, &format!("{mapping}\ntable = 'events_{{/tenant}}'")).await;
            let tenants = ["a", "c", "b", "all", "c", "a"];
            let payload = |(id, tenant): (usize, &&str)| format!(r#"{{"id":{id},"tenant":"{tenant}"}}"#);
            let batch = records(tenants.iter().enumerate().map(payload));
            let expected: Vec<_> = (0..6).filter(|id| !taken.contains(&tenants[*id as usize])).collect();
            let (offsets, reasons) = rejections(connector.process_batch(batch).await);
            assert_eq!(offsets, expected, "{engine:?} {mapping}: {reasons}");
            assert!(reasons.contains("retry: []") && !reasons.contains("events_c"), "{engine:?} {mapping}: {reasons}");
            assert_eq!(server.ask("SELECT count() FROM events_a"), "2", "{engine:?} {mapping}");
            server.ask("TRUNCATE TABLE events_a");
        }
    }
}

/// A database may have an engine without tables of its own.
#[tokio::test]
async fn a_database_that_creates_no_tables_rejects_its_records() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask("CREATE DATABASE tables");
        server.ask("CREATE DATABASE dictionaries ENGINE = Dictionary");
        let create = "create = { columns = { id = 'UInt64' }, order_by = 'id' }";
        let mapping = format!("{create}\ndatabase = '{{/in}}'\non_new_field = 'ignore'\ntable = 'events'");
        let mut connector = started(&server, &mapping).await;
        let batch = ["tables", "dictionaries"].map(|name| format!(r#"{{"id":1,"in":"{name}"}}"#));
        let (offsets, reasons) = rejections(connector.process_batch(records(batch)).await);
        assert_eq!(offsets, [1], "{engine:?}: {reasons}");
        assert!(reasons.contains("retry: []") && !reasons.contains("dictionaries"), "{engine:?}: {reasons}");
        assert_eq!(server.ask("SELECT count() FROM tables.events"), "1", "{engine:?}");
    }
}

/// One tenant's table that the user may not see, alter or write, or whose view is broken, must not hold up the others.
#[tokio::test]
async fn a_table_that_is_refused_alone_rejects_its_records() {
    const ALTERED: &str = r#"{"name":"id","type":"Int64","default_type":""}"#;
    for (step, code, is_rejected) in [
        ("DESCRIBE", 497, true),
        ("DESCRIBE", 291, true),
        ("CREATE", 497, true),
        ("CREATE", 48, true),
        ("INSERT", 497, true),
        ("INSERT", 47, true),
        ("INSERT", 60, true),
        ("INSERT", 242, false),
        ("DESCRIBE", 12345, false),
    ] {
        for is_altered in [false, true] {
            let described = AtomicUsize::new(0);
            let server = HttpServer::start(move |request| {
                let statement = request.uri.clone() + &request.text();
                let is_of_b = statement.contains("`b`") || statement.contains("%60b%60");
                let missing = "Code: 60. DB::Exception: s3cret";
                match () {
                    () if is_of_b && statement.contains(step) => {
                        HttpReply::status(500, format!("Code: {code}. DB::Exception: s3cret"))
                    }
                    () if is_of_b && step == "CREATE" => HttpReply::status(500, missing),
                    () if is_of_b && is_altered && described.fetch_add(1, Relaxed) > 0 => {
                        HttpReply::status(200, ALTERED)
                    }
                    () if statement.contains("DESCRIBE") => {
                        HttpReply::status(200, r#"{"name":"id","type":"UInt64","default_type":""}"#)
                    }
                    () => HttpReply::status(200, ""),
                }
            })
            .expect("a free port");
            let mapping = "create = { columns = { id = 'UInt64' }, order_by = 'id' }\n\
                           on_new_field = 'ignore'\ntable = '{/tenant}'";
            let mut connector = connector(&server.url(), mapping);
            initialize(&mut connector).await.expect("it answers");
            let batch = ["a", "b", "b"].map(|tenant| format!(r#"{{"id":1,"tenant":"{tenant}"}}"#));
            let error = connector.process_batch(records(batch)).await.expect_err("one table is refused").report();
            // An insert of rows for a table that was altered meanwhile is made anew.
            let counts = if is_rejected && !(step == "INSERT" && is_altered) {
                "0 records to retry, 2"
            } else {
                "2 records to retry, 0"
            };
            assert!(error.contains(counts) && !error.contains("s3cret"), "{step} {code} {is_altered}: {error}");
            assert!(error.contains(&format!("code {code}")) || step == "CREATE", "{step} {code}: {error}");
        }
    }
}

#[cfg(feature = "arrow")]
#[tokio::test]
async fn a_table_of_the_month_is_created_and_created_again() {
    let server = Process::start_of(Engine::Current);
    let mapping = "format = 'arrow_stream'\ncreate = { columns = { id = 'UInt64' }, order_by = 'id' }\n\
                   table = 'month_{publish_time:%Y%m}'";
    let mut connector = started(&server, mapping).await;
    let record = |offset: u64, day: u64| {
        let record = danube_sink::SinkRecord::builder("/default/t").subscription("s").offset(offset);
        record.publish_time(day * 86_400_000_000).payload(r#"{"id":1}"#).build()
    };
    let batch = vec![record(0, 17_896), record(1, 17_897), record(2, 17_898)];
    connector.process_batch(batch.clone()).await.expect("rows");
    assert_eq!(server.ask(TABLES), "month_201812\nmonth_201901");
    server.ask("DROP TABLE month_201901");
    connector.process_batch(batch).await.expect("rows");
    assert_eq!(server.ask("SELECT count() FROM month_201901"), "2");
}

#[tokio::test]
async fn the_failure_of_a_table_is_reported_without_its_name() {
    for engine in Engine::ALL {
        let server = Process::start_of(engine);
        server.ask(
            "CREATE TABLE s3cret (n UInt64) ENGINE = MergeTree ORDER BY n \
             SETTINGS parts_to_throw_insert = 1, parts_to_delay_insert = 1, max_delay_to_insert = 0",
        );
        server.ask("SYSTEM STOP MERGES");
        server.ask("CREATE TABLE s3cret2 (s String) ENGINE = MergeTree ORDER BY s");
        server.ask("CREATE MATERIALIZED VIEW v ENGINE = MergeTree ORDER BY n AS SELECT toUInt8(s) AS n FROM s3cret2");
        let mut connector = started(&server, "on_new_field = 'ignore'\ntable = '{/table}'").await;
        let row = |table: &str| records([format!(r#"{{"table":"{table}","n":1,"s":"no number"}}"#)]);
        let error = loop {
            if let Err(error) = connector.process_batch(row("s3cret")).await {
                break error.report();
            }
        };
        assert!(error.contains("code 252") && !error.contains("s3cret"), "{engine:?}: {error}");
        let error = connector.process_batch(row("s3cret2")).await.expect_err("the view refuses it").report();
        assert!(error.contains("code ") && !error.contains("s3cret"), "{engine:?}: {error}");

        // The names of tables that cannot be made, neither.
        let create = "create = { columns = { n = 'NoSuchType' }, order_by = 'n' }\ntable = 'x_{/table}'";
        let mut connector = started(&server, create).await;
        let error = connector.process_batch(row("s3cret")).await.expect_err("no such type").report();
        assert!(!error.contains("s3cret"), "{engine:?}: {error}");
    }
}

#[tokio::test]
async fn an_empty_name_is_an_error_of_the_configuration() {
    let load = |mapping: &str| {
        let text = format!(
            "[clickhouse]\napi.url = 'http://localhost'\n[[clickhouse.topic_mappings]]\ntopic = '/default/t'\n{mapping}"
        );
        danube_sink::testing::from_toml::<super::Clickhouse>(&text).err().expect("an error").to_string()
    };
    assert!(load("table = ''").contains("expected a name"), "{}", load("table = ''"));
    assert!(load("table = 't'\ndatabase = ''").contains("expected a name"));
    let server = Process::start();
    server.ask("CREATE DATABASE other");
    server.ask("CREATE TABLE other.t (n UInt64) ENGINE = MergeTree ORDER BY n");
    let mut connector = connector(&server.url(), "database = 'other'");
    initialize(&mut connector).await.expect("the table of another database");
    assert!(rejected(connector.process_batch(records([r#"{"n":1}"#, "[]"])).await).contains("1 rejected"));
    assert_eq!(server.ask("SELECT n FROM other.t"), "1");
}
