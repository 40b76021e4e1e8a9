//! Tables made from registered schemas, and extended by later versions of them.

use danube_sink::{
    ConnectorConfig, ConnectorError, ConnectorResult, SinkConnector, dev::BrokerOptions, testing::from_toml,
};
use danube_sink_tests::{Broker, Running, SchemaType, topic, until};
use tokio_postgres::Client;

use super::{Postgres, PostgresServer, Program, of_version, report};

/// The versions of a schema, each with a message, and what the table has after each.
struct Versions {
    schema_type: SchemaType,
    definitions: [&'static str; 2],
    messages: [&'static [u8]; 2],
    columns: [&'static str; 2],
    rows: [&'static str; 2],
}

const JSON: Versions = Versions {
    schema_type: SchemaType::JsonSchema,
    definitions: [
        r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"Paid":{"type":"boolean"},
            "at":{"type":"string","format":"date-time"},"clock":{"type":"string","format":"time"},
            "tags":{"type":"array","items":{"type":"string"}},"lines":{"type":"array","items":{"type":"object"}}}}"#,
        r#"{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"Paid":{"type":"boolean"},
            "at":{"type":"string","format":"date-time"},"clock":{"type":"string","format":"time"},
            "tags":{"type":"array","items":{"type":"string"}},"lines":{"type":"array","items":{"type":"object"}},
            "select \"note\"":{"type":"number"}}}"#,
    ],
    messages: [
        br#"{"id":1,"Paid":true,"at":"2018-02-07T01:26:13.84Z","clock":"14:05:00+02:00","tags":["a,b",null],"lines":[{"sku":"a"}]}"#,
        br#"{"id":2,"select \"note\"":2.5}"#,
    ],
    columns: [
        "id bigint, Paid boolean, at timestamp with time zone, clock text, tags text[], lines jsonb, _offset bigint",
        "id bigint, Paid boolean, at timestamp with time zone, clock text, tags text[], lines jsonb, _offset bigint, \
         select \"note\" double precision",
    ],
    rows: [
        r#"{"id":1,"Paid":true,"at":"2018-02-07T01:26:13.84+00:00","clock":"14:05:00+02:00","tags":["a,b",null],"lines":[{"sku": "a"}],"_offset":0}"#,
        r#"{"id":2,"Paid":null,"at":null,"clock":null,"tags":null,"lines":null,"_offset":1,"select \"note\"":2.5}"#,
    ],
};

const AVRO: Versions = Versions {
    schema_type: SchemaType::Avro,
    definitions: [
        r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},
            {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
            {"name":"day","type":{"type":"int","logicalType":"date"}},{"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
            {"name":"raw","type":"bytes"}]}"#,
        r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"},
            {"name":"price","type":{"type":"bytes","logicalType":"decimal","precision":10,"scale":2}},
            {"name":"day","type":{"type":"int","logicalType":"date"}},{"name":"clock","type":{"type":"int","logicalType":"time-millis"}},
            {"name":"raw","type":"bytes"},{"name":"note","type":["null","string"],"default":null}]}"#,
    ],
    messages: [
        // Zigzag numbers, and lengths before bytes: 1, 123.45, one day, one second, the bytes 0 and 255.
        &[0x02, 0x04, 0x30, 0x39, 0x02, 0xD0, 0x0F, 0x04, 0x00, 0xFF],
        &[0x04, 0x02, 0x05, 0x00, 0x00, 0x00, 0x02, 0x04, b'h', b'i'],
    ],
    columns: [
        "id bigint, price numeric(10,2), day date, clock time without time zone, raw bytea, _offset bigint",
        "id bigint, price numeric(10,2), day date, clock time without time zone, raw bytea, _offset bigint, note text",
    ],
    rows: [
        r#"{"id":1,"price":123.45,"day":"1970-01-02","clock":"00:00:01","raw":"\\x00ff","_offset":0}"#,
        r#"{"id":2,"price":0.05,"day":"1970-01-01","clock":"00:00:00","raw":"\\x","_offset":1,"note":"hi"}"#,
    ],
};

const PROTOBUF: Versions = Versions {
    schema_type: SchemaType::Protobuf,
    definitions: [
        r#"syntax = "proto3"; message Order { int64 id = 1; optional string name = 2; repeated int32 counts = 3; fixed64 big = 4;
           Line line = 5; message Line { string sku = 1; } }"#,
        r#"syntax = "proto3"; message Order { int64 id = 1; optional string name = 2; repeated int32 counts = 3; fixed64 big = 4;
           Line line = 5; bool paid = 6; message Line { string sku = 1; } }"#,
    ],
    messages: [
        &[0x08, 1, 0x1A, 2, 3, 4, 0x21, 255, 255, 255, 255, 255, 255, 255, 255, 0x2A, 3, 0x0A, 1, b'a'],
        &[0x08, 2, 0x12, 1, b'b', 0x30, 1],
    ],
    columns: [
        "id bigint, name text, counts integer[], big numeric(20,0), line jsonb, _offset bigint",
        "id bigint, name text, counts integer[], big numeric(20,0), line jsonb, _offset bigint, paid boolean",
    ],
    rows: [
        r#"{"id":1,"name":null,"counts":[3,4],"big":18446744073709551615,"line":{"sku": "a"},"_offset":0}"#,
        r#"{"id":2,"name":"b","counts":[],"big":0,"line":null,"_offset":1,"paid":true}"#,
    ],
};

