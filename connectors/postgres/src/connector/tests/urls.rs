//! Connection URLs, and where a password may stand.

use std::path::Path;

use danube_sink::{ConnectorError, SinkConnector, config::load_text};
use danube_sink_tests::Ca;

use super::{Bench, Postgres, PostgresServer, Program, TOPIC, records, report, start_at};

const TABLE: &str = "CREATE TABLE rows (id int)";
const MAPPING: &str = "table = 'rows'\ncolumns = { id = '/id' }";

/// The diagnostics of the server's settings.
fn diagnostics(server: &str) -> String {
    let text = format!("[postgres.server]\n{server}\n[[postgres.topic_mappings]]\ntopic = '{TOPIC}'\n{MAPPING}");
    match danube_sink::testing::from_toml::<Postgres>(&text) {
        Ok(_) => String::new(),
        Err(report) => report.to_string(),
    }
}

#[tokio::test]
async fn a_url_replaces_the_settings() {
    let mut bench = Bench::new(TABLE, MAPPING).await;
    let port = bench.server.port;
    for url in [
        format!("postgres://postgres@127.0.0.1:{port}/postgres?sslmode=disable"),
        format!("postgresql://postgres:any%40%2Fthing@127.0.0.1:{port}?sslmode=disable&application_name=orders"),
        format!(
            "postgres://127.0.0.1:{port}/postgres?user=postgres&password=s3cret&sslmode=disable&target_session_attrs=primary"
        ),
        format!(
            "postgres://postgres@127.0.0.1:{port}/postgres?sslmode=prefer&connect_timeout=3&target_session_attrs=any"
        ),
    ] {
        let mut sink = start_at(&url, MAPPING).await.unwrap();
        sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
        let name = if url.contains("orders") { "orders" } else { "danube-sink-postgres" };
        let query = format!("SELECT FROM pg_stat_activity WHERE application_name = '{name}' AND query = 'COMMIT'");
        assert!(!bench.sql.query(&query, &[]).await.unwrap().is_empty(), "{url}");
    }
    bench.write(&[r#"{"id":1}"#]).await.unwrap();
    // Without `sslmode` the connection uses TLS.
    let text = report!(
        start_at(&format!("postgres://postgres@127.0.0.1:{port}/postgres"), MAPPING).await.map(drop),
        Initialization
    );
    assert!(text.contains("TLS"), "{text}");
}

#[tokio::test]
async fn a_url_in_the_file_takes_its_password_from_the_environment() {
    let server = PostgresServer::start(Program::Postgresql);
    let hba = "host all writer 127.0.0.1/32 scram-sha-256\nhost all postgres 127.0.0.1/32 trust\n";
    server.write("pg_hba.conf", hba);
    let sql = server.client().await;
    sql.batch_execute("SELECT pg_reload_conf(); CREATE ROLE writer LOGIN PASSWORD 's3cret'").await.unwrap();
    sql.batch_execute(&format!("{TABLE}; GRANT ALL ON rows TO writer")).await.unwrap();
    let url = format!("postgres://writer@127.0.0.1:{}/postgres?sslmode=disable", server.port);
    let text = format!("[postgres.server]\nurl = '{url}'\n[[postgres.topic_mappings]]\ntopic = '{TOPIC}'\n{MAPPING}");
    let environment = |name: &str| match name {
        "DANUBE_SERVICE_URL" => Some("http://localhost:6650".into()),
        "POSTGRES_PASSWORD" => Some("s3cret".into()),
        _ => None,
    };
    let loaded = load_text::<Postgres>(Path::new("url.toml"), &text, &environment).unwrap();
    let mut sink = loaded.connector;
    sink.initialize(loaded.core).await.unwrap();
    sink.process_batch(records(&[r#"{"id":1}"#])).await.unwrap();
}

#[test]
fn a_password_in_the_file_is_refused_and_not_shown() {
    for url in [
        "postgres://me:s3cret@h/d",
        "postgres://h/d?user=me&password=s3cret",
        "postgres://me:s3cret@h:port/d",
        "postgres://me:s3cret@h/d?sslmode=never",
        "postgres://me:p@s3cret@h/d",
        "http://me:s3cret@h/d",
        "me:s3cret@h/d",
    ] {
        let report = diagnostics(&format!("url = '{url}'"));
        assert!(report.contains("`url`") && !report.contains("s3cret"), "{url}: {report}");
    }
}

#[test]
fn a_server_is_set_once_and_completely() {
    for valid in [
        "url = 'postgres://me@h1:1,h2:2/d?sslmode=verify-full&sslrootcert=system'",
        "host = 'h'\nuser = 'u'\ndatabase = 'd'\nport = 1\ntls = false",
    ] {
        assert_eq!(diagnostics(valid), "", "{valid}");
    }
    for (invalid, part) in [
        ("url = 'postgres://me@h/d'\nport = 1", "`port`"),
        ("url = 'postgres://me@h/d'\ntls = false", "`tls`"),
        ("host = 'h'\nuser = 'u'", "`database`"),
        ("host = 'h'\nuser = 'u'\ndatabase = 'd'\ncert_file = 'a'", "`key_file`"),
        ("url = 'postgres://h/d'", "user"),
        ("url = 'postgres://me@h/d?target_session_attrs=read-only'", "read-only"),
        ("url = 'postgres://me@h/d?nothing=1'", "nothing"),
        ("url = 'postgres://me@h1,h2/d?load_balance_hosts=random'", "`load_balance_hosts`"),
        ("url = 'postgres://me@h/d?keepalives=0'", "`keepalives`"),
        ("url = 'postgres://me@h/d?keepalives_idle=60'", "`keepalives_idle`"),
        ("url = 'postgres://me@h/d?tcp_user_timeout=60'", "`tcp_user_timeout`"),
    ] {
        let report = diagnostics(invalid);
        assert!(report.contains(part), "{invalid}: {report}");
    }
}

/// Loads a file with these settings of the server, and a secret URL.
fn load(server: &str, url: Option<&str>) -> Result<(), String> {
    let text = format!("[postgres.server]\n{server}\n[[postgres.topic_mappings]]\ntopic = '{TOPIC}'\n{MAPPING}");
    let variables: Vec<_> = url.map(|url| ("POSTGRES_URL", url)).into_iter().collect();
    let loaded = danube_sink::testing::from_toml_with::<Postgres>(&text, &variables);
    loaded.map(drop).map_err(|report| report.to_string())
}

/// As by `check --offline`, which no server sees.
#[test]
fn a_missing_server_and_a_secret_that_is_no_url_are_errors_of_the_configuration() {
    let report = load("", None).unwrap_err();
    assert!(report.contains("no server is set") && report.contains("or the variable POSTGRES_URL"), "{report}");
    for secret in [
        "me:s3cret@h",
        "postgres://me:s3cret@h:port/d",
        "postgres://me:s3cret@h/d?sslmode=s3cret",
        "postgres://me:s3cret@h/d?hostaddr=127.0.0.1",
        "postgres://me:s3cret@h/d?sslcert=s3cret",
    ] {
        let report = load("", Some(secret)).unwrap_err();
        assert!(report.contains("variable POSTGRES_URL: not a connection URL: "), "{report}");
        assert!(report.contains("1 error in") && !report.contains("s3cret"), "{report}");
    }
    load("", Some("postgres://me:s3cret@h:1,h:2/d")).unwrap();
}

#[test]
fn certificates_that_cannot_be_used_are_errors_of_the_configuration() {
    let ca = Ca::new("postgres-files");
    let text = ca.write("text.pem", "no PEM").display().to_string();
    let (own, other) = (ca.issue(&["own"]), ca.issue(&["other"]));
    let certificate = ca.write("own.pem", &own.certificate).display().to_string();
    let key = ca.write("other-key.pem", &other.key).display().to_string();
    let server = "host = 'h'\nuser = 'u'\ndatabase = 'd'";
    let of_file = |parameters: &str| format!("url = 'postgres://u@h/d?{parameters}'");
    for (settings, part) in [
        (format!("{server}\nca_file = 'not/there.pem'"), ":5:11: `server.ca_file`: cannot read not/there.pem"),
        (format!("{server}\nca_file = '{text}'"), ":5:11: `server.ca_file`: "),
        (
            format!("{server}\ncert_file = '{certificate}'\nkey_file = '{key}'"),
            ":6:12: `server.key_file`: the private key in ",
        ),
        (of_file("sslrootcert=not/there.pem"), ":2:7: `server.url`: `sslrootcert`: cannot read not/there.pem"),
        (of_file(&format!("sslcert={certificate}&sslkey={key}")), ":2:7: `server.url`: `sslkey`: the private key in "),
    ] {
        let report = load(&settings, None).unwrap_err();
        assert!(report.contains(part) && report.contains("1 error in"), "{settings}: {report}");
    }
    let secret = "postgres://me:s3cret@h/d?sslrootcert=not/there.pem";
    let report = load("", Some(secret)).unwrap_err();
    assert!(report.contains("variable POSTGRES_URL: `sslrootcert`: cannot read not/there.pem"), "{report}");
    assert!(!report.contains("s3cret"), "{report}");
    // A setting replaces the parameter of the URL.
    load(&format!("ca_file = '{}'", ca.file().display()), Some(secret)).unwrap();
}
