//! Which index is created, and when.

use std::time::Duration;

use danube_sink::{
    SinkConnector, SubscriptionType,
    testing::{Prepared, from_toml},
};
use tokio_postgres::Client;

use super::super::Pgvector;
use super::{
    TOPIC, of_dimensions, records,
    server::{PostgresServer, Program},
    start, texts, with_docs,
};

/// The indexes of every table but its primary key, as they are defined.
async fn indexes(sql: &Client) -> Vec<String> {
    let query =
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_pkey' ORDER BY 1";
    texts(sql, query).await
}

#[tokio::test]
async fn an_index_is_created_for_each_distance_or_none() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    for (index, distance, part) in [
        ("hnsw", "cosine", Some("USING hnsw (embedding vector_cosine_ops)")),
        ("hnsw", "l2", Some("USING hnsw (embedding vector_l2_ops)")),
        ("ivfflat", "inner_product", Some("USING ivfflat (embedding vector_ip_ops)")),
        ("none", "l2", None),
    ] {
        let mapping = format!("index = '{index}'\ndistance = '{distance}'");
        // The second start changes nothing.
        for _ in 0..2 {
            start(&server, &mapping).await.unwrap();
        }
        let made =
            texts(&sql, "SELECT indexdef FROM pg_indexes WHERE tablename = 'docs' AND indexname <> 'docs_pkey'").await;
        match part {
            Some(part) => assert!(made.len() == 1 && made[0].contains(part), "{index} {distance}: {made:?}"),
            None => assert_eq!(made, [] as [String; 0]),
        }
        sql.batch_execute("DROP TABLE docs").await.unwrap();
    }
    let text = start(&server, "create = false").await.map(drop).unwrap_err().report();
    assert!(text.contains("docs") && text.contains("42P01"), "{text}");
}

#[tokio::test]
async fn an_index_has_parameters_and_the_operators_of_its_type() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    for (mapping, parts) in [
        (
            "index_parameters = { m = 8, ef_construction = 32 }",
            &["vector_cosine_ops", "m='8'", "ef_construction='32'"][..],
        ),
        ("index = 'ivfflat'\nindex_parameters = { lists = 7 }", &["USING ivfflat", "lists='7'"]),
        ("vector_type = 'halfvec'\ndistance = 'l2'", &["halfvec_l2_ops"]),
    ] {
        for _ in 0..2 {
            start(&server, mapping).await.unwrap();
        }
        let made = indexes(&sql).await;
        assert!(made.len() == 1 && parts.iter().all(|part| made[0].contains(part)), "{mapping}: {made:?}");
        sql.batch_execute("DROP TABLE docs").await.unwrap();
    }
}