/// A server, and a broker with a topic whose messages have the schema `orders`.
struct Setup {
    server: PostgresServer,
    sql: Client,
    broker: Broker,
    topic: String,
}

impl Setup {
    async fn new() -> Self {
        let server = PostgresServer::start(Program::Postgresql);
        server.write("pg_hba.conf", "host all all 127.0.0.1/32 trust\n");
        let sql = server.client().await;
        sql.batch_execute("SELECT pg_reload_conf(); CREATE ROLE writer LOGIN; SET timezone = 'UTC'").await.unwrap();
        let broker = Broker::embedded(BrokerOptions::default()).await;
        Self { server, sql, broker, topic: topic("schema") }
    }

    fn connector(&self, user: &str, mapping: &str) -> (Postgres, ConnectorConfig) {
        let server = self.server.toml("postgres").replace("user = 'postgres'", &format!("user = '{user}'"));
        let (sink, mut core) = from_toml(&format!(
            "retry_backoff_ms = 20\n{server}[[postgres.topic_mappings]]\ntopic = '{}'\nsubscription = 's'\n{mapping}",
            self.topic
        ))
        .unwrap();
        core.danube_service_url = self.broker.url().to_owned();
        (sink, core)
    }

    async fn start_as(&self, user: &str, mapping: &str) -> ConnectorResult<Postgres> {
        let (mut sink, core) = self.connector(user, &format!("expected_schema_subject = 'orders'\n{mapping}"));
        sink.initialize(core).await.map(|()| sink)
    }

    async fn start(&self, mapping: &str) -> ConnectorResult<Postgres> {
        self.start_as("postgres", mapping).await
    }

    async fn register(&self, definition: &str) {
        drop(self.broker.producer_of_schema(&self.topic, "producer", "orders", definition).await);
    }

    async fn columns(&self) -> String {
        let query = "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) \
                     FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped";
        self.sql.query_one(query, &[]).await.unwrap().get(0)
    }

