//! The program's `dev` command.

use super::{
    program,
    server::{PostgresServer, Program},
};

fn dev(server: &PostgresServer) -> (Option<i32>, String) {
    program::dev(env!("CARGO_BIN_EXE_danube-sink-pgvector"), env!("CARGO_MANIFEST_DIR"), server)
}

#[tokio::test]
async fn dev_delivers_what_is_in_the_repository_also_when_it_runs_again() {
    let server = PostgresServer::start(Program::Pgvector);
    for _ in 0..2 {
        let (code, text) = dev(&server);
        assert!(code == Some(0) && text.contains("200 of 200 records delivered"), "{text}");
        let query = "SELECT count(*) FROM places WHERE vector_dims(embedding) = 32 AND payload ? 'mag'";
        let row = server.client().await.query_one(query, &[]).await.expect("the table");
        assert_eq!(row.get::<_, i64>(0), 200);
    }
}

#[test]
fn dev_says_which_server_does_not_answer() {
    let server = PostgresServer::start(Program::Pgvector);
    server.stop("fast");
    let (code, text) = dev(&server);
    let part = format!("prepare PostgreSQL at 127.0.0.1:{}", server.port);
    assert!(code == Some(1) && text.contains(&part) && text.contains("refused"), "{text}");
}