#[tokio::test]
async fn more_than_2000_dimensions_are_halfvec() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let toml = format!(
        "{}[[pgvector.topic_mappings]]\ntopic = '{TOPIC}'\ntable = 'docs'\ndimensions = 3072\n",
        server.toml("pgvector")
    );
    let (mut sink, core) = from_toml::<Pgvector>(&toml).unwrap();
    sink.initialize(core).await.unwrap();
    let embedding = |first: &str| format!("[{first}{}]", ",0.5".repeat(3071));
    let good = format!(r#"{{"id":1,"embedding":{}}}"#, embedding("65504"));
    let beyond = format!(r#"{{"id":2,"embedding":{}}}"#, embedding("-65520"));
    let text = sink.process_batch(records(&[&good, &beyond])).await.unwrap_err().report();
    assert!(text.contains("/0 is out of the range of halfvec"), "{text}");
    assert_eq!(texts(&sql, "SELECT id || ' ' || (embedding::real[])[1] FROM docs").await, ["1 65504"]);
    assert!(indexes(&sql).await[0].contains("halfvec_cosine_ops"));
}

#[tokio::test]
async fn an_existing_table_gets_no_index() {
    let (server, sql) = with_docs("id text PRIMARY KEY, embedding vector(3) NOT NULL").await;
    start(&server, "").await.unwrap();
    assert_eq!(indexes(&sql).await, [] as [String; 0]);

    sql.batch_execute("CREATE INDEX my_own ON docs USING hnsw (embedding vector_cosine_ops)").await.unwrap();
    start(&server, "").await.unwrap();
    let names = "SELECT indexname::text FROM pg_indexes WHERE tablename = 'docs' ORDER BY 1";
    assert_eq!(texts(&sql, names).await, ["docs_pkey", "my_own"]);

    // An index with the distance exists, with another name and type.
    start(&server, "index = 'ivfflat'\nindex_existing = true").await.unwrap();
    assert_eq!(texts(&sql, names).await, ["docs_pkey", "my_own"]);
    for _ in 0..2 {
        start(&server, "distance = 'l2'\nindex_existing = true").await.unwrap();
    }
    assert_eq!(texts(&sql, names).await, ["docs_embedding_idx", "docs_pkey", "my_own"]);
    assert!(indexes(&sql).await[0].contains("vector_l2_ops"));
}

#[tokio::test]
async fn an_own_table_gets_another_index_while_it_has_no_rows() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    let mut sink = start(&server, "").await.unwrap();
    start(&server, "distance = 'l2'").await.unwrap();
    assert_eq!(indexes(&sql).await.len(), 2);
    sink.process_batch(records(&[r#"{"id":1,"embedding":[1,2,3]}"#])).await.unwrap();
    start(&server, "distance = 'inner_product'").await.unwrap();
    assert_eq!(indexes(&sql).await.len(), 2, "rows are there");
}

#[tokio::test]
async fn long_names_have_an_index_of_each_distance() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    for letters in [1, 54, 60, 61, 62, 63] {
        let table = "t".repeat(letters);
        for distance in ["cosine", "l2", "inner_product"] {
            let toml = format!(
                "{}[[pgvector.topic_mappings]]\ntopic = '{TOPIC}'\ntable = '{table}'\ndimensions = 3\ndistance = '{distance}'\n",
                server.toml("pgvector")
            );
            let (mut sink, core) = from_toml::<Pgvector>(&toml).unwrap();
            sink.initialize(core).await.unwrap();
        }
        let made = indexes(&sql).await;
        let of = |operators: &str| made.iter().filter(|index| index.contains(operators)).count();
        assert_eq!(
            (made.len(), of("vector_cosine_ops"), of("vector_l2_ops"), of("vector_ip_ops")),
            (3, 1, 1, 1),
            "{made:?}"
        );
        sql.batch_execute(&format!("DROP TABLE {table}")).await.unwrap();
    }
}

#[tokio::test]
async fn names_that_need_quotes_are_those_of_the_table() {
    let server = PostgresServer::start(Program::Pgvector);
    let sql = server.client().await;
    for table in ["Docs", "my docs", "it's", "a\"b", "back\\slash", "select"] {
        let toml = format!(
            "{}[[pgvector.topic_mappings]]\ntopic = '{TOPIC}'\ntable = {table:?}\ndimensions = 3\n",
            server.toml("pgvector")
        );
        let (mut sink, core) = from_toml::<Pgvector>(&toml).unwrap();
        sink.initialize(core).await.unwrap();
        sink.process_batch(records(&[r#"{"id":1,"embedding":[1,2,3]}"#])).await.unwrap();
        let rows = format!("SELECT id FROM \"{}\"", table.replace('"', "\"\""));
        assert_eq!(texts(&sql, &rows).await, ["1"], "{table}");
    }
    assert_eq!(indexes(&sql).await.len(), 6);
}

#[tokio::test]
async fn an_index_that_takes_too_long_ends_the_start_within_the_limit() {
    let (server, sql) = with_docs("id text PRIMARY KEY, embedding vector(64) NOT NULL").await;
    sql.batch_execute(
        "INSERT INTO docs SELECT n, array_agg(random())::vector(64) FROM generate_series(1, 60000) n, \
         generate_series(1, 64) d GROUP BY n",
    )
    .await
    .unwrap();
    let with = |mapping: &str| {
        let (sink, mut core) = of_dimensions(64, &server, TOPIC, mapping).unwrap();
        // The rest of the start has this time, too.
        core.write_timeout = Duration::from_secs(3);
        (sink, core)
    };
    // With the largest value, the build takes much longer than the limit on any machine.
    let (mut sink, core) = with("index_existing = true\nindex_parameters = { ef_construction = 1000 }");
    let error = sink.initialize(core).await.unwrap_err();
    assert!(error.report().contains("CREATE INDEX CONCURRENTLY"), "{error:?}");
    let (mut sink, core) = with("");
    sink.initialize(core).await.unwrap();
    assert_eq!(indexes(&sql).await, [] as [String; 0]);
}

/// Loads a mapping with these keys.
fn mapping(more: &str) -> Prepared<Pgvector> {
    let text = "[pgvector.server]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\n[[pgvector.topic_mappings]]\n\
                topic = '/default/t'\ntable = 't'\n";
    from_toml(&format!("{text}{more}"))
}

#[test]
fn more_dimensions_than_an_index_supports_are_an_error_of_the_configuration() {
    for (dimensions, part) in [
        ("dimensions = 2001\nvector_type = 'vector'", "up to 2000 dimensions of the type vector"),
        ("dimensions = 4001", "up to 4000 dimensions of the type halfvec"),
        ("dimensions = 4001\nindex = 'ivfflat'", "up to 4000 dimensions of the type halfvec"),
    ] {
        let Err(report) = mapping(dimensions) else { panic!("{dimensions} is taken") };
        let report = report.to_string();
        assert!(report.contains(part) && report.contains("index = \"none\""), "{report}");
    }
    for dimensions in [
        "dimensions = 2000",
        "dimensions = 3072",
        "dimensions = 16000\nindex = 'none'",
        "dimensions = 16000\ncreate = false",
        "dimensions = 3\nindex_parameters = { m = 8, ef_construction = 32 }",
    ] {
        assert!(mapping(dimensions).is_ok(), "{dimensions}");
    }
    for (table, is_valid) in [("docs", true), ("docs_{/tenant}", false)] {
        let file = "[pgvector.server]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\n[[pgvector.topic_mappings]]\ntopic = '/default/t'";
        let loaded =
            from_toml::<Pgvector>(&format!("{file}\ntable = '{table}'\ndimensions = 3\nindex_existing = true"));
        let report = loaded.map(drop).map_err(|report| report.to_string());
        assert!(
            report.is_ok() == is_valid && report.err().is_none_or(|text| text.contains("`index_existing`")),
            "{table}"
        );
    }
    for parameters in ["{ lists = 5 }", "{ M = 5 }"] {
        let Err(report) = mapping(&format!("dimensions = 3\nindex_parameters = {parameters}")) else {
            panic!("{parameters}")
        };
        assert!(report.to_string().contains("no parameter"), "{report}");
    }
}

#[test]
fn a_column_whose_name_exists_is_an_error_of_the_configuration() {
    for columns in ["'embedding'", "'offset'"] {
        let columns = format!("columns = [{{ name = {columns}, from = '/a' }}]\nmetadata = ['offset']");
        let Err(report) = mapping(&format!("dimensions = 3\n{columns}")) else { panic!("{columns}") };
        assert!(report.to_string().contains("exists already"), "{report}");
    }
    for (metadata, part) in [("['id']", "already"), ("['offset', 'offset']", "written twice")] {
        let Err(report) = mapping(&format!("dimensions = 3\nmetadata = {metadata}")) else { panic!("{metadata}") };
        assert!(report.to_string().contains(part), "{report}");
    }
}

/// A later record of an id replaces an earlier one, which needs one writer for each partition.
#[test]
fn the_subscription_is_exclusive() {
    let template = danube_sink::config::template::<Pgvector>();
    assert!(template.contains("Default: \"Exclusive\"."), "{template}");
    let toml = "[pgvector.server]\nhost = 'h'\nuser = 'u'\ndatabase = 'd'\n[[pgvector.topic_mappings]]\n\
                topic = '/default/t'\ntable = 't'\ndimensions = 3\n";
    let (_, core) = from_toml::<Pgvector>(toml).unwrap();
    assert_eq!(core.mappings[0].consumer.subscription_type, SubscriptionType::Exclusive);
}
