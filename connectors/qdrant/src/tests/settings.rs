//! Errors of the configuration.

use danube_sink::testing::from_toml;

use super::Qdrant;

#[test]
fn an_invalid_mapping_is_reported_at_start() {
    let create = "[qdrant.topic_mappings.create]\n";
    for (mapping, message) in [
        ("collection_name = ''", "1 to 255 bytes"),
        ("collection_name = 'a/b'", "1 to 255 bytes"),
        ("collection_name = '..'", "1 to 255 bytes"),
        ("collection_name = '{topic}'", "1 to 255 bytes"),
        ("collection_name = 'docs_{publish_time}'", "1 to 255 bytes"),
        ("collection_name = 'docs/{/tenant}'", "1 to 255 bytes"),
        ("collection_name = '{tenant}'", "invalid placeholder"),
        ("collection_name = 'c'\nvector = '/a'\nvectors = { b = '/b' }", "exclude each other"),
        ("collection_name = 'c'\nvectors = {}", "`vectors`"),
        ("collection_name = 'c'\non_new_field = 'reject'", "is for `payload_indexes_from_schema`"),
        ("collection_name = 'c'\nordering = 'total'", "`ordering`"),
        ("collection_name = 'c'\nid = 'offset'\noperation = '/op'", "no record could name the point to delete"),
        ("collection_name = 'c'\nfields = ['/payload/a~1b']", "`a/b` is in the payload of the point already"),
        (
            "collection_name = 'c'\npayload = ''\nfields = { name = '/name' }",
            "`name` is in the payload of the point already",
        ),
        (&format!("collection_name = 'c'\n{create}"), "no vectors"),
        (
            &format!("collection_name = 'c'\n{create}vectors = {{ size = 0, distance = 'Dot' }}"),
            "not the vectors of a collection",
        ),
        (&format!("collection_name = 'c'\n{create}vectors = {{ a = 3 }}"), "not the vectors of a collection"),
        (&format!("collection_name = 'c'\n{create}vectors = {{ size = 3 }}"), "not the vectors of a collection"),
        (
            &format!("collection_name = 'c'\n{create}vectors = {{ size = 3, distance = 2001-01-01 }}"),
            "not a value of Qdrant's API",
        ),
        (
            &format!("collection_name = 'c'\n{create}vectors = {{ size = 3, distance = 'Dot' }}\nhnsw = {{ m = 3 }}"),
            "hnsw_config",
        ),
        (
            &format!(
                "collection_name = 'c'\nvectors = {{ b = '/b' }}\n{create}vectors = {{ a = {{ size = 3, distance = 'Dot' }} }}"
            ),
            "`create` has no vector `b`",
        ),
    ] {
        let text = format!(
            "[qdrant]\napi.url = 'http://localhost'\n[[qdrant.topic_mappings]]\ntopic = '/default/t'\n{mapping}"
        );
        let report = from_toml::<Qdrant>(&text).err().unwrap_or_else(|| panic!("it loads: {mapping}")).to_string();
        assert!(report.contains(message), "{mapping}: {report}");
    }
}
