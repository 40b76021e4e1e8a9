//! A location in an object store, or a folder: opens it, and reads and writes whole objects.

use std::{collections::BTreeMap, fmt::Display, io, str::FromStr, sync::Arc, time::Duration};

use bytes::Bytes;
use danube_sink::prelude::*;
use object_store::{
    Attributes, Error, ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutMode, PutOptions, PutPayload, RetryConfig,
    UpdateVersion, aws::AmazonS3Builder, azure::MicrosoftAzureBuilder, gcp::GoogleCloudStorageBuilder, path::Path,
};

use super::{
    content::{Complete, Content},
    failure,
    lines::{Appended, Lines},
    local::Folder,
    path, upload,
};

/// A location below which objects are written.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    backend: Backend,
    /// The `url` of the configuration.
    url: String,
}

#[derive(Debug, Clone)]
enum Backend {
    Folder(Arc<Folder>),
    /// A bucket or container, and the path within it.
    Bucket(Arc<dyn ObjectStore>, Path),
}

/// What must still be there when an object is replaced.
#[derive(Debug, Clone)]
pub(crate) enum Expected {
    /// No object.
    Nothing,
    /// The object of this version.
    Version(UpdateVersion),
    /// This file of a folder.
    File(Lines),
}

impl Store {
    /// Opens a location. Nothing is read or written. `folders`: how many folders the process opens, in all instances.
    pub(crate) fn open(url: &str, options: &BTreeMap<String, String>, folders: usize) -> Result<Self, Failure> {
        let backend = match url.split_once("://") {
            None => Backend::Folder(Arc::new(Folder::new(url, folders))),
            Some(_) => {
                let invalid = |error: &dyn Display| failure::options(format!("`url` = {url:?}: {error}"));
                let parsed = Url::parse(url).map_err(|error| invalid(&error))?;
                let (scheme, prefix) = ObjectStoreScheme::parse(&parsed).map_err(|error| invalid(&error))?;
                match scheme {
                    ObjectStoreScheme::Local => {
                        let root = parsed.to_file_path().map_err(|()| invalid(&"not a folder of this machine"))?;
                        Backend::Folder(Arc::new(Folder::new(root, folders)))
                    }
                    scheme => Backend::Bucket(bucket(&scheme, url, options)?, prefix),
                }
            }
        };
        Ok(Self { backend, url: url.to_owned() })
    }

