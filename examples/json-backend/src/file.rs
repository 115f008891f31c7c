//! A JSON file that several processes change.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hcc_store::{DatabaseError, Failure, OtherUrl};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::NamedTempFile;

/// A value in a file; each change replaces the file as a whole.
pub(crate) struct JsonFile<T> {
    path: Arc<Path>,
    /// Whether a change is durable when it returns.
    is_durable: bool,
    content: PhantomData<fn() -> T>,
}

impl<T: Default + DeserializeOwned + Serialize + Send + 'static> JsonFile<T> {
    pub(crate) fn new(directory: &Path, name: &str) -> Self {
        let path: PathBuf = directory.join(name).with_extension("json");
        Self {
            path: path.into(),
            is_durable: true,
            content: PhantomData,
        }
    }

    /// Changes may be lost if the machine fails.
    pub(crate) fn not_durable(self) -> Self {
        Self {
            is_durable: false,
            ..self
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file; a missing one has the default value.
    pub(crate) async fn read(&self) -> Result<T, DatabaseError> {
        let path = self.path.clone();
        self.blocking(move || read(&path)).await
    }

    /// Changes the file, while no other process does.
    ///
    /// If the future is dropped, the change is made nevertheless.
    pub(crate) async fn change<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Result<R, DatabaseError> {
        let (path, is_durable) = (self.path.clone(), self.is_durable);
        self.blocking(move || {
            let directory = path.parent().unwrap_or(Path::new("/"));
            fs::create_dir_all(directory)?;
            let lock = File::create(path.with_extension("lock"))?;
            lock.lock()?;
            let mut content = read(&path)?;
            let result = change(&mut content);
            // Readable by its owner only, as it contains passwords.
            let mut file = NamedTempFile::new_in(directory)?;
            file.write_all(&serde_json::to_vec(&content)?)?;
            if is_durable {
                file.as_file().sync_all()?;
            }
            file.persist(&path)?;
            if is_durable {
                File::open(directory)?.sync_all()?;
            }
            Ok(result)
        })
        .await
    }

    async fn blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<R> + Send + 'static,
    ) -> Result<R, DatabaseError> {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(error.into()))
            .map_err(|error| self.error(&error))
    }

    /// The cause is left out: an error of JSON may quote the file.
    pub(crate) fn error(&self, error: &io::Error) -> DatabaseError {
        let failure = match error.kind() {
            ErrorKind::PermissionDenied => Failure::Denied,
            ErrorKind::StorageFull => Failure::Full,
            ErrorKind::ReadOnlyFilesystem => Failure::ReadOnly,
            ErrorKind::NotADirectory => Failure::CannotOpen,
            ErrorKind::InvalidData => Failure::Corrupt,
            _ => Failure::Failed,
        };
        let url = OtherUrl::new(format!("json:{}", self.path.display()));
        DatabaseError::new(url, failure)
    }
}

/// Only the path: the content is secret.
impl<T> fmt::Debug for JsonFile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonFile({})", self.path.display())
    }
}

fn read<T: Default + DeserializeOwned>(path: &Path) -> io::Result<T> {
    match fs::read(path) {
        Ok(content) => serde_json::from_slice(&content).map_err(|_| ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(error),
    }
}
