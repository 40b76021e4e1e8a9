//! Errors that are reported before the first record.

use danube_sink::SubscriptionType;

use super::{Bench, ConnectorError, PostgresServer, Program, TOPIC, configured, report, start};

fn diagnostics(mapping: &str) -> String {
    let server = "[postgres.server]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\n";
    let text = format!("{server}[[postgres.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 't'\n{mapping}");
    match danube_sink::testing::from_toml::<super::Postgres>(&text) {
        Ok(_) => String::new(),
        Err(report) => report.to_string(),
    }
}

#[test]
fn a_mode_has_the_keys_that_it_needs_and_no_others() {
    for valid in
        ["", "key = ['a']", "mode = 'upsert'\nkey = ['a']", "mode = 'cdc'\nkey = ['a']\noperation = 'attribute:op'"]
    {
        assert_eq!(diagnostics(&format!("columns = {{ a = '/a' }}\n{valid}")), "", "{valid}");
    }
    for invalid in
        ["mode = 'upsert'", "operation = '/op'", "mode = 'cdc'\nkey = ['a']", "mode = 'cdc'\noperation = '/op'"]
    {
        let report = diagnostics(&format!("columns = {{ a = '/a' }}\n{invalid}"));
        assert!(report.contains("`operation`") && report.contains("connector.toml:"), "{invalid}: {report}");
    }
    assert!(diagnostics("columns = { a = 'a' }").contains("not a record field"));
    let empty =
        diagnostics("mode = 'cdc'\nkey = ['a']\noperation = '/op'\ncolumns = { a = '/a' }\nunavailable_value = ''");
    assert!(empty.contains("`unavailable_value`"), "it would be every empty value: {empty}");
}

#[test]
fn keys_of_tables_from_registered_schemas_that_conflict_are_reported() {
    for (mapping, part) in [
        ("mode = 'cdc'\nkey = ['a']\noperation = '/op'", "`cdc` needs `columns`"),
        ("columns = { a = '/a' }\non_new_field = 'add'", "conflicts with `columns`"),
        ("create = 'a int'\ncreate_table = true", "conflicts with `create`"),
        ("on_new_field = 'drop'", "`on_new_field` policy"),
    ] {
        assert!(diagnostics(mapping).contains(part), "{mapping}: {}", diagnostics(mapping));
    }
    for valid in ["", "create_table = true", "create_table = true\ncolumns = { a = '/a' }", "on_new_field = 'ignore'"] {
        assert_eq!(diagnostics(valid), "", "{valid}");
    }
}

#[test]
fn a_table_that_no_server_can_have_is_reported_with_its_key_and_line() {
    let server = "[postgres.server]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\n";
    let load = |table: &str| {
        let text = format!("{server}[[postgres.topic_mappings]]\ntopic = '{TOPIC}'\n{table}\ncolumns = {{ a = '/a' }}");
        danube_sink::testing::from_toml::<super::Postgres>(&text).map(drop).map_err(|report| report.to_string())
    };
    for (table, part) in [
        ("table = ''", "connector.toml:7:9: `table`: the name \"\" of a table, schema or column is empty"),
        (
            "table = 'a.b.c.d'",
            "`table`: the table a.b.c.d has 4 parts: put one that contains a dot into quotation marks",
        ),
        ("table = 'public.'", "`table`: the name \"\" of a table"),
        (&format!("table = 's.{}'", "x".repeat(64)), "of a table, schema or column has 64 bytes"),
        ("table = 't'\npositions_table = 'a.b.c'", "`positions_table`: the table a.b.c has 3 parts"),
    ] {
        let report = load(table).unwrap_err();
        assert!(report.contains(part), "{table}: {report}");
    }
    for table in ["table = 'events_{/tenant}'", "table = '\"a.b\".\"c.d\"'"] {
        load(table).unwrap();
    }
}