    /// Creates a missing folder, and writes and reads an object, so that missing rights are known before the first record.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        if let Backend::Folder(folder) = &self.backend {
            let created = folder.run(Folder::create).await.and_then(|created| created);
            created.map_err(|error| failure::io(&error, &self.what("create", "")))?;
        }
        self.probe().await
    }

    /// Removes what killed processes have staged for `name` in a folder.
    pub(crate) async fn sweep(&self, name: &str) -> Result<(), Failure> {
        let Backend::Folder(folder) = &self.backend else { return Ok(()) };
        let of_task = name.to_owned();
        self.on_disk("clean up", name, folder, move |folder| folder.sweep(&of_task)).await
    }

    /// Removes what killed processes have staged in `folder` of a folder, and have not written to for so long.
    pub(crate) async fn sweep_abandoned(&self, name: &str, age: Duration) -> Result<(), Failure> {
        let Backend::Folder(folder) = &self.backend else { return Ok(()) };
        let of_task = name.to_owned();
        let sweep = move |folder: &Folder| {
            folder.sweep_abandoned(&of_task, age);
            Ok(())
        };
        self.on_disk("clean up", name, folder, sweep).await
    }

    /// Whether an object exists.
    pub(crate) async fn exists(&self, name: &str) -> Result<bool, Failure> {
        match &self.backend {
            Backend::Folder(folder) => {
                let of_task = name.to_owned();
                self.on_disk("find", name, folder, move |folder| folder.exists(&of_task)).await
            }
            Backend::Bucket(store, prefix) => match store.head(&below(prefix, name)?).await {
                Ok(_) => Ok(true),
                Err(Error::NotFound { .. }) => Ok(false),
                Err(error) => Err(failure::store(&error, &self.what("find", name))),
            },
        }
    }

    /// The content of an object and its version; `None` if it does not exist.
    pub(crate) async fn read(&self, name: &str) -> Result<(Option<Bytes>, Expected), Failure> {
        match &self.backend {
            Backend::Folder(folder) => {
                let of_task = name.to_owned();
                let content = self.on_disk("read", name, folder, move |folder| folder.read(&of_task)).await?;
                Ok((content.map(Bytes::from), Expected::Nothing))
            }
            Backend::Bucket(store, prefix) => {
                let failure = |error| failure::store(&error, &self.what("read", name));
                match store.get(&below(prefix, name)?).await {
                    Ok(found) => {
                        let (e_tag, version) = (found.meta.e_tag.clone(), found.meta.version.clone());
                        let content = found.bytes().await.map_err(failure)?;
                        Ok((Some(content), Expected::Version(UpdateVersion { e_tag, version })))
                    }
                    Err(Error::NotFound { .. }) => Ok((None, Expected::Nothing)),
                    Err(error) => Err(failure(error)),
                }
            }
        }
    }

    /// Begins an object. A folder stages its file for `name`.
    pub(crate) async fn content(&self, name: &str) -> Result<Content, Failure> {
        let Backend::Folder(folder) = &self.backend else { return Ok(Content::in_memory()) };
        let content = Content::in_file(folder, name).await;
        content.map_err(|error| failure::io(&error, &self.what("write", name)))
    }

    /// Writes an object, or replaces it: all of it, or nothing.
    pub(crate) async fn write(&self, name: &str, content: Complete, attributes: Attributes) -> Result<(), Failure> {
        let of_task = name.to_owned();
        let blocks = match content {
            Complete::Memory(blocks) => blocks,
            Complete::File(folder, file) => {
                return self.on_disk("write", name, &folder, move |folder| folder.publish(file, &of_task)).await;
            }
        };
        match &self.backend {
            Backend::Folder(folder) => {
                let write = move |folder: &Folder| folder.publish(folder.stage(&of_task, blocks)?, &of_task);
                self.on_disk("write", name, folder, write).await
            }
            Backend::Bucket(store, prefix) => {
                let path = below(prefix, name)?;
                let written = if blocks.iter().map(Bytes::len).sum::<usize>() <= upload::PART {
                    let options = PutOptions { attributes, ..PutOptions::default() };
                    store.put_opts(&path, PutPayload::from_iter(blocks), options).await.map(drop)
                } else {
                    upload::in_parts(store, &path, blocks, attributes).await
                };
                written.map_err(|error| failure::store(&error, &self.what("write", name)))
            }
        }
    }

    /// Replaces an object, unless another process has changed it. Folders and stores without conditional writes replace it in any
    /// case. Returns what must be there the next time.
    pub(crate) async fn replace(&self, name: &str, content: Bytes, expected: &Expected) -> Result<Expected, Failure> {
        let (store, prefix) = match &self.backend {
            Backend::Folder(folder) => {
                let of_task = name.to_owned();
                let earlier = if let Expected::File(lines) = expected { Some(lines.clone()) } else { None };
                let replace = move |folder: &Folder| folder.replace(&of_task, &content, earlier.as_ref());
                let lines = self.on_disk("write", name, folder, replace).await?;
                return lines.map(Expected::File).ok_or_else(|| failure::changed(&self.what("write", name)));
            }
            Backend::Bucket(store, prefix) => (store, prefix),
        };
        let mode = match expected {
            Expected::Nothing | Expected::File(_) => PutMode::Create,
            // The store's answers name no version.
            Expected::Version(UpdateVersion { e_tag: None, version: None }) => PutMode::Overwrite,
            Expected::Version(version) => PutMode::Update(version.clone()),
        };
        let path = below(prefix, name)?;
        let put = async |mode| store.put_opts(&path, PutPayload::from(content.clone()), PutOptions::from(mode)).await;
        let put = match put(mode).await {
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => put(PutMode::Overwrite).await,
            put => put,
        };
        let put = put.map_err(|error| failure::store(&error, &self.what("write", name)))?;
        Ok(Expected::Version(UpdateVersion { e_tag: put.e_tag, version: put.version }))
    }

    /// Appends a line to an object that this process has replaced. Returns what must be there the next time; `None` if the object is to
    /// be replaced for it, which stores other than folders need in any case.
    pub(crate) async fn append(
        &self,
        name: &str,
        line: Vec<u8>,
        expected: &Expected,
    ) -> Result<Option<Expected>, Failure> {
        let (Backend::Folder(folder), Expected::File(lines)) = (&self.backend, expected) else { return Ok(None) };
        let (of_task, lines) = (name.to_owned(), lines.clone());
        match self.on_disk("write", name, folder, move |folder| Ok(folder.append(&of_task, &line, lines))).await? {
            Ok(Appended::Written(lines)) => Ok(Some(Expected::File(lines))),
            Ok(Appended::Replaced) => Err(failure::changed(&self.what("write", name))),
            // Not every file system writes in place; and where the folder is gone, the replacement says so.
            Ok(Appended::NoRoom) | Err(_) => Ok(None),
        }
    }

    /// How long after a replacement of an object the next one may follow: Google Cloud Storage takes one a second for each name.
    pub(crate) fn interval(&self) -> Duration {
        if self.url.starts_with("gs://") { Duration::from_secs(1) } else { Duration::ZERO }
    }

    /// The `url` of the configuration.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What an operation does, for its error. The folders of an object may have values of records.
    pub(crate) fn what(&self, operation: &str, name: &str) -> String {
        let file = name.rsplit('/').next().unwrap_or_default();
        format!("{operation} {file} below {}", self.url)
    }

    async fn on_disk<R: Send + 'static>(
        &self,
        operation: &'static str,
        name: &str,
        folder: &Arc<Folder>,
        run: impl FnOnce(&Folder) -> io::Result<R> + Send + 'static,
    ) -> Result<R, Failure> {
        let (store, of_task) = (self.clone(), name.to_owned());
        let run = move |folder: &Folder| run(folder).map_err(|error| store.failed(&error, operation, &of_task));
        folder.run(run).await.unwrap_or_else(|error| Err(failure::io(&error, &self.what(operation, name))))
    }

    /// The failure of an operation in a folder. It waits for the disk, so it needs a thread that may wait.
    pub(crate) fn failed(&self, error: &io::Error, operation: &str, name: &str) -> Failure {
        match &self.backend {
            Backend::Folder(folder) if !folder.root.is_dir() => failure::gone(format!(
                "the folder {} no longer exists; restore it, or restart the connector to create it",
                self.url
            )),
            _ => failure::io(error, &self.what(operation, name)),
        }
    }
}

