//! Addresses that change with the content of the files, so that browsers may keep these.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use axum::extract::Request;
use axum::http::{Uri, header, uri::PathAndQuery};
use axum::middleware::Next;
use axum::response::Response;

use crate::IMMUTABLE;

/// The version of all files of a page: the first part of their paths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Version(u64);

impl Version {
    pub(crate) fn of(files: impl Iterator<Item = impl Hash>) -> Self {
        let mut hasher = DefaultHasher::new();
        files.for_each(|file| file.hash(&mut hasher));
        Self(hasher.finish())
    }

    /// Returns the version of the files in a directory, by their sizes and times.
    pub(crate) fn of_directory(directory: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        for entry in fs::read_dir(directory)? {
            // noVNC is a link.
            collect(entry?.path(), &mut files)?;
        }
        files.sort();
        Ok(Self::of(files.into_iter()))
    }
}

/// Adds the file, or the files below a directory, with sizes and times. Follows this link and no
/// other, so that there are no loops.
fn collect(path: PathBuf, files: &mut Vec<(PathBuf, u64, SystemTime)>) -> io::Result<()> {
    let metadata = fs::metadata(&path)?;
    if !metadata.is_dir() {
        files.push((path, metadata.len(), metadata.modified()?));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_type()?.is_symlink() {
            collect(entry.path(), files)?;
        }
    }
    Ok(())
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{:016x}", self.0)
    }
}

/// Serves files with and without a version in their path; browsers keep the former.
///
/// Any version is accepted: pages that were opened before a change have to load the rest of their
/// files.
pub(crate) async fn serve(mut request: Request, next: Next) -> Response {
    let Some(path) = without_version(request.uri().path()) else {
        return next.run(request).await;
    };
    let path = PathAndQuery::try_from(path).expect("a part of a path from a slash on is a path");
    *request.uri_mut() = Uri::from(path);
    let mut response = next.run(request).await;
    if response.status().is_success() {
        response
            .headers_mut()
            .insert(header::CACHE_CONTROL, IMMUTABLE);
    }
    response
}

/// Returns the path behind a version.
fn without_version(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/v")?;
    let (version, path) = rest.split_at_checked(rest.find('/')?)?;
    let is_version = version.len() == 16 && version.bytes().all(|it| it.is_ascii_hexdigit());
    is_version.then_some(path)
}