#[tokio::test]
async fn a_table_that_cannot_be_written_is_reported_at_start() {
    let table = "CREATE TABLE needy (id int NOT NULL);
                 CREATE TABLE rows (id int, name text, twice int GENERATED ALWAYS AS (id * 2) STORED);
                 CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY);
                 CREATE TABLE late (id int, n int, UNIQUE (n, id) DEFERRABLE)";
    let bench = Bench::new(table, "table = 'rows'\ncolumns = { id = '/id' }").await;
    for (mapping, part) in [
        ("table = 'nowhere'\ncolumns = { id = '/id' }", "nowhere"),
        ("table = 'rows'\ncolumns = { number = '/id' }", "number"),
        ("table = 'rows'\ncolumns = { twice = '/id' }", "twice"),
        ("table = 'numbered'\ncolumns = { id = '/id' }", "428C9"),
        ("table = 'needy'\ncolumns = { idd = '/id', x = '/x' }", "has no column idd: add it, or correct the mapping"),
        ("table = 'needy'\ncolumns = { idd = '/id', x = '/x' }", "has no column x: "),
        ("table = 'needy'\ncolumns = { idd = '/id' }", "column id of \"needy\" is NOT NULL"),
        ("table = 'rows'\ncolumns = { id = '/id' }\nkey = ['id']", "ON CONFLICT"),
        ("table = 'late'\ncolumns = { id = '/id', n = '/n' }\nkey = ['id', 'n']", "late_n_id_key"),
        ("table = 'rows'\ncolumns = { id = '/id' }\ncreate = 'id itn'\nmetadata = ['offset']", "offset"),
    ] {
        let text = report!(start(&bench.server, mapping).await.map(drop), Initialization);
        assert!(text.contains(part) && text.contains("127.0.0.1"), "{mapping}: {text}");
    }
    let unknown = start(&bench.server, "table = 'rows'\ncolumns = { id = '/id' }\nkey = ['name']").await;
    assert!(report!(unknown.map(drop), Configuration).contains("key name"));
    // An existing table is left as it is; a missing one is created from the definition.
    start(&bench.server, "table = 'made'\ncreate = 'id int PRIMARY KEY'\ncolumns = { id = '/id' }").await.unwrap();
    let text = start(&bench.server, "table = 'bad'\ncreate = 'id itn'\ncolumns = { id = '/id' }").await;
    assert!(report!(text.map(drop), Initialization).contains("itn"));
}

#[tokio::test]
async fn connectors_that_start_at_the_same_time_create_the_table_once() {
    let server = PostgresServer::start(Program::Postgresql);
    let starts = (0..8).map(|_| start(&server, "table = 'made'\ncreate = 'id int'\ncolumns = { id = '/id' }"));
    for started in futures_util::future::join_all(starts).await {
        started.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_not_running_is_named_and_waited_for() {
    let server = PostgresServer::start(Program::Postgresql);
    server.stop("fast");
    let text = report!(start(&server, "table = 't'\ncolumns = { id = '/id' }").await.map(drop), Retryable);
    assert!(text.contains(&format!("127.0.0.1:{}", server.port)) && text.contains("refused"), "{text}");
    assert!(configured(&server, TOPIC, "table = 't'\ncolumns = { id = '/id' }").is_ok());
}

#[test]
fn a_later_write_may_replace_an_earlier_one_so_one_consumer_writes_by_default() {
    let server = "[postgres.server]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\n";
    let mapping = |rest: &str| {
        let text = format!(
            "{server}[[postgres.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 't'\nkey = ['a']\ncolumns = {{ a = '/a' }}\n{rest}"
        );
        let (_, core) = danube_sink::testing::from_toml::<super::Postgres>(&text).unwrap();
        core.mappings[0].consumer.subscription_type
    };
    for mode in ["append", "upsert", "cdc'\noperation = '/op"] {
        assert_eq!(mapping(&format!("mode = '{mode}'")), SubscriptionType::Exclusive, "{mode}");
    }
    assert_eq!(mapping("subscription_type = 'Shared'"), SubscriptionType::Shared);
}
