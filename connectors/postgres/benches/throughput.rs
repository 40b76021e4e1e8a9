//! Rows per second of the connector, compared with loops of the bare client that write the same records: as arrays in one INSERT, and
//! by COPY. `cargo bench -p danube-sink-postgres`; it needs `install-servers`.
//!
//! `append` is compared with the faster of the two, with `columns` and without them (`append_payloads`); `upsert` with the arrays, since
//! COPY cannot replace rows.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "it measures")]
#![allow(
    clippy::duplicate_mod,
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the program's main and tests are not called"
)]

#[path = "../tests/support/server.rs"]
mod server;

use std::{collections::HashMap, fmt::Write, sync::Arc, time::Instant};

use danube_sink::{PayloadFormat, RecordBuilder, SinkConnector, SinkRecord, schema::Decoder, testing::from_toml};
use danube_sink_postgres::Postgres;
use futures_util::SinkExt;
use serde::Deserialize;
use server::{PostgresServer, Program};
use tokio_postgres::Client;

const BATCH: usize = 1000;
const TABLE: &str = "id bigint, name text, amount double precision, at timestamptz, note text";

/// A batch as the runtime passes it: found to be JSON.
fn batch(number: usize) -> Vec<SinkRecord> {
    let decoder = Arc::new(Decoder::without_schema(PayloadFormat::Json));
    let record = |id| SinkRecord::builder("/default/rows").payload(payload(id)).decoder(Arc::clone(&decoder));
    RecordBuilder::build_together((number * BATCH..(number + 1) * BATCH).map(record))
}

/// A payload, as a bare client reads it.
#[derive(Deserialize)]
struct Row<'a> {
    id: i64,
    name: &'a str,
    amount: f64,
    at: &'a str,
    note: &'a str,
}

fn rows(batch: &[SinkRecord]) -> impl Iterator<Item = Row<'_>> {
    batch.iter().map(|record| serde_json::from_slice(record.bytes()).expect("a row"))
}

fn payload(id: usize) -> String {
    let (amount, second, milli, note) = (id as f64 / 7.0, id / 1000 % 60, id % 1000, "x".repeat(100));
    format!(
        r#"{{"id":{id},"name":"name of {id}","amount":{amount},"at":"2018-02-07T01:26:{second:02}.{milli:03}Z","note":"{note}"}}"#
    )
}

#[tokio::main]
async fn main() {
    // `cargo bench -p danube-sink-postgres -- --quick` only shows that it runs.
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let (batch_count, pairs) = if is_quick { (2, 1) } else { (40, 9) };
    let server = PostgresServer::start(Program::Postgresql);
    let batches: Vec<_> = (0..batch_count).map(batch).collect();
    let columns = "columns = { id = '/id', name = '/name', amount = '/amount', at = '/at', note = '/note' }";
    let upsert = format!("mode = 'upsert'\nkey = ['id']\n{columns}");
    for (name, mapping, ways) in [("append", columns, 3), ("append_payloads", "", 3), ("upsert", &upsert, 2)] {
        let keyed = name == "upsert";
        let mut speeds = vec![Vec::new(); ways];
        for round in 0..=pairs {
            // Each goes first in turn; the first round warms up.
            for turn in 0..ways {
                let way = (round + turn) % ways;
                let client = server.client().await;
                let key = if keyed { ", PRIMARY KEY (id)" } else { "" };
                let fresh = format!("DROP TABLE IF EXISTS rows; CREATE TABLE rows ({TABLE}{key}); CHECKPOINT");
                client.batch_execute(&fresh).await.expect("a table");
                let took = match way {
                    0 => connector(&server, &batches, mapping).await,
                    1 => arrays(&client, &batches, keyed).await,
                    _ => copy(&client, &batches).await,
                };
                let count: i64 = client.query_one("SELECT count(*) FROM rows", &[]).await.expect("a count").get(0);
                assert_eq!(count as usize, BATCH * batch_count);
                if round > 0 {
                    speeds[way].push((BATCH * batch_count) as f64 / took);
                }
            }
        }
        let best = |round: usize| speeds[1..].iter().map(|way| way[round]).fold(0.0, f64::max);
        for round in 0..pairs {
            let each: Vec<_> = speeds.iter().map(|way| format!("{:.0}/s", way[round])).collect();
            println!(
                "{name}: connector, arrays, COPY: {}, ratio {:.2}",
                each.join(", "),
                speeds[0][round] / best(round)
            );
        }
        let median = |mut of: Vec<f64>| {
            of.sort_by(f64::total_cmp);
            of[of.len() / 2]
        };
        let ratio = median((0..pairs).map(|round| speeds[0][round] / best(round)).collect());
        let medians: Vec<_> = speeds.iter().map(|way| format!("{:.0}/s", median(way.clone()))).collect();
        println!("{name}: medians {}, of the ratios {ratio:.2}, batches of {BATCH}", medians.join(", "));
        println!("figure postgres_{name}_ratio {ratio:.3} >=0.9");
    }
}

