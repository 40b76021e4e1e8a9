//! Check of a message's schema against the mapping's `expected_schema_*` settings.

use danube_sink_config::MappingSettings;

use super::SchemaInfo;

/// Schema that a mapping expects of its messages; any by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ExpectedSchema {
    pub(crate) subject: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) min_version: Option<u32>,
}

impl ExpectedSchema {
    pub(crate) fn of(mapping: &MappingSettings) -> Self {
        Self {
            subject: mapping.consumer.expected_schema_subject.clone(),
            version: mapping.expected_schema_version,
            min_version: mapping.min_schema_version,
        }
    }

    /// Checks the schema of a message.
    ///
    /// # Errors
    /// The found and the expected schema.
    pub(crate) fn check(&self, schema: Option<&SchemaInfo>) -> Result<(), String> {
        let Self { subject, version, min_version } = self;
        let Some(schema) = schema else {
            return match subject {
                Some(expected) => Err(format!("no schema where subject {expected} is expected")),
                None if version.is_some() || min_version.is_some() => Err("no schema where one is expected".into()),
                None => Ok(()),
            };
        };
        let found = || format!("schema subject {} version {}", schema.subject, schema.version);
        if let Some(expected) = subject
            && *expected != schema.subject
        {
            return Err(format!("{} where subject {expected} is expected", found()));
        }
        match (version, min_version) {
            (Some(expected), _) if *expected != schema.version => {
                Err(format!("{} where version {expected} is expected", found()))
            }
            (_, Some(least)) if schema.version < *least => {
                Err(format!("{} where version {least} or a later one is expected", found()))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::SchemaType;

    #[test]
    fn subject_and_version_are_expected_of_every_message() {
        let carried = SchemaInfo {
            subject: "users".into(),
            version: 3,
            schema_type: SchemaType::String,
            definition: String::new(),
            fingerprint: String::new(),
        };
        let check = |subject: Option<&str>, version, min_version, carried: Option<&SchemaInfo>| {
            let subject = subject.map(str::to_owned);
            ExpectedSchema { subject, version, min_version }.check(carried)
        };
        let carried = Some(&carried);
        assert_eq!(check(None, None, None, None), Ok(()));
        assert_eq!(check(Some("users"), Some(3), Some(3), carried), Ok(()));
        assert_eq!(check(Some("users"), None, None, None).unwrap_err(), "no schema where subject users is expected");
        assert!(check(None, None, Some(1), None).is_err());
        assert!(check(Some("orders"), None, None, carried).unwrap_err().contains("subject orders"));
        assert!(check(Some("users"), Some(2), None, carried).unwrap_err().contains("users version 3"));
        assert!(check(None, None, Some(4), carried).unwrap_err().contains("version 4 or a later one"));
    }
}
