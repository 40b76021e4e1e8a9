//! Schema registry, with danube-client.

use danube_client::SchemaType;
use serde_json::{Value, json};

use super::*;

#[tokio::test]
async fn definitions_are_wrapped_and_versions_are_numbered() {
    let broker = start().await;
    let client = client(&broker).await;
    let schemas = client.schema();
    let register = async |definition: &str| {
        let request = schemas.register_schema("orders").with_type(SchemaType::JsonSchema);
        request.with_schema_data(definition.as_bytes().to_vec()).execute().await.unwrap()
    };
    let id = register(r#"{"type":"object"}"#).await;
    assert_eq!(register(r#"{ "type": "object" }"#).await, id);
    assert_eq!(register(r#"{"type":"array"}"#).await, id);
    assert_eq!(schemas.list_versions("orders").await.unwrap(), [1, 2]);

    let first = schemas.get_schema_version(id, Some(1)).await.unwrap();
    assert_eq!((first.version, first.subject.as_str(), first.schema_type.as_str()), (1, "orders", "json_schema"));
    let definition: Value = serde_json::from_slice(&first.schema_definition).unwrap();
    assert_eq!(definition["JsonSchema"]["raw_schema"], json!(r#"{"type":"object"}"#));
    assert_eq!(schemas.get_schema_by_id(id).await.unwrap().version, 2);
    assert_eq!(schemas.get_latest_schema("orders").await.unwrap().version, 2);
    assert!(schemas.get_schema_by_id(id + 1).await.is_err());

    broker.faults().set_registry_down(true);
    assert!(schemas.get_schema_by_id(id).await.is_err());
}

#[tokio::test]
async fn messages_have_their_schema() {
    let broker = start().await;
    let client = client(&broker).await;
    let schemas = client.schema();
    let request = schemas.register_schema("numbers").with_type(SchemaType::Number);
    let id = request.with_schema_data(Vec::new()).execute().await.unwrap();
    let latest = schemas.get_latest_schema("numbers").await.unwrap();
    assert_eq!(latest.schema_definition, br#""Number""#);

    let builder = client.new_producer().with_topic(TOPIC).with_name("shop").with_reliable_dispatch();
    let mut producer = builder.with_schema_subject("numbers").build().unwrap();
    producer.create().await.unwrap();
    producer.send(b"42".to_vec(), None).await.unwrap();
    assert_eq!(broker.messages(TOPIC)[0].schema, Some((id, 1)));
}

#[tokio::test]
async fn an_unregistered_subject_is_refused() {
    let broker = start().await;
    let client = client(&broker).await;
    let builder = client.new_producer().with_topic(TOPIC).with_name("shop").with_reliable_dispatch();
    let mut producer = builder.with_schema_subject("unregistered").build().unwrap();
    assert!(producer.create().await.is_err());
}
