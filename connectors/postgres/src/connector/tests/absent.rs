//! A missing field leaves the column as it is; `null` is NULL.

use super::Bench;

const TABLE: &str =
    "CREATE TABLE people (id int PRIMARY KEY, name text DEFAULT 'unnamed', age int DEFAULT 7, note text);
                     CREATE UNIQUE INDEX ON people (name)";
const COLUMNS: &str = "columns = { id = '/id', name = '/name', age = '/age', note = '/note' }\ntable = 'people'\n";
const ALL: &str = "SELECT * FROM people ORDER BY id";

#[tokio::test]
async fn append_gives_a_missing_field_its_default() {
    let mut bench = Bench::new(TABLE, COLUMNS).await;
    let batch = [
        r#"{"id":1,"name":"a"}"#,
        r#"{"id":2,"age":null}"#,
        r#"{"id":3,"name":null,"age":3,"note":"n"}"#,
        r#"{"id":4,"name":"d","note":null}"#,
    ];
    bench.write(&batch).await.unwrap();
    let expected = [
        r#"{"id":1,"name":"a","age":7,"note":null}"#,
        r#"{"id":2,"name":"unnamed","age":null,"note":null}"#,
        r#"{"id":3,"name":null,"age":3,"note":"n"}"#,
        r#"{"id":4,"name":"d","age":7,"note":null}"#,
    ];
    assert_eq!(bench.rows(ALL).await, expected);
    // All of the batch or nothing.
    bench.write(&[r#"{"id":5,"name":"e"}"#, r#"{"id":6,"note":"f"}"#]).await.unwrap_err();
    assert_eq!(bench.rows(ALL).await, expected);
}

#[tokio::test]
async fn a_redelivered_record_without_a_field_meets_its_own_row() {
    let table = "CREATE TABLE people (id int UNIQUE, name text DEFAULT 'unnamed', age int, note varbit(9))";
    let mut bench = Bench::new(table, COLUMNS).await;
    let batch = [r#"{"id":1}"#, r#"{"id":2,"age":3}"#, r#"{"id":3,"name":null,"note":"101"}"#];
    for _ in 0..2 {
        bench.write(&batch).await.unwrap();
    }
    assert_eq!(bench.rows("SELECT id, name FROM people WHERE id < 3").await.len(), 2);
    bench.sql.batch_execute("UPDATE people SET name = 'else' WHERE id = 1").await.unwrap();
    let text = format!("{:?}", bench.write(&batch).await.unwrap_err());
    assert!(text.contains("23505"), "{text}");
}

#[tokio::test]
async fn append_with_a_key_keeps_the_first_row_whatever_fields_later_ones_have() {
    let mut bench = Bench::new(TABLE, &format!("{COLUMNS}key = ['id']")).await;
    let batch = [
        r#"{"id":1,"name":"first"}"#,
        r#"{"id":2,"note":"first"}"#,
        r#"{"id":2,"name":"second"}"#,
        r#"{"id":"01","note":"second"}"#,
    ];
    for _ in 0..2 {
        bench.write(&batch).await.unwrap();
    }
    let expected =
        [r#"{"id":1,"name":"first","age":7,"note":null}"#, r#"{"id":2,"name":"unnamed","age":7,"note":"first"}"#];
    assert_eq!(bench.rows(ALL).await, expected);
}

#[tokio::test]
async fn upsert_leaves_a_missing_field_as_it_is_in_whatever_order_records_come() {
    let mut bench = Bench::new(TABLE, &format!("{COLUMNS}mode = 'upsert'\nkey = ['id']")).await;
    bench.write(&[r#"{"id":1,"name":"a","age":1,"note":"x"}"#]).await.unwrap();
    bench.write(&[r#"{"id":1,"age":2}"#]).await.unwrap();
    assert_eq!(bench.rows(ALL).await, [r#"{"id":1,"name":"a","age":2,"note":"x"}"#]);
    let batch = [
        r#"{"id":1,"name":"b"}"#,
        r#"{"id":2,"name":"c","age":5,"note":"y"}"#,
        r#"{"id":"01","name":"d","age":null}"#,
        r#"{"id":1,"note":"z"}"#,
        r#"{"id":3}"#,
        r#"{"id":2.0,"name":"e"}"#,
    ];
    for _ in 0..2 {
        bench.write(&batch).await.unwrap();
        let expected = [
            r#"{"id":1,"name":"d","age":null,"note":"z"}"#,
            r#"{"id":2,"name":"e","age":5,"note":"y"}"#,
            r#"{"id":3,"name":"unnamed","age":7,"note":null}"#,
        ];
        assert_eq!(bench.rows(ALL).await, expected);
    }
}

#[tokio::test]
async fn an_existing_row_needs_no_value_for_a_not_null_column() {
    let table = "CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, age int NOT NULL, note text)";
    let mut bench = Bench::new(table, &format!("{COLUMNS}mode = 'upsert'\nkey = ['id']")).await;
    bench.write(&[r#"{"id":1,"name":"a","age":1}"#, r#"{"id":2,"name":"b","age":2}"#]).await.unwrap();
    bench
        .write(&[r#"{"id":1,"note":"x"}"#, r#"{"id":2}"#, r#"{"id":3,"name":"c"}"#, r#"{"id":3,"age":3}"#])
        .await
        .unwrap();
    let expected = [
        r#"{"id":1,"name":"a","age":1,"note":"x"}"#,
        r#"{"id":2,"name":"b","age":2,"note":null}"#,
        r#"{"id":3,"name":"c","age":3,"note":null}"#,
    ];
    assert_eq!(bench.rows(ALL).await, expected);
    // A new row does.
    let text = format!("{:?}", bench.write(&[r#"{"id":1,"note":"y"}"#, r#"{"id":4,"name":"d"}"#]).await.unwrap_err());
    assert!(text.contains("23502") && text.contains("age"), "{text}");
    assert_eq!(bench.rows(ALL).await, expected);
}

#[tokio::test]
async fn cdc_begins_a_row_anew_after_it_was_deleted() {
    let mapping = format!("{COLUMNS}mode = 'cdc'\noperation = '/op'\nkey = ['id']");
    let mut bench = Bench::new(TABLE, &mapping).await;
    bench.write(&[r#"{"op":"c","id":1,"name":"a","age":1,"note":"x"}"#]).await.unwrap();
    let batch = [
        r#"{"op":"u","id":1,"age":2}"#,
        r#"{"op":"d","id":1}"#,
        r#"{"op":"c","id":1,"name":"b"}"#,
        r#"{"op":"u","id":1,"note":"y"}"#,
        r#"{"op":"c","id":2,"name":"c"}"#,
        r#"{"op":"d","id":2}"#,
    ];
    for _ in 0..2 {
        bench.write(&batch).await.unwrap();
        assert_eq!(bench.rows(ALL).await, [r#"{"id":1,"name":"b","age":7,"note":"y"}"#]);
    }
}

/// Every subset of the columns, in an order that mixes them, ends as if the records came one by one.
#[tokio::test]
async fn a_batch_ends_as_its_records_one_by_one() {
    let mapping = format!("{COLUMNS}mode = 'cdc'\noperation = '/op'\nkey = ['id']");
    let without_index = "DROP INDEX people_name_idx";
    let (mut all, mut each) = (Bench::new(TABLE, &mapping).await, Bench::new(TABLE, &mapping).await);
    for bench in [&all, &each] {
        bench.sql.batch_execute(without_index).await.unwrap();
    }
    let payload = |number: u64| {
        let fields = ["\"name\":\"N\"", "\"age\":N", "\"note\":null"];
        let (id, set) = (number * 7 % 5, number * 11 % 9);
        let fields: Vec<_> = (0..3).filter(|place| set >> place & 1 == 1).map(|place| fields[place]).collect();
        let op = if set == 8 { "d" } else { "u" };
        let fields =
            fields.iter().map(|field| format!(",{}", field.replace('N', &number.to_string()))).collect::<String>();
        format!(r#"{{"op":"{op}","id":{id}{fields}}}"#)
    };
    let payloads: Vec<_> = (0..60).map(payload).collect();
    let payloads: Vec<_> = payloads.iter().map(String::as_str).collect();
    for batch in payloads.chunks(20) {
        all.write(batch).await.unwrap();
        for payload in batch {
            each.write(&[payload]).await.unwrap();
        }
        let rows = all.rows(ALL).await;
        assert_eq!(rows, each.rows(ALL).await);
        assert!(rows.len() > 2, "{rows:?}");
    }
}