fn below(prefix: &Path, name: &str) -> Result<Path, Failure> {
    let full = path::join(prefix.as_ref(), name);
    Path::parse(&full).map_err(|error| failure::options(format!("name an object: {error}")))
}

/// The store of a bucket, with the credentials of the environment where the options have none.
fn bucket(
    scheme: &ObjectStoreScheme,
    url: &str,
    options: &BTreeMap<String, String>,
) -> Result<Arc<dyn ObjectStore>, Failure> {
    // An attempt must end well before the runtime's `write_timeout`.
    let retry = RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..RetryConfig::default() };
    let store: Result<Arc<dyn ObjectStore>, Error> = match scheme {
        ObjectStoreScheme::AmazonS3 => {
            let builder = AmazonS3Builder::from_env().with_url(url).with_retry(retry);
            let set = |builder: AmazonS3Builder, key, value: &str| builder.with_config(key, value);
            configured(builder, options, &["azure_", "google_"], set)?.build().map(|store| Arc::new(store) as _)
        }
        ObjectStoreScheme::GoogleCloudStorage => {
            let builder = GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retry);
            let set = |builder: GoogleCloudStorageBuilder, key, value: &str| builder.with_config(key, value);
            configured(builder, options, &["azure_", "aws_"], set)?.build().map(|store| Arc::new(store) as _)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            let builder = MicrosoftAzureBuilder::from_env().with_url(url).with_retry(retry);
            let set = |builder: MicrosoftAzureBuilder, key, value: &str| builder.with_config(key, value);
            configured(builder, options, &["aws_", "google_"], set)?.build().map(|store| Arc::new(store) as _)
        }
        _ => return Err(failure::options(format!("`url` = {url:?}: write s3://, gs://, az://, or a folder"))),
    };
    store.map_err(|error| failure::options(format!("open {url}: {error}")))
}

/// The builder with the options, other than those of other stores.
fn configured<B, K: FromStr<Err = Error>>(
    builder: B,
    options: &BTreeMap<String, String>,
    others: &[&str],
    set: impl Fn(B, K, &str) -> B,
) -> Result<B, Failure> {
    let own = options.iter().filter(|(name, _)| !others.iter().any(|other| name.to_lowercase().starts_with(other)));
    own.into_iter().try_fold(builder, |builder, (name, value)| {
        let key = name.to_lowercase().parse();
        let key = key.map_err(|_| failure::options(format!("unknown option `{name}` in `storage_options`")))?;
        Ok(set(builder, key, value))
    })
}