async fn connector(server: &PostgresServer, batches: &[Vec<SinkRecord>], mapping: &str) -> f64 {
    let toml = format!(
        "{}[[postgres.topic_mappings]]\ntopic = '/default/rows'\ntable = 'rows'\n{mapping}\n",
        server.toml("postgres")
    );
    let (mut sink, core) = from_toml::<Postgres>(&toml).expect("a connector");
    sink.initialize(core).await.expect("a table");
    let batches = batches.to_vec();
    let started = Instant::now();
    for batch in batches {
        sink.process_batch(batch).await.expect("written");
    }
    started.elapsed().as_secs_f64()
}

async fn arrays(client: &Client, batches: &[Vec<SinkRecord>], keyed: bool) -> f64 {
    let conflict = if keyed {
        "ON CONFLICT (id) DO UPDATE SET name = EXCLUDED.name, amount = EXCLUDED.amount, at = EXCLUDED.at, note = EXCLUDED.note"
    } else {
        ""
    };
    let insert = format!(
        "INSERT INTO rows SELECT id, name, amount, at::timestamptz, note \
         FROM unnest($1::int8[], $2::text[], $3::float8[], $4::text[], $5::text[]) AS t(id, name, amount, at, note) {conflict}"
    );
    let insert = client.prepare(&insert).await.expect("a statement");
    let started = Instant::now();
    for batch in batches {
        let mut rows: Vec<_> = rows(batch).collect();
        if keyed {
            // The server refuses a statement that has a key twice; the last row of each counts.
            let last: HashMap<_, _> = rows.iter().enumerate().map(|(place, row)| (row.id, place)).collect();
            let mut places = 0..;
            rows.retain(|row| places.next() == last.get(&row.id).copied());
        }
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let amounts: Vec<_> = rows.iter().map(|row| row.amount).collect();
        let names: Vec<_> = rows.iter().map(|row| row.name).collect();
        let times: Vec<_> = rows.iter().map(|row| row.at).collect();
        let notes: Vec<_> = rows.iter().map(|row| row.note).collect();
        client.execute(&insert, &[&ids, &names, &amounts, &times, &notes]).await.expect("written");
    }
    started.elapsed().as_secs_f64()
}

/// The texts of these rows need no escapes for COPY.
async fn copy(client: &Client, batches: &[Vec<SinkRecord>]) -> f64 {
    let copy = client.prepare("COPY rows FROM STDIN").await.expect("a statement");
    let started = Instant::now();
    for batch in batches {
        let mut lines = String::new();
        for Row { id, name, amount, at, note } in rows(batch) {
            writeln!(lines, "{id}\t{name}\t{amount}\t{at}\t{note}").expect("a line");
        }
        let sink = client.copy_in(&copy).await.expect("a copy");
        let mut sink = std::pin::pin!(sink);
        sink.send(std::io::Cursor::new(lines)).await.expect("sent");
        sink.finish().await.expect("written");
    }
    started.elapsed().as_secs_f64()
}
