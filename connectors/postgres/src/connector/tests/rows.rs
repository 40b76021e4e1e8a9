//! Payloads that are rows: without `columns`, fields fill the columns of their names.

use danube_sink::{ConnectorError, SinkConnector, SinkRecord};

use super::{
    Bench, TOPIC,
    bouncer::Bouncer,
    copy::{MANY, WATCHED, how},
    of_version, rejected, report, start,
};

const TABLE: &str = "CREATE TABLE rows (id int, \"Name\" text, twice int GENERATED ALWAYS AS (id * 2) STORED, \
                     number int GENERATED ALWAYS AS IDENTITY, at timestamptz DEFAULT now(), \"offset\" bigint)";
/// Properties, as JSON.
const FIRST: &str = r#""id":{"type":"integer"}"#;
const SECOND: &str =
    r#""id":{"type":"integer"},"note":{"type":"string"},"a.b/c":{"type":"array","items":{"type":"integer"}}"#;

/// A record of a version of a schema with these properties.
fn of(version: u32, properties: &str, payload: &str) -> SinkRecord {
    at_offset(0, version, properties, payload)
}

fn at_offset(offset: u64, version: u32, properties: &str, payload: &str) -> SinkRecord {
    of_version(TOPIC, offset, version, &format!(r#"{{"type":"object","properties":{{{properties}}}}}"#), payload)
}

#[tokio::test]
async fn fields_fill_the_columns_of_their_names() {
    let mut bench = Bench::new(&format!("{TABLE}; {WATCHED}"), "table = 'rows'\nmetadata = ['offset']").await;
    bench.write(&[r#"{"id":1,"Name":"a\"b"}"#, r#"{"Name":null,"id":2}"#, r#" { "id" : 3 } "#]).await.unwrap();
    let rows = bench.rows("SELECT id, \"Name\", twice, \"offset\" FROM rows WHERE at IS NOT NULL ORDER BY id").await;
    let expected = [
        r#"{"id":1,"Name":"a\"b","twice":2,"offset":0}"#,
        r#"{"id":2,"Name":null,"twice":4,"offset":1}"#,
        r#"{"id":3,"Name":null,"twice":6,"offset":2}"#,
    ];
    assert_eq!(rows, expected);
    assert!(how(&bench.sql).await.iter().all(|statement| statement == "INSERT"));
    // Enough for COPY, of each of two sets of fields.
    let payload = |id: usize| {
        if id.is_multiple_of(3) { format!(r#"{{"id":{id}}}"#) } else { format!(r#"{{"id":{id},"Name":"n"}}"#) }
    };
    let payloads: Vec<_> = (10..10 + 3 * MANY).map(payload).collect();
    bench.write(&payloads.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(how(&bench.sql).await, ["COPY \""; 2]);
    assert_eq!(
        bench.rows("SELECT count(*), count(DISTINCT id) AS ids FROM rows").await,
        [r#"{"count":4803,"ids":4803}"#]
    );
}

#[tokio::test]
async fn a_payload_that_is_no_row_of_the_table_is_rejected_by_itself() {
    let mut bench = Bench::new(TABLE, "table = 'rows'\nmetadata = ['offset']").await;
    let batch = [
        r#"{"id":0}"#,
        r#"{"id":1,"s3cret":"s3cret"}"#,
        r#"{"id":2,"id":3}"#,
        r#"{"id":4,"offset":9}"#,
        r#"{"id":5,"twice":10}"#,
        r#"{"id":6,"number":10}"#,
        r#"{"id":7,"name":"another case"}"#,
        r#"[{"id":8}]"#,
        "{}",
        "\"s3cret\"",
        r#"{"id":9,"ctid":"(0,1)"}"#,
        r#"{"id":"s3cret"}"#,
        r#"{"id":10}"#,
    ];
    let mut named = rejected(bench.write(&batch).await);
    named.sort();
    assert_eq!(named.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), (1..12).collect::<Vec<_>>());
    for ((offset, reason), part) in named.iter().zip([
        "no column for field 2",
        "\"id\" twice",
        "\"offset\", and the column has another value",
        "field 2 of the payload is for a column that only the server writes",
        "only the server writes",
        "no column for field 2",
        "not a JSON object",
        "no field that the table has a column for",
        "not a JSON object",
        "every table of PostgreSQL has",
        "not an integer",
    ]) {
        assert!(reason.contains(part) && !reason.contains("s3cret"), "{offset}: {reason}");
    }
    // The rows of the valid records were written with the others.
    assert_eq!(bench.rows("SELECT id FROM rows ORDER BY id").await, [r#"{"id":0}"#, r#"{"id":10}"#]);
}

/// Another record may have the value, so the target is not at fault.
#[tokio::test]
async fn a_missing_field_of_a_not_null_column_refuses_its_record() {
    let mut bench = Bench::new("CREATE TABLE rows (id int, name text NOT NULL)", "table = 'rows'").await;
    for batch in [&[r#"{"id":1,"name":"a"}"#, r#"{"id":2}"#][..], &[r#"{"id":2}"#], &[r#"{"id":2,"name":null}"#]] {
        let text = report!(bench.write(batch).await, Refused);
        assert!(text.contains("23502") && text.contains("\"name\""), "{text}");
    }
    bench.write(&[r#"{"id":1,"name":"a"}"#]).await.unwrap();
}

#[tokio::test]
async fn a_batch_that_has_a_new_field_in_every_record_waits_for_the_column() {
    let mut bench = Bench::new("CREATE TABLE rows (id int)", "table = 'rows'").await;
    let batch = || (1..3).map(|id| of(2, SECOND, &format!(r#"{{"id":{id},"note":"s3cret"}}"#))).collect::<Vec<_>>();
    let text = report!(bench.sink.process_batch(batch()).await, Retryable);
    assert!(text.contains("\"note\"") && text.contains("on_new_field") && !text.contains("s3cret"), "{text}");
    // While a batch waits, one record of it is tried.
    let alone = || vec![of(2, SECOND, r#"{"id":1,"note":"s3cret"}"#)];
    report!(bench.sink.process_batch(alone()).await, Retryable);
    bench.write(&[r#"{"id":9}"#]).await.unwrap();
    assert_eq!(rejected(bench.sink.process_batch(alone()).await).len(), 1, "it may be wrong");
    report!(bench.sink.process_batch(alone()).await, Retryable);
    bench.sql.batch_execute("ALTER TABLE rows ADD note text").await.unwrap();
    bench.sink.process_batch(batch()).await.unwrap();
    assert_eq!(bench.rows("SELECT count(note) FROM rows").await, [r#"{"count":2}"#]);
    // No column could ever have these names.
    assert_eq!(rejected(bench.write(&[r#"{"id":1,"xmin":1}"#, r#"{"id":2,"":1}"#]).await).len(), 2);
}

#[tokio::test]
async fn a_new_field_is_left_out_until_the_table_has_its_column() {
    let mut bench = Bench::new("CREATE TABLE rows (id int)", "table = 'rows'\non_new_field = 'ignore'").await;
    let payload = r#"{"id":1,"note":"a"}"#;
    bench.write(&[payload, payload]).await.unwrap();
    report!(bench.write(&[r#"{"note":"a"}"#]).await, Partial);
    bench.sql.batch_execute("ALTER TABLE rows ADD note text").await.unwrap();
    let bench = tokio::sync::Mutex::new(bench);
    let is_noted = async || {
        let mut bench = bench.lock().await;
        bench.write(&[payload]).await.unwrap();
        !bench.rows("SELECT id FROM rows WHERE note = 'a'").await.is_empty()
    };
    danube_sink_tests::until("the field is written", is_noted).await;
}

#[tokio::test]
async fn added_columns_work_in_every_mode_and_behind_a_pooler() {
    for mapping in [
        "table = 'rows'",
        "table = 'rows'\nmode = 'upsert'\nkey = ['id']",
        "table = 'rows'\ndelivery = 'exactly_once'",
        "table = 'rows'\nkey = ['id']",
    ] {
        let mut bench = Bench::new("CREATE TABLE rows (id int PRIMARY KEY)", "table = 'rows'").await;
        let bouncer = Bouncer::start(&bench.server, "transaction", "").await;
        let port = std::mem::replace(&mut bench.server.port, bouncer.port);
        bench.sink = start(&bench.server, &format!("{mapping}\non_new_field = 'add'")).await.unwrap();
        bench.server.port = port;
        // Two versions of the schema in a batch.
        let record = |id: u32| match id % 2 {
            0 => of(1, FIRST, &format!(r#"{{"id":{id}}}"#)),
            _ => of(2, SECOND, &format!(r#"{{"id":{id},"note":"n","a.b/c":[1,null]}}"#)),
        };
        bench
            .sink
            .process_batch((0..100).map(record).collect())
            .await
            .unwrap_or_else(|error| panic!("{mapping}: {error:?}"));
        let expected = r#"{"count":100,"notes":50,"lists":50}"#;
        let query = "SELECT count(*), count(note) AS notes, count(\"a.b/c\") FILTER (WHERE \"a.b/c\" = '{1,NULL}') AS lists FROM rows";
        assert_eq!(bench.rows(query).await, [expected], "{mapping}");
        // A field that the schema does not have either rejects its record, and adds nothing.
        let batch = vec![of(2, SECOND, r#"{"id":200,"other":1}"#), of(2, SECOND, r#"{"id":201}"#)];
        let [(_, reason)] = &rejected(bench.sink.process_batch(batch).await)[..] else { panic!("one") };
        assert!(reason.contains("registered schema has no such field"), "{reason}");
    }
}

#[tokio::test]
async fn columns_are_added_before_rows_are_copied() {
    let noted = r#""id":{"type":"integer"},"note":{"type":"string"}"#;
    for mapping in ["table = 'rows'", "table = 'rows'\ndelivery = 'exactly_once'"] {
        let tables = format!("CREATE TABLE rows (id int PRIMARY KEY); {WATCHED}");
        let mut bench = Bench::new(&tables, &format!("{mapping}\non_new_field = 'add'")).await;
        let record = |id: usize| match id % 2 {
            0 => of(1, FIRST, &format!(r#"{{"id":{id}}}"#)),
            _ => of(2, noted, &format!(r#"{{"id":{id},"note":"n"}}"#)),
        };
        bench.sink.process_batch((0..2 * MANY).map(record).collect()).await.unwrap();
        assert_eq!(how(&bench.sql).await, ["COPY \""; 2], "{mapping}");
        let found = bench.rows("SELECT count(*), count(note) AS notes FROM rows").await;
        assert_eq!(found, [r#"{"count":3200,"notes":1600}"#], "{mapping}");
    }
}

#[tokio::test]
async fn names_and_values_of_every_kind_are_written_or_rejected_by_themselves() {
    let mut bench = Bench::new("CREATE TABLE rows ()", "table = 'rows'\non_new_field = 'add'").await;
    let properties = r#""Id":{"type":"integer"},"id":{"type":"integer"},"select":{"type":"object"},"a\u0000b":{"type":"string"},
        "tags":{"type":"array","items":{"type":"string"}},"grid":{"type":"array","items":{"type":"array"}},"day":{"type":"string","format":"date"}"#;
    let deep = |depth: usize| format!(r#"{{"id":7,"select":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let batch = [
        (
            r#"{"Id":1,"id":2,"select":{"a":[1.10,{"b":null}]},"tags":["{}",null,"\"\\"],"grid":[[1],[2,3]],"day":"2024-02-29"}"#,
            true,
        ),
        (r#"{"Id":9223372036854775808}"#, false),
        (r#"{"id":1e300}"#, false),
        (r#"{"a\u0000b":"x"}"#, false),
        (r#"{"select":{"a":"\u0000"}}"#, false),
        (r#"{"tags":["\u0000"]}"#, false),
        (r#"{"tags":"x"}"#, false),
        (r#"{"tags":[["x"],["y"]]}"#, true),
        (r#"{"day":"2024-02-30"}"#, false),
        (&deep(90), true),
        (&deep(20_000), false),
    ];
    for (payload, is_written) in batch {
        let written = bench
            .sink
            .process_batch(vec![of(1, properties, payload), at_offset(1, 1, properties, r#"{"id":0}"#)])
            .await;
        assert_eq!(written.is_ok(), is_written, "{payload:.99}: {written:?}");
        if !is_written {
            assert_eq!(rejected(written).len(), 1, "{payload:.99}");
        }
    }
    let expected = r#"{"Id":1,"id":2,"select":{"a": [1.10, {"b": null}]},"tags":["{}",null,"\"\\"],"grid":[[1], [2, 3]],"day":"2024-02-29"}"#;
    assert_eq!(bench.rows("SELECT \"Id\", id, \"select\", tags, grid, day FROM rows WHERE id = 2").await, [expected]);
}

#[tokio::test]
async fn tables_that_records_choose_are_made_from_their_schemas() {
    let mapping =
        "table = 'of_{/id}'\ncreate_table = true\non_new_field = 'add'\nmetadata = ['offset']\nmax_open_tables = 2";
    let mut bench = Bench::new("SELECT 1", mapping).await;
    let batch = |version: u32, properties: &str, note: &str| {
        (1..5).map(|id| of(version, properties, &format!(r#"{{"id":{id}{note}}}"#))).collect::<Vec<_>>()
    };
    bench.sink.process_batch(batch(1, FIRST, "")).await.unwrap();
    bench.sink.process_batch(batch(2, SECOND, r#","note":"n""#)).await.unwrap();
    for id in 1..5 {
        let rows = bench.rows(&format!("SELECT * FROM of_{id} ORDER BY note")).await;
        let expected = [
            format!(r#"{{"id":{id},"offset":0,"note":"n","a.b/c":null}}"#),
            format!(r#"{{"id":{id},"offset":0,"note":null,"a.b/c":null}}"#),
        ];
        assert_eq!(rows, expected);
    }
    // Without a schema, a table cannot be made.
    let named = rejected(bench.write(&[r#"{"id":"s3cret"}"#, r#"{"id":1}"#]).await);
    assert!(named.len() == 1 && named[0].1.contains("does not exist") && !named[0].1.contains("s3cret"), "{named:?}");
}

#[tokio::test]
async fn a_type_that_the_schema_changes_rejects_what_the_column_cannot_hold() {
    let mut bench = Bench::new("CREATE TABLE rows (id int, note text)", "table = 'rows'\non_new_field = 'add'").await;
    bench.sink.process_batch(vec![of(2, SECOND, r#"{"id":1,"a.b/c":[1]}"#)]).await.unwrap();
    let changed = r#""id":{"type":"string"},"note":{"type":"object"},"a.b/c":{"type":"string"}"#;
    let batch = vec![
        of(3, changed, r#"{"id":"2","note":{"a":1}}"#),
        of(3, changed, r#"{"id":"s3cret"}"#),
        of(3, changed, r#"{"a.b/c":"s3cret"}"#),
    ];
    let named = rejected(bench.sink.process_batch(batch).await);
    assert!(
        named.len() == 2 && named[1].1.contains("\"a.b/c\"") && !format!("{named:?}").contains("s3cret"),
        "{named:?}"
    );
    assert_eq!(bench.rows("SELECT id, note FROM rows WHERE id = 2").await, [r#"{"id":2,"note":"{\"a\":1}"}"#]);
    // An altered column is followed.
    bench.sql.batch_execute("ALTER TABLE rows ALTER id TYPE text").await.unwrap();
    bench.sink.process_batch(vec![of(3, changed, r#"{"id":"x"}"#)]).await.unwrap();
}

#[tokio::test]
async fn tables_and_columns_may_be_dropped_and_renamed_while_it_runs() {
    let mapping = "table = 'rows'\non_new_field = 'add'\nmode = 'upsert'\nkey = ['id']";
    let mut bench = Bench::new("CREATE TABLE rows (id int PRIMARY KEY)", mapping).await;
    let record = |id: u32| vec![of(2, SECOND, &format!(r#"{{"id":{id},"note":"n"}}"#))];
    bench.sink.process_batch(record(1)).await.unwrap();
    for statement in [
        "ALTER TABLE rows DROP note",
        "ALTER TABLE rows RENAME note TO other",
        "ALTER TABLE rows ADD extra int DEFAULT 7",
        "DROP TABLE rows; CREATE TABLE rows (id bigint PRIMARY KEY)",
    ] {
        bench.sql.batch_execute(statement).await.unwrap();
        bench.sink.health_check().await.unwrap();
        let tries = async { while bench.sink.process_batch(record(2)).await.is_err() {} };
        danube_sink_tests::within(statement, tries).await;
        assert_eq!(bench.rows("SELECT note FROM rows WHERE id = 2").await, [r#"{"note":"n"}"#], "{statement}");
    }
    bench.sql.batch_execute("DROP TABLE rows").await.unwrap();
    let text = report!(bench.sink.process_batch(record(3)).await, Retryable);
    assert!(text.contains("42P01") && text.contains("rows"), "{text}");
    bench.sql.batch_execute("CREATE TABLE rows (n int)").await.unwrap();
    let text = report!(bench.sink.process_batch(record(3)).await, Retryable);
    assert!(text.contains("no column id"), "{text}");
}

#[tokio::test]
async fn a_tombstone_deletes_the_row_of_a_payload() {
    let mapping = "table = 'rows'\nmode = 'upsert'\nkey = ['id']\ntombstones = 'delete'";
    let mut bench = Bench::new("CREATE TABLE rows (name text, id int PRIMARY KEY)", mapping).await;
    bench.write(&[r#"{"id":1,"name":"a"}"#, r#"{"id":2}"#]).await.unwrap();
    let tombstone = |key: &str| SinkRecord::builder(TOPIC).payload("").key(key).build();
    bench.sink.process_batch(vec![tombstone(r#"{"id":1}"#)]).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows").await, [r#"{"id":2}"#]);
    report!(bench.sink.process_batch(vec![tombstone("2")]).await, Partial);
}

#[tokio::test]
async fn a_redelivered_row_counts_as_written_whatever_the_server_fills_in() {
    let table = "CREATE TABLE rows (number serial, id int UNIQUE, at timestamptz DEFAULT clock_timestamp(), \
                 place int GENERATED BY DEFAULT AS IDENTITY, kind text DEFAULT 'a')";
    let mut bench = Bench::new(table, "table = 'rows'").await;
    for _ in 0..2 {
        bench.write(&[r#"{"id":1}"#, r#"{"id":2,"kind":"b"}"#]).await.unwrap();
    }
    assert_eq!(bench.rows("SELECT id, kind FROM rows ORDER BY id").await.len(), 2);
    let text = report!(bench.write(&[r#"{"id":2}"#]).await, Refused);
    assert!(text.contains("23505"), "{text}");
}
