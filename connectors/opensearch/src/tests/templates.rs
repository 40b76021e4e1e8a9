//! Index templates that are made at start.

use danube_sink::{
    ConnectorError,
    schema::{DecodeOptions, Decoder, SchemaInfo, SchemaType},
    testing::{HttpReply, HttpServer},
};
use serde_json::{Value, json};

use super::{
    super::{schema::KnownFields, time_format::format},
    Process, connector, initialize, partial, record, records,
    scripted::{PROBE, ROOT},
    started, write,
};

#[tokio::test]
async fn a_template_from_the_mapping_types_the_fields_and_rejects_new_ones() {
    let server = Process::shared();
    let mapping = "index = 'typed-{/tenant}'\nid = '{id}'\n[opensearch.topic_mappings.index_template]\nname = 'typed'\n\
                   fields = { tenant = 'keyword', at = 'date' }\nsettings = { number_of_replicas = '0' }\n\
                   on_new_field = 'reject'";
    let mut connector = started(server, mapping).await;
    let payloads = [r#"{"tenant":"a","at":"2018-02-07"}"#, r#"{"tenant":"a","s3cret":1}"#, r#"{"tenant":"b"}"#];
    let message = partial(write(&mut connector, records(payloads)).await);
    assert!(message.contains("1 rejected") && message.contains("strict_dynamic_mapping_exception"), "{message}");
    assert!(!message.contains("s3cret"), "{message}");
    let fields = &server.ask("GET", "/typed-a", "")["typed-a"];
    let at = json!({"type": "date", "format": format(None)});
    assert_eq!(fields["mappings"]["properties"], json!({"tenant": {"type": "keyword"}, "at": at}));
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

/// The second one would not be made, or replace the first one.
#[tokio::test]
async fn two_templates_of_one_name_are_an_error_of_the_configuration() {
    let server = Process::shared();
    for (second, is_valid) in [("twin-{/tenant}", true), ("twins-{/tenant}", false)] {
        let mapping = |index: &str| format!("index = '{index}'\nindex_template = {{ name = 'twin' }}\n");
        let other = "[[opensearch.topic_mappings]]\ntopic = '/default/u'\nsubscription = 's'\n";
        let mut connector =
            connector(&server.url(), &format!("{}{other}{}", mapping("twin-{/tenant}"), mapping(second)));
        match initialize(&mut connector).await {
            Ok(()) => assert!(is_valid, "{second}"),
            Err(error) => {
                assert!(!is_valid && matches!(error, ConnectorError::Configuration { .. }), "{error:?}");
                assert!(error.report().contains("named twin"), "{error:?}");
            }
        }
    }
}

/// A record of a schema with one field, which the index template does not know.
fn of_schema() -> danube_sink::SinkRecord {
    let schema = SchemaInfo {
        subject: "orders".into(),
        version: 2,
        schema_type: SchemaType::JsonSchema,
        definition: r#"{"type":"object","properties":{"due":{"type":"string","format":"date"}}}"#.into(),
        fingerprint: String::new(),
    };
    record(0, r#"{"due":"2026-11-28"}"#).decoder(Decoder::new(schema, &DecodeOptions::default())).build()
}

const ACKNOWLEDGED: (u16, &str) = (200, r#"{"acknowledged":true}"#);

/// Adds the record's field to indexes, with this answer, and to a template, by a cluster that refuses templates with keys that it does
/// not know.
async fn template_with_field(
    indexes: (u16, &'static str),
    refusal: Option<&'static str>,
) -> (Result<(), ConnectorError>, Value) {
    const STORED: &str = r#"{"index_templates":[{"name":"t","index_template":{"index_patterns":["i"],"priority":200,
        "created_date":"2026-08-01T00:00:00.000Z","created_date_millis":1785542400000,
        "modified_date":"2026-08-01T00:00:00.000Z","modified_date_millis":1785542400000,
        "template":{"mappings":{"properties":{"id":{"type":"long"}}}}}}]}"#;
    let server = HttpServer::start(move |request| match (request.method.as_str(), request.uri.contains("template")) {
        ("POST", _) => HttpReply::status(200, PROBE),
        ("GET", true) => HttpReply::status(200, STORED),
        ("GET", false) => HttpReply::status(200, ROOT),
        (_, true) if request.text().contains("_date") || refusal.is_some() => {
            let reason = refusal.unwrap_or("[index_template] unknown field [created_date]");
            let cause = json!({ "type": "x_content_parse_exception", "reason": reason });
            HttpReply::status(400, json!({ "error": cause, "status": 400 }).to_string())
        }
        (_, true) => HttpReply::status(ACKNOWLEDGED.0, ACKNOWLEDGED.1),
        (_, false) => HttpReply::status(indexes.0, indexes.1),
    });
    let server = server.expect("a free port");
    let mut running = connector(&server.url(), "index = 'i'\nid = '{id}'");
    initialize(&mut running).await.expect("a cluster");
    let typed = connector(
        &server.url(),
        "index = 'i'\nexpected_schema_subject = 'orders'\nindex_template = { name = 't', fields_from_schema = true }",
    );
    let index = &typed.topics.iter().next().expect("a mapping").own;
    let added = running.cluster.add_fields(index, &KnownFields::default(), &[of_schema()]).await;
    let put = server.requests().into_iter().rfind(|request| request.method == "PUT").expect("a template");
    (added, serde_json::from_slice(&put.body).expect("JSON"))
}

#[tokio::test]
async fn a_template_is_written_back_without_the_dates_that_the_cluster_adds() {
    let (added, template) = template_with_field(ACKNOWLEDGED, None).await;
    added.expect("a template");
    let expected = json!({ "index_patterns": ["i"], "priority": 200, "template": { "mappings": { "properties": {
        "id": { "type": "long" }, "due": { "type": "date", "format": format(None) } } } } });
    assert_eq!(template, expected);
}

/// No record is at fault for its schema, and the connector goes on: the producer chooses it.
#[tokio::test]
async fn a_template_that_cannot_have_a_schemas_fields_stays_as_it_is() {
    template_with_field(ACKNOWLEDGED, Some("too many fields")).await.0.expect("the fields are left to the cluster");
}

/// The user may write documents, and no mapping of a data stream.
#[tokio::test]
async fn a_user_who_may_not_add_fields_needs_a_privilege_of_its_own() {
    for (kind, expected) in
        [("security_exception", "the privilege `manage`"), ("cluster_block_exception", "disk space")]
    {
        let answer = match kind {
            "security_exception" => r#"{"error":{"type":"security_exception","reason":"no"},"status":403}"#,
            _ => r#"{"error":{"type":"cluster_block_exception","reason":"no"},"status":403}"#,
        };
        let error = template_with_field((403, answer), None).await.0.expect_err(kind);
        assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        assert!(error.report().contains(expected), "{error:?}");
    }
}
