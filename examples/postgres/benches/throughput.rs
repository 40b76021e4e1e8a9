//! Rows a second of the connector, beside the fastest ways of the bare client: arrays of the columns' own types, and COPY in
//! the binary format. `cargo bench -p postgres`; it needs `install-servers`.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it measures")]
#![allow(
    clippy::duplicate_mod,
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the program's main and tests are not called"
)]

#[path = "../src/main.rs"]
mod connector;
#[path = "../tests/support/server.rs"]
mod server;

use std::time::{Duration, Instant, SystemTime};

use connector::Postgres;
use danube_sink::{SinkConnector, SinkRecord, testing::from_toml};
use serde_json::Value;
use server::{PostgresServer, Program};
use tokio_postgres::{Client, Statement, binary_copy::BinaryCopyInWriter, types::Type};

const BATCH: usize = 1000;
const BATCHES: usize = 40;
const PAIRS: usize = 7;
const TABLE: &str = "id bigint, name text, amount double precision, at timestamptz, note text";

struct Row {
    id: i64,
    name: String,
    amount: f64,
    at: SystemTime,
    note: String,
}

fn rows(batch: usize) -> Vec<Row> {
    let numbers = (batch * BATCH) as i64..((batch + 1) * BATCH) as i64;
    let row = |id: i64| Row {
        id,
        name: format!("name of {id}"),
        amount: id as f64 / 7.0,
        at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_517_966_773_840 + id as u64),
        note: "x".repeat(100),
    };
    numbers.map(row).collect()
}

fn record(row: &Row) -> SinkRecord {
    let Row { id, name, amount, note, .. } = row;
    let (second, milli) = ((1_517_966_773_840 + id) / 1000 % 60, (1_517_966_773_840 + id) % 1000);
    let at = format!("2018-02-07T01:26:{second:02}.{milli:03}Z");
    let payload = format!(r#"{{"id":{id},"name":"{name}","amount":{amount},"at":"{at}","note":"{note}"}}"#);
    let record = SinkRecord::builder("/default/rows").payload(payload).build();
    assert!(matches!(record.payload(), Value::Object(_)));
    record
}

#[tokio::main]
async fn main() {
    let server = PostgresServer::start(Program::Postgresql);
    let batches: Vec<_> = (0..BATCHES).map(rows).collect();
    let records: Vec<Vec<_>> = batches.iter().map(|rows| rows.iter().map(record).collect()).collect();
    for (name, keyed) in [("append", false), ("upsert", true)] {
        let mut ratios = Vec::new();
        for pair in 0..=PAIRS {
            let mut speeds = [0.0; 3];
            for turn in 0..3 {
                let which = (pair + turn) % 3;
                if which == 2 && keyed {
                    continue;
                }
                let client = server.client().await;
                let key = if keyed { ", PRIMARY KEY (id)" } else { "" };
                client
                    .batch_execute(&format!("DROP TABLE IF EXISTS rows; CREATE TABLE rows ({TABLE}{key}); CHECKPOINT"))
                    .await
                    .expect("a table");
                speeds[which] = match which {
                    0 => connector(&server, &records, keyed).await,
                    1 => arrays(&client, &batches, keyed).await,
                    _ => copy(&client, &batches).await,
                };
                let count: i64 = client.query_one("SELECT count(*) FROM rows", &[]).await.expect("a count").get(0);
                assert_eq!(count as usize, BATCH * BATCHES);
            }
            let [connector, arrays, copy] = speeds;
            if pair > 0 {
                println!("{name}: connector {connector:.0}/s, arrays {arrays:.0}/s, COPY {copy:.0}/s");
                ratios.push(connector / arrays.max(copy));
            }
        }
        ratios.sort_by(f64::total_cmp);
        println!("{name}: median ratio {:.2} to the faster bare way, batches of {BATCH}", ratios[PAIRS / 2]);
    }
}

async fn connector(server: &PostgresServer, records: &[Vec<SinkRecord>], keyed: bool) -> f64 {
    let keyed = if keyed { "mode = 'upsert'\nkey = ['id']\n" } else { "" };
    let toml = format!(
        "{}[[postgres.topic_mappings]]\ntopic = '/default/rows'\ntable = 'rows'\n{keyed}\
         columns = {{ id = '/id', name = '/name', amount = '/amount', at = '/at', note = '/note' }}\n",
        server.toml("postgres")
    );
    let (mut sink, core) = from_toml::<Postgres>(&toml).expect("a connector");
    sink.initialize(core).await.expect("a table");
    let records = records.to_vec();
    let started = Instant::now();
    for batch in records {
        sink.process_batch(batch).await.expect("written");
    }
    (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64()
}

async fn arrays(client: &Client, batches: &[Vec<Row>], keyed: bool) -> f64 {
    let conflict = if keyed {
        "ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, amount = EXCLUDED.amount, at = EXCLUDED.at, note = EXCLUDED.note"
    } else {
        ""
    };
    let insert = format!(
        "INSERT INTO rows SELECT * FROM unnest($1::int8[], $2::text[], $3::float8[], $4::timestamptz[], $5::text[]) {conflict}"
    );
    let insert: Statement = client.prepare(&insert).await.expect("a statement");
    let started = Instant::now();
    for rows in batches {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let names: Vec<_> = rows.iter().map(|row| &*row.name).collect();
        let amounts: Vec<_> = rows.iter().map(|row| row.amount).collect();
        let times: Vec<_> = rows.iter().map(|row| row.at).collect();
        let notes: Vec<_> = rows.iter().map(|row| &*row.note).collect();
        client.execute(&insert, &[&ids, &names, &amounts, &times, &notes]).await.expect("written");
    }
    (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64()
}

async fn copy(client: &Client, batches: &[Vec<Row>]) -> f64 {
    let types = [Type::INT8, Type::TEXT, Type::FLOAT8, Type::TIMESTAMPTZ, Type::TEXT];
    let started = Instant::now();
    for rows in batches {
        let sink = client.copy_in("COPY rows FROM STDIN (FORMAT binary)").await.expect("a copy");
        let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &types));
        for row in rows {
            writer.as_mut().write(&[&row.id, &row.name, &row.amount, &row.at, &row.note]).await.expect("written");
        }
        writer.finish().await.expect("written");
    }
    (BATCH * BATCHES) as f64 / started.elapsed().as_secs_f64()
}
