//! The program with hostile payloads: none of their values is in its logs, pages or dead letters.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

#[path = "support/server.rs"]
mod server;

use danube_sink_tests::assert_no_value_leaks;
use server::{PostgresServer, Program};

/// A part of every value.
const SECRET: &str = "s3cret";

const TABLES: &str = "
    CREATE TYPE mood AS ENUM ('sad');
    CREATE TABLE others (name text PRIMARY KEY);
    CREATE TABLE rows (id int, u uuid, n numeric(5, 2), t timestamptz, d date, i interval, j json, b bytea, e mood, a int[], s text[],
        v varchar(9), c text CHECK (length(c) < 5), f text REFERENCES others, q text UNIQUE, ip inet, bits varbit, x text, r int4range);
    INSERT INTO rows (q) VALUES ('s3cret unique');
    CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.x IS NOT NULL THEN RAISE 'no % here', NEW.x USING DETAIL = NEW.x, HINT = NEW.x, COLUMN = NEW.x, ERRCODE = 'U0001'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER raise BEFORE INSERT ON rows FOR EACH ROW EXECUTE FUNCTION raise()";

/// Payloads that the columns do not take, each with the secret in it.
fn hostile() -> Vec<String> {
    let texts = [
        r#""s3cret""#,
        r#""a\"s3cret\"b""#,
        r#""{s3cret}""#,
        r#""first\ns3cret\n""#,
        r#""'s3cret'; --""#,
        r#""«s3cret» %s {}""#,
    ];
    let columns = ["id", "u", "n", "t", "d", "i", "b", "e", "a", "ip", "bits", "r"];
    let mut all: Vec<_> =
        columns.iter().flat_map(|column| texts.map(|text| format!(r#"{{"{column}":{text}}}"#))).collect();
    all.extend(columns.map(|column| format!(r#"{{"{column}":{{"k":"s3cret"}}}}"#)));
    all.extend(columns.map(|column| format!(r#"{{"{column}":["s3cret","\"s3cret"]}}"#)));
    let others = [
        r#"{"v":"s3cret is too long"}"#,
        r#"{"v":"s3cret\u0000"}"#,
        r#"{"s":["s3cret\u0000"]}"#,
        r#"{"c":"s3cret check"}"#,
        r#"{"f":"s3cret reference"}"#,
        r#"{"q":"s3cret unique","id":1}"#,
        r#"{"x":"s3cret of a trigger"}"#,
        r#"{"x":"s3cret \"of\" a\ntrigger"}"#,
        r#"{"n":s3cret}"#,
        r#"{"n":"s3cret"#,
        "s3cret",
        r#"["s3cret"]"#,
        r#""s3cret""#,
        "\u{feff}{\"v\":\"s3cret\"}",
        r#"{"v":"\ud83ds3cret"}"#,
    ];
    all.extend(others.map(str::to_owned));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_of_a_hostile_payload_is_in_logs_answers_or_dead_letters() {
    let server = PostgresServer::start(Program::Postgresql);
    let sql = server.client().await;
    sql.batch_execute(TABLES).await.expect("tables");
    let names = "id u n t d i j b e a s v c f q ip bits x r";
    let columns: Vec<_> = names.split(' ').map(|name| format!("{name} = '/{name}'")).collect();
    let columns = format!("columns = {{ {} }}", columns.join(", "));
    assert_nothing_leaks(&server, &columns, &hostile()).await;
    let rows = sql.query("SELECT v FROM rows WHERE q IS NULL", &[]).await.expect("the table");
    assert_eq!(rows.iter().map(|row| row.get::<_, &str>(0)).collect::<Vec<_>>(), ["good"]);
}

/// Names of fields may be values, too.
#[tokio::test(flavor = "multi_thread")]
async fn no_field_of_a_payload_that_is_a_row_is_in_logs_answers_or_dead_letters() {
    let server = PostgresServer::start(Program::Postgresql);
    server.client().await.batch_execute(TABLES).await.expect("tables");
    let mut hostile = hostile();
    hostile.extend(
        [r#"{"s3cret":1}"#, r#"{"v":"a","s3cret \"x\"":"s3cret"}"#, r#"{"s3cret":1,"s3cret":2}"#].map(str::to_owned),
    );
    assert_nothing_leaks(&server, "on_new_field = 'add'", &hostile).await;
}

async fn assert_nothing_leaks(server: &PostgresServer, mapping: &str, hostile: &[String]) {
    let configuration = |topic: &str, letters: &str| {
        format!(
            "on_mass_refusal = 'go_on'\n{}[[postgres.topic_mappings]]\ntopic = '{topic}'\nsubscription = 's'\ntable = 'rows'\n\
             {mapping}\non_invalid_record = 'dead_letter'\ndead_letter_topic = '{letters}'\n",
            server.toml("postgres")
        )
    };
    let good = r#"{"v":"good"}"#;
    assert_no_value_leaks(env!("CARGO_BIN_EXE_danube-sink-postgres"), configuration, hostile, good, SECRET).await;
}
