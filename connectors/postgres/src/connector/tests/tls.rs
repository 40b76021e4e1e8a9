//! TLS and passwords.

use std::path::Path;

use danube_sink::{ConnectorError, ConnectorResult, SinkConnector, config::load_text};
use danube_sink_tests::Ca;

use super::{Postgres, PostgresServer, Program, TOPIC, records, report};

/// Starts a connector of user `writer`, who needs TLS and a password.
async fn start(server: &PostgresServer, ca: &Ca, host: &str, password: &str) -> ConnectorResult<Postgres> {
    let (port, ca) = (server.port, ca.file());
    let text = format!(
        "[postgres.server]\nhost = '{host}'\nport = {port}\nuser = 'writer'\ndatabase = 'postgres'\nca_file = '{}'\n\
         [[postgres.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 'rows'\ncolumns = {{ id = '/id' }}\n",
        ca.display()
    );
    let environment = |name: &str| match name {
        "DANUBE_SERVICE_URL" => Some("http://localhost:6650".into()),
        "POSTGRES_PASSWORD" => Some(password.into()),
        _ => None,
    };
    let loaded = load_text::<Postgres>(Path::new("tls.toml"), &text, &environment).unwrap();
    let mut sink = loaded.connector;
    sink.initialize(loaded.core).await.map(|()| sink)
}

#[tokio::test]
async fn tls_verifies_the_server_before_the_password_is_sent() {
    let server = PostgresServer::start(Program::Postgresql);
    let (ca, other) = (Ca::new("postgres"), Ca::new("postgres-other"));
    let identity = ca.issue(&["localhost", "127.0.0.1"]);
    server.write("server.crt", &identity.certificate);
    server.write("server.key", &identity.key);
    let sql = server.client().await;
    let prepare = "CREATE ROLE writer LOGIN PASSWORD 's3cret'; CREATE TABLE rows (id int); GRANT ALL ON rows TO writer";
    sql.batch_execute(prepare).await.unwrap();

    let without = report!(start(&server, &ca, "127.0.0.1", "s3cret").await.map(drop), Initialization);
    assert!(without.contains("server does not support TLS; on a trusted network, set `tls = false`"), "{without}");

    sql.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    server.stop("fast");
    server.start_again();
    let mut sink = start(&server, &ca, "127.0.0.1", "s3cret").await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
    let sql = server.client().await;
    let query = "SELECT ssl, version FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'writer'";
    let row = sql.query_one(query, &[]).await.unwrap();
    assert_eq!((row.get::<_, bool>(0), row.get::<_, &str>(1)), (true, "TLSv1.3"));
    drop(sink);

    for (ca, host, password, part) in [
        (&ca, "localhost", "s3cret", ""),
        (&other, "127.0.0.1", "s3cret", "UnknownIssuer"),
        (&ca, "127.0.0.1", "wr0ng", "28P01"),
    ] {
        let text = match start(&server, ca, host, password).await {
            Ok(_) => String::new(),
            Err(error @ ConnectorError::Initialization { .. }) => error.report(),
            Err(other) => panic!("{other:?}"),
        };
        assert!(text.contains(part) && text.is_empty() == part.is_empty(), "{host}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("wr0ng"), "{text}");
    }
    // A certificate for another name.
    let identity = ca.issue(&["another-host"]);
    server.write("server.crt", &identity.certificate);
    server.write("server.key", &identity.key);
    server.stop("fast");
    server.start_again();
    let text = report!(start(&server, &ca, "127.0.0.1", "s3cret").await.map(drop), Initialization);
    assert!(text.contains("NotValidForName") || text.contains("not valid for name"), "{text}");
}

#[tokio::test]
async fn a_client_certificate_authenticates_the_user() {
    let server = PostgresServer::start(Program::Postgresql);
    let ca = Ca::new("postgres-clients");
    let (identity, client) = (ca.issue(&["127.0.0.1"]), ca.issue(&["client"]));
    for (name, text) in [
        ("server.crt", identity.certificate.as_str()),
        ("server.key", &identity.key),
        ("clients.crt", ca.certificate()),
    ] {
        server.write(name, text);
    }
    server.write("pg_hba.conf", "hostssl all test 127.0.0.1/32 cert\nhost all postgres 127.0.0.1/32 trust\n");
    let sql = server.client().await;
    for statement in [
        "ALTER SYSTEM SET ssl = on",
        "ALTER SYSTEM SET ssl_ca_file = 'clients.crt'",
        "CREATE ROLE test LOGIN; CREATE TABLE rows (id int); GRANT ALL ON rows TO test",
        "SELECT pg_reload_conf()",
    ] {
        sql.batch_execute(statement).await.unwrap();
    }
    let (ca_file, cert, key) = (ca.file(), ca.write("a.pem", &client.certificate), ca.write("a.key", &client.key));
    let (host, ca_file) = (format!("127.0.0.1:{}", server.port), ca_file.display());
    let mapping = "table = 'rows'\ncolumns = { id = '/id' }";
    let url = format!("postgres://test@{host}/postgres?sslmode=verify-full&sslrootcert={ca_file}");
    let with = format!("{url}&sslcert={}&sslkey={}", cert.display(), key.display());
    let mut sink = super::start_at(&with, mapping).await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
    let text = report!(super::start_at(&url, mapping).await.map(drop), Initialization);
    assert!(text.contains("SQLSTATE 28000"), "{text}");

    let text = format!(
        "[postgres.server]\nurl = 'postgres://test@{host}/postgres'\nca_file = '{ca_file}'\ncert_file = '{}'\nkey_file = '{}'\n\
         [[postgres.topic_mappings]]\ntopic = '{TOPIC}'\n{mapping}\n",
        cert.display(),
        key.display()
    );
    let (mut sink, core): (Postgres, _) = danube_sink::testing::from_toml(&text).unwrap();
    sink.initialize(core).await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
}
