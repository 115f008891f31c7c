//! The files that are built into the program.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::version::Version;

pub(crate) struct File {
    /// Relative to the page: `novnc/core/rfb.js`.
    path: &'static str,
    pub(crate) content: &'static [u8],
}

/// Sorted by path.
const FILES: &[File] = &include!(concat!(env!("OUT_DIR"), "/files.rs"));

pub(crate) fn file(path: &str) -> Option<&'static File> {
    let at = FILES.binary_search_by_key(&path, |file| file.path).ok()?;
    Some(&FILES[at])
}

/// Returns the version of all files.
pub(crate) fn version() -> Version {
    static VERSION: LazyLock<Version> =
        LazyLock::new(|| Version::of(FILES.iter().map(|file| (file.path, file.content))));
    *VERSION
}

pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let Some(file) = uri.path().strip_prefix('/').and_then(file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let etag = file.etag();
    if headers.get(header::IF_NONE_MATCH) == Some(&etag) {
        return (StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response();
    }
    let headers = [
        (header::CONTENT_TYPE, file.content_type()),
        (header::ETAG, etag),
    ];
    (headers, file.content).into_response()
}

impl File {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(match self.path.rsplit_once('.') {
            Some((_, "html")) => "text/html; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            _ => "text/plain; charset=utf-8",
        })
    }

    fn etag(&self) -> HeaderValue {
        let mut hasher = DefaultHasher::new();
        self.content.hash(&mut hasher);
        HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish())).expect("it is ASCII")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn every_file_of_the_page_is_built_in() {
        for entry in fs::read_dir(env!("CARGO_MANIFEST_DIR")).unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|it| it.to_str());
            if matches!(extension, Some("html" | "js" | "css")) {
                let built_in = file(path.file_name().unwrap().to_str().unwrap());
                let content = built_in.map(|file| file.content);
                assert_eq!(content, Some(&*fs::read(&path).unwrap()), "{path:?}");
            }
        }
    }

    #[test]
    fn novnc_is_built_in_with_its_licenses() {
        if file("novnc/core/rfb.js").is_none() {
            return;
        }
        for path in [
            "novnc/LICENSE.txt",
            "novnc/docs/LICENSE.MPL-2.0",
            "novnc/vendor/pako/LICENSE",
            "novnc/vendor/pako/lib/zlib/inflate.js",
        ] {
            assert!(file(path).is_some(), "{path}");
        }
    }
}
