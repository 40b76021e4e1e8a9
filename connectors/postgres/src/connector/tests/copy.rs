//! Large batches without a key are written by COPY, and mean the same as by INSERT.

use danube_sink::ConnectorError;
use tokio_postgres::Client;

use super::{Bench, SinkConnector, records, rejected, report};

/// Enough rows for COPY, in several parts.
pub(super) const MANY: usize = 1_600;

/// Notes how rows are written, for [`how`]: a statement's trigger sees the text of its query.
pub(super) const WATCHED: &str = "CREATE TABLE how (query text);
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN INSERT INTO how VALUES (left(current_query(), 6)); RETURN NULL; END $$;
    CREATE TRIGGER note AFTER INSERT ON rows FOR EACH STATEMENT EXECUTE FUNCTION note()";

/// How rows were written since the last call: the first letters of each statement.
pub(super) async fn how(sql: &Client) -> Vec<String> {
    let rows = sql.query("DELETE FROM how RETURNING query", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn write(bench: &mut Bench, payloads: &[String]) -> Result<(), ConnectorError> {
    let payloads: Vec<_> = payloads.iter().map(String::as_str).collect();
    bench.sink.process_batch(records(&payloads)).await
}

#[tokio::test]
async fn values_are_those_of_an_insert() {
    let copied = "id int, big bigint, small smallint, ratio float8, single real, ok boolean, name text, code varchar(5), fixed char(3), \
                  at timestamptz, local timestamp(0), day date, raw bytea, doc jsonb, plain json, mark uuid, kind mood, low small";
    let inserted =
        "price numeric(8,2), hour time, list text[], numbers int[], span int4range, address inet, flags bit(3)";
    for (columns, expected) in
        [(copied.to_owned(), &["COPY \""][..]), (format!("{copied}, {inserted}"), &["INSERT"; 2])]
    {
        values_of_many_rows_are_those_of_few(&columns, expected).await;
    }
}

async fn values_of_many_rows_are_those_of_few(columns: &str, expected: &[&str]) {
    let names: Vec<_> = columns.split(", ").filter_map(|column| column.split(' ').next()).collect();
    let mapped = names.iter().map(|name| format!("{name} = '/{name}'")).collect::<Vec<_>>().join(", ");
    let types = "CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN small AS smallint CHECK (VALUE < 9)";
    let tables = format!("{types}; CREATE TABLE rows ({columns}); {WATCHED}");
    let mut bench = Bench::new(&tables, &format!("table = 'rows'\ncolumns = {{ {mapped} }}")).await;
    let full = r#"{"id":ID,"big":9223372036854775807,"small":-7.0,"price":19.999,"ratio":1.7976931348623157e308,"single":0.1,"ok":1,
        "name":"tab\t, line\n, return\r, back\\slash, \\N, \\. é \u2028","code":"abcde","fixed":"a","at":"2024-01-01T00:00:00.1234567+02:00",
        "local":"2024-01-01T00:00:00.7Z","day":"2024-02-29","hour":"14:05","raw":"AP9c","doc":{"a\\b":["\n",null,1.10]},
        "list":["a\\","\"",null,"\t"],"numbers":[1,null],"span":"[1,5)","address":"::1","mark":"2d1306f5-c50d-558f-a059-782bf319261f",
        "kind":"happy","flags":"101","plain":{"b":1.0,"b":2},"low":-3}"#;
    let nulls =
        format!("{{\"id\":ID{}}}", names[1..].iter().map(|name| format!(",\"{name}\":null")).collect::<String>());
    let special = full
        .replace("1.7976931348623157e308", "\"-Infinity\"")
        .replace("0.1,", "\"NaN\",")
        .replace("\"abcde\"", "\"\"")
        .replace("[1,null]", "[]");
    let payloads = |from: usize, count: usize| -> Vec<_> {
        let payload = |id: usize| [full, &nulls, &special][id % 3].replace("ID", &id.to_string());
        (from..from + count).map(payload).collect()
    };
    write(&mut bench, &payloads(0, MANY)).await.unwrap();
    assert_eq!(how(&bench.sql).await, expected);
    write(&mut bench, &payloads(0, 3)).await.unwrap();
    assert_eq!(how(&bench.sql).await, ["INSERT"]);
    let distinct = bench.rows("SELECT count(*), count(DISTINCT rows.*::text) AS kinds FROM rows WHERE id < 3").await;
    assert_eq!(distinct, [r#"{"count":6,"kinds":3}"#]);
}

#[tokio::test]
async fn rows_without_a_value_get_the_default() {
    let tables = format!("CREATE TABLE rows (id int, name text DEFAULT 'none'); {WATCHED}");
    let mut bench = Bench::new(&tables, "table = 'rows'\ncolumns = { id = '/id', name = '/name' }").await;
    let payload = |id: usize| match id % 2 {
        0 => format!(r#"{{"id":{id}}}"#),
        _ => format!(r#"{{"id":{id},"name":null}}"#),
    };
    write(&mut bench, &(0..2 * MANY).map(payload).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(how(&bench.sql).await, ["COPY \"", "COPY \""]);
    let found = bench.rows("SELECT name, count(*) FROM rows GROUP BY name ORDER BY name").await;
    assert_eq!(found, [r#"{"name":"none","count":1600}"#, r#"{"name":null,"count":1600}"#]);
}

#[tokio::test]
async fn a_value_that_its_type_cannot_read_rejects_its_record() {
    let tables = format!("CREATE TABLE rows (id int, mark uuid); {WATCHED}");
    let mut bench = Bench::new(&tables, "table = 'rows'\ncolumns = { id = '/id', mark = '/mark' }").await;
    let mut payloads: Vec<_> = (0..MANY).map(|id| format!(r#"{{"id":{id},"mark":null}}"#)).collect();
    payloads[33] = r#"{"id":33,"mark":"s3cret"}"#.to_owned();
    payloads[77] = r#"{"id":77,"mark":"s3cret"}"#.to_owned();
    let error = write(&mut bench, &payloads).await;
    let rejected = rejected(error);
    assert_eq!(rejected.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [33, 77]);
    assert!(rejected.iter().all(|(_, why)| why.contains("mark") && !why.contains("s3cret")), "{rejected:?}");
}

#[tokio::test]
async fn a_constraint_refuses_the_batch_without_a_value_and_the_record_by_its_name() {
    let tables = format!("CREATE TABLE rows (id int, name text CONSTRAINT short CHECK (length(name) < 4)); {WATCHED}");
    let mut bench = Bench::new(&tables, "table = 'rows'\ncolumns = { id = '/id', name = '/name' }").await;
    let mut payloads: Vec<_> = (0..MANY).map(|id| format!(r#"{{"id":{id},"name":"a"}}"#)).collect();
    payloads[50] = r#"{"id":50,"name":"s3cret"}"#.to_owned();
    let text = report!(write(&mut bench, &payloads).await, Refused);
    assert!(text.contains("23514") && !text.contains("s3cret"), "{text}");
    let text = report!(write(&mut bench, &payloads[50..51]).await, Refused);
    assert!(text.contains("short") && !text.contains("s3cret"), "{text}");
    payloads.remove(50);
    write(&mut bench, &payloads).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows").await.len(), MANY - 1);
}

#[tokio::test]
async fn a_redelivered_batch_meets_its_own_rows_in_a_unique_index() {
    let mut bench = Bench::new("CREATE TABLE rows (id int UNIQUE)", "table = 'rows'\ncolumns = { id = '/id' }").await;
    let payloads = |ids: std::ops::Range<usize>| ids.map(|id| format!(r#"{{"id":{id}}}"#)).collect::<Vec<_>>();
    write(&mut bench, &payloads(0..MANY)).await.unwrap();
    write(&mut bench, &payloads(MANY / 2..2 * MANY)).await.unwrap();
    assert_eq!(bench.rows("SELECT id FROM rows").await.len(), 2 * MANY);
}

#[tokio::test]
async fn tables_that_copy_cannot_write_as_insert_does_are_left_to_insert() {
    let many: Vec<_> = (0..MANY).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    let mapping = "table = 'target'\ncolumns = { id = '/id' }";
    for (what, target) in [
        ("a view", "CREATE VIEW target AS SELECT * FROM rows"),
        (
            "a rule",
            "CREATE TABLE target (id int); CREATE RULE r AS ON INSERT TO target DO INSTEAD INSERT INTO rows VALUES (NEW.id)",
        ),
    ] {
        let tables = format!("CREATE TABLE rows (id int); {target}; {WATCHED}");
        let mut bench = Bench::new(&tables, mapping).await;
        write(&mut bench, &many).await.unwrap();
        // The first quarter of the rows, and the rest.
        assert_eq!(how(&bench.sql).await, ["INSERT"; 2], "{what}");
        assert_eq!(bench.rows("SELECT FROM rows").await.len(), MANY, "{what}");
    }
}
