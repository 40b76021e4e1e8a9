//! The settings of a topic mapping.

use std::fmt;

use danube_sink::{config::Diagnostic, prelude::*};
use danube_sink_arrow::store::{validate_location, validate_path};
use object_store::{Attribute, Attributes};

use super::columns::{Column, is_avro_name};

/// Settings of a topic mapping.
#[derive(TopicMapping, Debug)]
#[setting(validate = Self::is_consistent)]
pub(crate) struct Target {
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
    /// Take the columns from the registered schema of the messages (Avro, Protobuf or JSON Schema), for Parquet and Avro: a file for
    /// each version.
    #[setting(default = false)]
    pub(crate) columns_from_schema: bool,
    /// Metadata columns: `["offset"]`, or with other names `{ offset = "_offset" }`.
    pub(crate) metadata: MetadataColumns,
    /// Whether CSV files begin with the names of the columns; without it, they do.
    csv_header: Option<bool>,
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
    /// Whether the files are in a folder of this machine.
    pub(crate) fn is_in_folder(&self) -> bool {
        self.url.split_once("://").is_none_or(|(scheme, _)| scheme.eq_ignore_ascii_case("file"))
    }

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

    /// Whether CSV files begin with the names of the columns.
    pub(crate) fn has_header(&self) -> bool {
        self.csv_header.unwrap_or(true)
    }

    /// Whether the files are no text.
    fn is_binary(&self) -> bool {
        matches!(self.format, Format::Parquet | Format::Avro)
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
        validate_location(&self.url, "url")?;
        if self.url.contains('{') {
            let help = "write what records fill in into `path`, such as `path = \"{topic}\"`";
            return Err(Diagnostic::of_key("url", "it has no placeholders", help));
        }
        validate_path(&self.path, "path")?;
        let is_extension =
            |text: &String| !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0']);
        if self.file_extension.as_ref().is_some_and(|extension| !is_extension(extension)) {
            let help = "write it without `/` and without a leading dot, such as `jsonl.gz`";
            return Err(Diagnostic::of_key("file_extension", "not an extension", help));
        }
        if self.content_encoding.is_some() && self.is_binary() {
            let help = "remove it: it is for `json_lines` and `csv`, whose files are compressed as a whole";
            return Err(Diagnostic::of_key("content_encoding", "conflicts with `format`", help));
        }
        if self.content_encoding.is_some() && self.compression() == Compression::None {
            let help = "remove it, or set `compression`";
            return Err(Diagnostic::of_key("content_encoding", "the files are not compressed", help));
        }
        if self.csv_header.is_some() && self.format != Format::Csv {
            return Err(Diagnostic::of_key("csv_header", "conflicts with `format`", "remove it: it is for `csv`"));
        }
        let has_columns = !self.columns.is_empty();
        let is_typed = self.is_binary();
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
        let mut metadata = self.metadata.names();
        let no_avro_name = self.columns.iter().find_map(Column::no_avro_name);
        let no_avro_name = no_avro_name.or_else(|| metadata.find(|name| !is_avro_name(name)));
        if let Some(name) = no_avro_name.filter(|_| self.format == Format::Avro) {
            let help = "name it by letters, digits and `_`, not a digit first; `from` of a column names the field with the value";
            return Err(Diagnostic::of_key("format", format!("`avro` files have no column `{name}`"), help));
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
