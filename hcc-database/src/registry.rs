//! Databases that other crates implement, by the schemes of their URLs.

use std::sync::{Arc, PoisonError, RwLock};

use crate::{Accepted, DatabaseUrl, InvalidUrl, OtherUrl};

/// The backends of other crates for one kind of database.
#[derive(Debug)]
pub struct Registry<B: ?Sized>(RwLock<Vec<(String, Arc<B>)>>);

impl<B: ?Sized> Registry<B> {
    /// Creates an empty registry.
    #[expect(clippy::new_without_default, reason = "it is a constant of its users")]
    pub const fn new() -> Self {
        Self(RwLock::new(Vec::new()))
    }

    /// Adds the backend of a scheme; the first one of a scheme is used.
    pub fn add(&self, scheme: &str, backend: Arc<B>) {
        let mut backends = self.0.write().unwrap_or_else(PoisonError::into_inner);
        backends.push((scheme.to_owned(), backend));
    }

    /// Returns the backend of a URL.
    pub fn find(&self, url: &OtherUrl) -> Option<Arc<B>> {
        let backends = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut backends = backends.iter();
        let found = backends.find(|(scheme, _)| scheme == url.scheme());
        found.map(|(_, backend)| backend.clone())
    }

    /// Parses the URL of a database, or of one that a backend implements.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`], as of [`DatabaseUrl::parse`].
    pub fn parse(&self, url: &str, accepted: &Accepted) -> Result<DatabaseUrl, InvalidUrl> {
        DatabaseUrl::parse(url, accepted).or_else(|error| {
            let other = OtherUrl::new(url);
            match self.find(&other) {
                Some(_) => Ok(other.into()),
                None => Err(error),
            }
        })
    }
}
