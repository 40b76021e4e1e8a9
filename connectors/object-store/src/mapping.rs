//! The settings of a topic mapping.

use std::fmt;

use danube_sink::{config::Diagnostic, prelude::*};
use danube_sink_arrow::store::validate_path;
use object_store::{Attribute, Attributes};

use super::columns::Column;

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub struct Target {
    /// Where the files go: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or a folder.
    pub(crate) url: String,
    /// Folder of a record's file, below `url`. What records fill in never adds a level.
    #[setting(default = "{topic}")]
    pub(crate) path: Template,
    /// Format of the files.
    pub(crate) format: Format,
    /// Compression; without it, `zstd` for Parquet, and none for other formats.
    pub(crate) compression: Option<Compression>,
    /// Columns to fill; JSON lines without columns have the whole payload.
    #[setting(default = [])]
    pub(crate) columns: Vec<Column>,
    /// Take the columns from the registered schema of the messages (Avro or JSON Schema), for Parquet and Avro: a file for each
    /// version.
    #[setting(default = false)]
    pub(crate) columns_from_schema: bool,
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    pub(crate) metadata: MetadataColumns,
    /// Whether CSV files begin with the names of the columns.
    #[setting(default = true)]
    pub(crate) csv_header: bool,
    /// Extension of the files, without a leading dot; without it, that of format and compression, such as `jsonl.gz`.
    pub(crate) file_extension: Option<String>,
    /// `Content-Type` of the objects; without it, that of format and compression.
    content_type: Option<String>,
    /// `Content-Encoding` of the objects. With `gzip`, clients that know it decompress files that are named `.gz`.
    content_encoding: Option<String>,
    /// Storage class of the objects, such as `STANDARD_IA`, `NEARLINE` or `Cool`.
    storage_class: Option<String>,
}

/// The format of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setting)]
pub(crate) enum Format {
    /// One JSON value a line.
    #[default]
    JsonLines,
    Csv,
    Parquet,
    Avro,
}

/// The compression of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Setting)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    /// For Parquet alone.
    Snappy,
}

impl Target {
    pub(crate) fn compression(&self) -> Compression {
        let default = if self.format == Format::Parquet { Compression::Zstd } else { Compression::None };
        self.compression.unwrap_or(default)
    }

    /// The extension of the files, without a leading dot.
    pub(crate) fn extension(&self) -> String {
        let own = || match (self.format, self.compression()) {
            (Format::Parquet, _) => "parquet".to_owned(),
            (Format::Avro, _) => "avro".to_owned(),
            (Format::JsonLines, compression) => format!("jsonl{compression}"),
            (Format::Csv, compression) => format!("csv{compression}"),
        };
        self.file_extension.clone().unwrap_or_else(own)
    }

    /// The attributes of the objects.
    pub(crate) fn attributes(&self) -> Attributes {
        let content_type = match (self.format, self.compression()) {
            (Format::Parquet, _) => "application/vnd.apache.parquet",
            (Format::Avro, _) => "application/vnd.apache.avro",
            (_, Compression::Gzip) if self.content_encoding.is_none() => "application/gzip",
            (_, Compression::Zstd) if self.content_encoding.is_none() => "application/zstd",
            (Format::JsonLines, _) => "application/x-ndjson",
            (Format::Csv, _) => "text/csv",
        };
        let content_type = self.content_type.clone().unwrap_or_else(|| content_type.to_owned());
        let own = [
            (Attribute::ContentType, Some(content_type)),
            (Attribute::ContentEncoding, self.content_encoding.clone()),
            (Attribute::StorageClass, self.storage_class.clone()),
        ];
        own.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    fn is_consistent(&self) -> Result<(), Diagnostic> {
        validate_path(&self.path, "path")?;
        if self.file_extension.as_ref().is_some_and(|extension| extension.contains(['/', '\\', '\0'])) {
            return Err(Diagnostic::of_key(
                "file_extension",
                "not an extension",
                "write it without `/`, such as `jsonl.gz`",
            ));
        }
        let has_columns = !self.columns.is_empty();
        let is_typed = matches!(self.format, Format::Parquet | Format::Avro);
        if self.columns_from_schema && (has_columns || !is_typed) {
            let help = "it is for `parquet` and `avro`, and replaces `columns`";
            return Err(Diagnostic::of_key("columns_from_schema", "conflicts with `columns` or `format`", help));
        }
        if !has_columns && !self.columns_from_schema && self.format != Format::JsonLines {
            let message = format!("`{}` files need columns", self.format);
            let help = if is_typed { "set `columns`, or `columns_from_schema = true`" } else { "set `columns`" };
            return Err(Diagnostic::of_key("format", message, help));
        }
        if !matches!(self.format, Format::Parquet) && self.compression == Some(Compression::Snappy) {
            let help = "`snappy` is for `parquet`; use `zstd` or `gzip`";
            return Err(Diagnostic::of_key("compression", "the format has no such compression", help));
        }
        let names: Vec<_> = self.columns.iter().map(|column| &*column.name).chain(self.metadata.names()).collect();
        let lower = |name: &&str| name.to_lowercase();
        let repeated = names
            .iter()
            .enumerate()
            .find(|(index, name)| names[..*index].iter().map(lower).any(|known| known == lower(name)));
        match repeated {
            Some((_, name)) => {
                let message = format!("two columns have the name `{name}` (metadata included, ignoring case)");
                Err(Diagnostic::of_key("columns", message, "give one of them another name"))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::JsonLines => "json_lines",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Avro => "avro",
        })
    }
}

/// The extension that it adds to a file of text.
impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None | Self::Snappy => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        })
    }
}
