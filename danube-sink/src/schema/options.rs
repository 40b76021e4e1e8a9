//! What a configuration says about reading payloads, looked at with the decoders that there are.

use danube_sink_config::ExternalError;

use super::DecodeOptions;

/// Everything that is wrong with it.
pub(crate) fn check(options: &DecodeOptions) -> Vec<ExternalError> {
    let reader_schema = options.avro_reader_schema.as_deref().and_then(|schema| {
        let message = check_reader_schema(schema).err()?;
        Some(ExternalError {
            key: Some("avro_reader_schema"),
            message,
            help: "write the text of an Avro schema, in JSON".to_owned(),
        })
    });
    let validation = (options.validate_json_schema && !cfg!(feature = "json-schema")).then(|| ExternalError {
        key: Some("validate_json_schema"),
        message: "payloads are checked with the feature `json-schema` of danube-sink, which is off".to_owned(),
        help: "switch the feature on in Cargo.toml, or remove the key".to_owned(),
    });
    reader_schema.into_iter().chain(validation).collect()
}

/// # Errors
/// Why data cannot be read by the schema.
fn check_reader_schema(schema: &str) -> Result<(), String> {
    #[cfg(feature = "avro")]
    return super::avro::check(schema);
    #[cfg(not(feature = "avro"))]
    return Err(format!("{} characters of Avro, which needs the feature `avro` of danube-sink", schema.len()));
}
