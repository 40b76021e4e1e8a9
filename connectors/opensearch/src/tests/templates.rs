//! Index templates that are made at start.

use danube_sink::ConnectorError;
use serde_json::json;

use super::{Process, connector, initialize, partial, records, started, write};

#[tokio::test]
async fn a_template_from_the_mapping_types_the_fields_and_rejects_new_ones() {
    let server = Process::shared();
    let mapping = "index = 'typed-{/tenant}'\nid = '{id}'\n[opensearch.topic_mappings.index_template]\nname = 'typed'\n\
                   fields = { tenant = 'keyword', at = 'date' }\nsettings = { number_of_replicas = '0' }\n\
                   on_new_field = 'reject'";
    let mut connector = started(server, mapping).await;
    let payloads = [r#"{"tenant":"a","at":0}"#, r#"{"tenant":"a","s3cret":1}"#, r#"{"tenant":"b"}"#];
    let message = partial(write(&mut connector, records(payloads)).await);
    assert!(message.contains("1 rejected") && message.contains("strict_dynamic_mapping_exception"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
    let fields = &server.ask("GET", "/typed-a", "")["typed-a"];
    assert_eq!(fields["mappings"]["properties"], json!({"tenant": {"type": "keyword"}, "at": {"type": "date"}}));
    assert_eq!(fields["settings"]["index"]["number_of_replicas"], "0");
    assert_eq!(server.documents("typed-*").len(), 2);
}

#[tokio::test]
async fn a_template_from_a_file_is_kept_unless_it_is_to_be_replaced() {
    let server = Process::shared();
    let file = std::env::temp_dir().join(format!("index-template-{}.json", std::process::id()));
    let mapping = |rest: &str| {
        let file = file.display();
        format!(
            "index = 'filed'\nid = '{{id}}'\n[opensearch.topic_mappings.index_template]\nname = 'filed'\n\
             file = '{file}'\n{rest}"
        )
    };
    let version =
        || server.ask("GET", "/_index_template/filed", "")["index_templates"][0]["index_template"]["version"].clone();
    for (rest, written, expected) in [("", 1, 1), ("", 2, 1), ("overwrite = true", 3, 3)] {
        let text = json!({"index_patterns": ["filed"], "version": written}).to_string();
        std::fs::write(&file, text).expect("a file");
        started(server, &mapping(rest)).await;
        assert_eq!(version(), expected, "{rest}");
    }
    std::fs::write(&file, "[]").expect("a file");
    let error = initialize(&mut connector(&server.url(), &mapping(""))).await.expect_err("no template");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
    std::fs::remove_file(file).expect("the file");
}

#[tokio::test]
async fn a_template_that_the_server_refuses_is_an_error_of_the_configuration() {
    let server = Process::shared();
    let mapping =
        "index = 'wrong'\n[opensearch.topic_mappings.index_template]\nname = 'wrong'\nfields = { a = 'nonsense' }";
    let error = initialize(&mut connector(&server.url(), mapping)).await.expect_err("no such type");
    assert!(matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
    assert!(error.report().contains("nonsense"), "{error:?}");
}
