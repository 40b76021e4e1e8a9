//! Settings that do not fit together are reported with file, line and remedy.

use super::*;

#[test]
fn settings_that_conflict_are_reported() {
    for (mapping, message) in [
        ("format = 'parquet'", "`parquet` files need columns"),
        ("format = 'csv'\ncolumns_from_schema = true", "conflicts with `columns` or `format`"),
        (
            "format = 'avro'\ncolumns_from_schema = true\ncolumns = [{ name = 'a' }]",
            "conflicts with `columns` or `format`",
        ),
        ("compression = 'snappy'", "the format has no such compression"),
        ("path = '../{topic}'", "`.`, `..` and `\\` are not allowed in a path"),
        ("path = '{user}'", "invalid placeholder"),
        ("columns = [{ name = 'a' }, { name = 'A' }]", "two columns have the name `A`"),
        ("columns = [{ name = 'a' }]\nmetadata = { offset = 'a' }", "two columns have the name `a`"),
        ("columns = [{ name = 'a', unit = 'ms' }]", "`unit` is only for timestamps"),
        ("columns = [{ name = 'a', type = 'int' }]", "not a ColumnType"),
        ("metadata = { time = 'a' }", "metadata"),
        ("file_extension = '../a'", "not an extension"),
        ("file_extension = '.csv'", "not an extension"),
        ("file_extension = ''", "not an extension"),
        ("content_encoding = 'gzip'", "the files are not compressed"),
        ("content_encoding = 'gzip'\nformat = 'parquet'\ncolumns = [{ name = 'a' }]", "conflicts with `format`"),
        ("format = 'avro'\ncolumns = [{ name = 'user-id' }]", "`avro` files have no column `user-id`"),
        ("format = 'avro'\ncolumns = [{ name = '1' }]", "`avro` files have no column `1`"),
        (
            "format = 'avro'\ncolumns = [{ name = 'a', type = 'List(Struct(\"b c\": Utf8))' }]",
            "`avro` files have no column `b c`",
        ),
        (
            "format = 'avro'\ncolumns = [{ name = 'a' }]\nmetadata = { publish_time = 'published-at' }",
            "`avro` files have no column `published-at`",
        ),
        ("csv_header = true", "conflicts with `format`"),
    ] {
        let Err(report) = from_toml::<ObjectStore>(&configuration(Path::new("/"), mapping)) else {
            panic!("{mapping}")
        };
        assert!(report.to_string().contains(message), "{mapping}: {report}");
    }
}

#[test]
fn a_name_that_no_folder_can_have_is_reported() {
    let text = |url: &str, mapping: &str| {
        let (topic, subscription) = ("t".repeat(110), "s".repeat(110));
        format!(
            "[[object_store.topic_mappings]]\ntopic = '/a/{topic}'\nsubscription = '{subscription}'\nurl = '{url}'\n{mapping}\n"
        )
    };
    for (url, mapping) in [("/data", ""), ("file:///data", "format = 'csv'\ncolumns = [{ name = 'a' }]")] {
        let Err(report) = from_toml::<ObjectStore>(&text(url, mapping)) else { panic!("{url}") };
        assert!(report.to_string().contains("the names of its files are too long for a folder"), "{report}");
    }
    assert!(from_toml::<ObjectStore>(&text("s3://lake", "")).is_ok());
    // Those of a partition may not fit: that is known when it has one.
    let shorter = text("/data", "").replace(&"s".repeat(110), &"s".repeat(100));
    assert!(from_toml::<ObjectStore>(&shorter).is_ok());
}

#[test]
fn secrets_are_not_in_the_file() {
    let text = "[object_store.storage_options]\nazure_storage_account_key = 's3cret'\n[[object_store.topic_mappings]]\ntopic = '/a/b'\nurl = 'a'\n";
    let Err(report) = from_toml::<ObjectStore>(text) else { panic!("it is taken") };
    let report = report.to_string();
    assert!(report.contains("is a secret") && !report.contains("s3cret"), "{report}");
}

#[test]
fn a_location_that_cannot_be_meant_is_reported_without_what_may_be_secret() {
    for (url, options, message) in [
        ("", "", "the string is empty"),
        ("~/lake", "", "`~` is not expanded"),
        ("/data/{topic}", "", "it has no placeholders"),
        ("s3://KID:s3cret@lake/x", "", "must not have a user"),
        ("s3://lake/x?X-Amz-Signature=s3cret", "", "must not have a user"),
        ("az://lake/x?sig=s3cret", "", "must not have a user"),
        ("s3://lake", "aws_endpoint = 'http://user:s3cret@minio:9000'", "must not have a user"),
        ("s3://lake", "aws_endpoint = 'http://minio:9000/?sig=s3cret'", "must not have a user"),
        ("/data", "aws_region = 'a'", "no `url` is in a store"),
    ] {
        let text = format!(
            "[object_store.storage_options]\n{options}\n[[object_store.topic_mappings]]\ntopic = '/a/b'\nurl = '{url}'\n"
        );
        let Err(report) = from_toml::<ObjectStore>(&text) else { panic!("{url} {options}") };
        let report = report.to_string();
        assert!(report.contains(message) && !report.contains("s3cret"), "{report}");
    }
}

#[test]
fn a_request_may_take_as_long_as_a_write() {
    let timeout = |options: &str| {
        let text = format!(
            "write_timeout_ms = 120000\n[object_store.storage_options]\n{options}\n[[object_store.topic_mappings]]\ntopic = '{TOPIC}'\n\
             url = 's3://lake'\n"
        );
        let (connector, config) = from_toml::<ObjectStore>(&text).expect("a configuration");
        connector.options(config.write_timeout).remove("timeout")
    };
    assert_eq!(timeout("").as_deref(), Some("120000ms"));
    assert_eq!(timeout("timeout = '5s'").as_deref(), Some("5s"));
    assert_eq!(timeout("aws_timeout = '5s'"), None);
}
