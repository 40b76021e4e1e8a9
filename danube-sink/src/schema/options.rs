//! Validation of the decoding settings with the decoders that are compiled in.

use danube_sink_config::ExternalError;

use super::DecodeOptions;

/// Checks the decoding settings, and returns every error.
pub(crate) fn check(options: &DecodeOptions) -> Vec<ExternalError> {
    let reader_schema = options.avro_reader_schema.as_deref().and_then(|schema| {
        let message = check_reader_schema(schema).err()?;
        Some(ExternalError {
            key: Some("avro_reader_schema"),
            offset: None,
            message,
            help: "use the text of an Avro schema in JSON".to_owned(),
        })
    });
    let validation = (options.validate_json_schema && !cfg!(feature = "json-schema")).then(|| ExternalError {
        key: Some("validate_json_schema"),
        offset: None,
        message: "`validate_json_schema` needs the feature `json-schema` of danube-sink, which is disabled".to_owned(),
        help: "enable the feature in Cargo.toml, or remove the key".to_owned(),
    });
    reader_schema.into_iter().chain(validation).collect()
}

/// Checks a reader schema.
///
/// # Errors
/// Why it cannot be used.
fn check_reader_schema(schema: &str) -> Result<(), String> {
    #[cfg(feature = "avro")]
    return super::avro::check(schema);
    #[cfg(not(feature = "avro"))]
    return Err(format!("an Avro schema of {} characters needs the feature `avro` of danube-sink", schema.len()));
}