    async fn rows(&self) -> Vec<String> {
        let query = "SELECT to_json(orders)::text FROM orders ORDER BY id";
        self.sql.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_made_from_each_type_of_schema_and_follows_its_versions() {
    let upsert = "mode = 'upsert'\nkey = ['id']";
    for (versions, mode) in [(JSON, upsert), (AVRO, "delivery = 'exactly_once'"), (PROTOBUF, "")] {
        let setup = Setup::new().await;
        let Versions { schema_type, definitions, messages, columns, rows } = &versions;
        let producer = async |name: &str, version: usize| {
            let definition = definitions[version];
            setup.broker.producer_of_type(&setup.topic, name, "orders", *schema_type, definition).await
        };
        let first = producer("first", 0).await;
        let mapping = format!(
            "table = 'orders'\ncreate_table = true\non_new_field = 'add'\nmetadata = {{ offset = '_offset' }}\n{mode}"
        );
        let (sink, core) = setup.connector("postgres", &format!("expected_schema_subject = 'orders'\n{mapping}"));
        let running = Running::start(sink, core, &setup.broker).await;
        assert_eq!(setup.columns().await, columns[0], "{mode}");
        first.send(messages[0].to_vec(), None).await.expect("sent");
        until("a row", || async { setup.rows().await.len() == 1 }).await;
        assert_eq!(fields(&setup.rows().await[0]), fields(rows[0]), "{mode}");

        let second = producer("second", 1).await;
        second.send(messages[1].to_vec(), None).await.expect("sent");
        until("a second row", || async { setup.rows().await.len() == 2 }).await;
        assert_eq!(setup.columns().await, columns[1], "{mode}");
        assert_eq!(fields(&setup.rows().await[1]), fields(rows[1]), "{mode}");
        // Records of the version before are still written.
        first.send(messages[0].to_vec(), None).await.expect("sent");
        let count = if mode.contains("upsert") { 2 } else { 3 };
        until("the record", || async {
            let query = "SELECT count(*), count(*) FILTER (WHERE _offset = 2) FROM orders";
            let row = setup.sql.query_one(query, &[]).await.unwrap();
            (row.get::<_, i64>(0), row.get::<_, i64>(1)) == (count, 1)
        })
        .await;
        running.stop().await;
    }
}

fn fields(json: &str) -> serde_json::Value {
    serde_json::from_str(json).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_make_one_table_and_add_one_column() {
    let setup = Setup::new().await;
    setup.register(JSON.definitions[0]).await;
    let mapping = "table = 'orders'\ncreate_table = true\non_new_field = 'add'\nkey = ['id']";
    let starts = (0..8).map(|_| setup.start(mapping));
    let sinks: Vec<_> = futures_util::future::join_all(starts).await.into_iter().map(Result::unwrap).collect();
    let key =
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'p'";
    assert_eq!(setup.sql.query_one(key, &[]).await.unwrap().get::<_, String>(0), "PRIMARY KEY (id)");
    let payload = |number| format!(r#"{{"id":{number},"select \"note\"":1}}"#);
    let records = |number: usize| vec![of_version(&setup.topic, 0, 2, JSON.definitions[1], &payload(number))];
    let writes = sinks.into_iter().enumerate().map(|(number, mut sink)| async move {
        let records = records(number);
        // One that waits for a lock is retried.
        while let Err(error) = sink.process_batch(records.clone()).await {
            assert!(matches!(error, ConnectorError::Retryable { .. }), "{error:?}");
        }
    });
    futures_util::future::join_all(writes).await;
    assert_eq!(setup.rows().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn named_columns_have_the_types_of_their_fields() {
    let setup = Setup::new().await;
    let definition = r#"{"type":"object","properties":{"id":{"type":"integer"},
        "user":{"type":"object","properties":{"born":{"type":"string","format":"date"}}}}}"#;
    setup.register(definition).await;
    let mapping = "table = 'orders'\ncreate_table = true\nmode = 'upsert'\nkey = ['n', 'at']\nmetadata = { publish_time = 'at' }\n\
                   columns = { n = '/id', born = '/user/born', whole = '', kind = 'attribute:kind' }";
    drop(setup.start(mapping).await.unwrap());
    assert_eq!(setup.columns().await, "n bigint, born date, whole jsonb, kind text, at timestamp with time zone");
    let text = report!(
        setup.start(&mapping.replace("'orders'", "'others'").replace("/born", "/name")).await.map(drop),
        Configuration
    );
    assert!(text.contains("/user/name") && text.contains("others"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_gives_no_table_is_an_error_of_the_configuration() {
    let setup = Setup::new().await;
    let create = "table = 'orders'\ncreate_table = true\n";
    let text = report!(setup.start(create).await.map(drop), Retryable);
    assert!(text.contains("schema orders"), "{text}");
    let long = "n".repeat(64);
    let property = |name: &str| format!(r#"{{"type":"object","properties":{{"{name}":{{"type":"integer"}}}}}}"#);
    for (definition, rest, part) in [
        (property("id"), "mode = 'upsert'\nkey = ['number']", "no field number"),
        (property("offset"), "metadata = ['offset']", "\"offset\""),
        (property("ctid"), "", "every table of PostgreSQL has"),
        (property(&long), "", "1 to 63 bytes"),
        (property(""), "", "1 to 63 bytes"),
        (r#"{"type":"object"}"#.to_owned(), "", "no fields"),
    ] {
        setup.register(&definition).await;
        let text = report!(setup.start(&format!("{create}{rest}")).await.map(drop), Configuration);
        assert!(text.contains(part), "{definition}: {text}");
    }
    // A table that exists needs no schema.
    setup.sql.batch_execute("CREATE TABLE orders (id int)").await.unwrap();
    drop(setup.start(create).await.unwrap());
    let (mut sink, core) = setup.connector("postgres", "table = 'others'\ncreate_table = true");
    assert!(report!(sink.initialize(core).await, Configuration).contains("expected_schema_subject"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_create_or_alter_the_error_says_what_to_grant() {
    let setup = Setup::new().await;
    setup.register(JSON.definitions[0]).await;
    let mapping = "table = 'orders'\ncreate_table = true\non_new_field = 'add'";
    let text = report!(setup.start_as("writer", mapping).await.map(drop), Initialization);
    assert!(text.contains("42501") && text.contains("schema public") && text.contains("grant"), "{text}");
    drop(setup.start(mapping).await.unwrap());
    // The table exists: the right to create is not needed.
    setup.sql.batch_execute("GRANT INSERT, SELECT ON orders TO writer").await.unwrap();
    let mut sink = setup.start_as("writer", mapping).await.unwrap();
    let records = || vec![of_version(&setup.topic, 0, 2, JSON.definitions[1], r#"{"id":1,"select \"note\"":1}"#)];
    let text = report!(sink.process_batch(records()).await, Retryable);
    let statement = r#"ALTER TABLE "orders" ADD COLUMN IF NOT EXISTS "select ""note""" double precision"#;
    assert!(text.contains(statement) && text.contains("GRANT") && text.contains("42501"), "{text}");
    setup.sql.batch_execute("GRANT postgres TO writer").await.unwrap();
    sink.process_batch(records()).await.unwrap();
    assert_eq!(setup.rows().await.len(), 1);
}
