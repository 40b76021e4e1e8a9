//! Index templates that the connector makes at start.

use std::{collections::BTreeMap, fs, path::PathBuf};

use danube_sink::{config::Diagnostic, prelude::*};
use serde_json::{Map, Value, json};

use super::{
    index::Index,
    schema::{KnownFields, field_mut, metadata},
    time_format::{format, set_formats},
};

/// The format of texts that a server takes for dates by itself, beside those of fields for times.
const DETECTED: &str = "yyyy/MM/dd HH:mm:ss Z||yyyy/MM/dd Z";

/// The priority of a template: above those of the built-in ones, which have 100.
const PRIORITY: u32 = 200;

/// An index template that the connector makes at start.
#[derive(Setting, Debug)]
#[setting(validate = Self::is_consistent)]
pub(crate) struct IndexTemplate {
    /// Name of the template.
    #[setting(length = 1..)]
    pub(crate) name: String,
    /// File with the template in JSON, as `PUT /_index_template/NAME` takes it; instead of the fields, `settings` and
    /// `on_new_field`.
    file: Option<PathBuf>,
    /// Types of the fields: `fields = { customer = "keyword", ordered = "date" }`.
    fields: Option<BTreeMap<String, String>>,
    /// Index settings: `settings = { number_of_shards = "3" }`.
    settings: Option<BTreeMap<String, String>>,
    /// Whether the fields of the registered schema, the latest version of `expected_schema_subject`, and `metadata` have types,
    /// too; `fields` overrides them.
    #[setting(default = false)]
    pub(crate) fields_from_schema: bool,
    /// What a field without a type does: `add` it with the type that the record's registered schema says, or else one that the
    /// server guesses; `ignore` it, so that it is stored but not searchable; or `reject` the record.
    #[setting(default = "add")]
    pub(crate) on_new_field: OnNewField,
    /// Whether the template replaces an existing one of its name at each start.
    #[setting(default = false)]
    pub(crate) overwrite: bool,
}

/// The index templates of all mappings, by name.
#[derive(Default)]
pub(crate) struct Templates(BTreeMap<String, String>);

impl Templates {
    /// Adds that of a mapping, with the fields of its registered schema. Mappings may share one.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if another mapping has another template of its name, or the file cannot be read.
    pub(crate) fn add(&mut self, index: &Index, known: &KnownFields) -> ConnectorResult<()> {
        let Some(template) = &index.index_template else { return Ok(()) };
        let body = template.body(index, known)?;
        match self.0.insert(template.name.clone(), body.clone()) {
            Some(other) if other != body => Err(ConnectorError::configuration(format!(
                "two mappings have an `index_template` named {}, with other fields or indexes, and one would replace or lack that of \
                 the other: give each a name of its own",
                template.name
            ))),
            _ => Ok(()),
        }
    }
}

impl IndexTemplate {
    /// The template in JSON, for the indexes of a mapping and the fields of its registered schema.
    ///
    /// # Errors
    /// [`ConnectorError::Configuration`] if the file cannot be read, or is not a JSON object.
    pub(crate) fn body(&self, index: &Index, known: &KnownFields) -> ConnectorResult<String> {
        match &self.file {
            Some(file) => {
                let shown = file.display();
                let wrong = |error: &dyn std::fmt::Display| {
                    ConnectorError::configuration(format!("read the index template {shown}: {error}"))
                };
                let text = fs::read_to_string(file).map_err(|error| wrong(&error))?;
                serde_json::from_str::<Map<String, Value>>(&text).map_err(|error| wrong(&error))?;
                Ok(text)
            }
            None => Ok(self.generated(index, known).to_string()),
        }
    }

    /// Whether the template is for the indexes that the mapping can have; otherwise the file says for which.
    pub(crate) fn is_generated(&self) -> bool {
        self.file.is_none()
    }

    fn generated(&self, index: &Index, known: &KnownFields) -> Value {
        let dynamic = match self.on_new_field {
            OnNewField::Add => "true",
            OnNewField::Ignore => "false",
            OnNewField::Reject => "strict",
        };
        let mut properties = known.properties();
        if self.fields_from_schema {
            properties.extend(metadata(&index.metadata));
        }
        let others = self.override_types(&mut properties);
        properties.extend(others);
        if index.data_stream {
            // The cluster would add it with a format that takes numbers.
            properties.entry("@timestamp").or_insert_with(|| json!({ "type": "date" }));
        }
        set_formats(&mut properties, index.time_unit);
        let mut template = json!({
            "index_patterns": [index.index.pattern("*")],
            "priority": PRIORITY,
            "template": {
                "settings": self.settings.iter().flatten().collect::<BTreeMap<_, _>>(),
                "mappings": {
                    "dynamic": dynamic,
                    "dynamic_date_formats": [format(index.time_unit), DETECTED],
                    "properties": properties,
                },
            },
        });
        if index.data_stream {
            template["data_stream"] = json!({});
        }
        template
    }

    /// Gives the fields that the mapping names its types. Returns its other ones.
    pub(crate) fn override_types(&self, properties: &mut Map<String, Value>) -> Vec<(String, Value)> {
        let mut others = Vec::new();
        for (name, kind) in self.fields.iter().flatten() {
            let kind = json!({ "type": kind });
            match field_mut(properties, name) {
                Some(field) => *field = kind,
                None => others.push((name.clone(), kind)),
            }
        }
        others
    }

    fn is_consistent(&self) -> Result<(), Diagnostic> {
        let has_own = self.fields.is_some()
            || self.settings.is_some()
            || self.fields_from_schema
            || self.on_new_field != OnNewField::Add;
        let help = "write them into the file, or remove `file`";
        match &self.file {
            Some(_) if has_own => {
                Err(Diagnostic::of_key("file", "the file has the fields, settings and new fields", help))
            }
            _ => Ok(()),
        }
    }
}
