//! The program's `dev` command.

#![allow(clippy::expect_used, reason = "it serves tests alone")]

#[path = "support/dev.rs"]
mod dev;
#[path = "support/server.rs"]
mod server;

use server::{PostgresServer, Program};

fn dev(server: &PostgresServer) -> (Option<i32>, String) {
    dev::dev(env!("CARGO_BIN_EXE_danube-sink-postgres"), env!("CARGO_MANIFEST_DIR"), server)
}

#[tokio::test]
async fn dev_delivers_what_is_in_the_repository_also_when_it_runs_again() {
    let server = PostgresServer::start(Program::Postgresql);
    for _ in 0..2 {
        let (code, text) = dev(&server);
        assert!(code == Some(0) && text.contains("246 of 246 records delivered"), "{text}");
        let query = "SELECT (SELECT count(*) FROM earthquakes), (SELECT count(*) FROM orders)";
        let row = server.client().await.query_one(query, &[]).await.expect("the tables");
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (200, 24));
    }
}

#[test]
fn dev_says_which_server_does_not_answer() {
    let server = PostgresServer::start(Program::Postgresql);
    server.stop("fast");
    let (code, text) = dev(&server);
    let part = format!("prepare PostgreSQL at 127.0.0.1:{}", server.port);
    assert!(code == Some(1) && text.contains(&part) && text.contains("refused"), "{text}");
}
