//! What has changed since an earlier time.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::Record;

/// A state of all records, as of a call of [`Store::changes`](crate::Store::changes); by default
/// the one before the first record.
///
/// It is valid in the process that got it, for the same store.
#[derive(Clone, Default)]
pub struct Revision(Option<Arc<dyn Any + Send + Sync>>);

impl Revision {
    /// Creates a revision of a backend, which alone can read it.
    pub fn new(state: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(state)))
    }

    /// Returns the state, unless the revision is the default or one of another backend.
    pub fn state<T: Any>(&self) -> Option<&T> {
        self.0.as_ref()?.downcast_ref()
    }
}

impl fmt::Debug for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "Revision(..)",
            None => "Revision(none)",
        })
    }
}

/// What has changed since a [`Revision`].
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The records that were inserted or changed, as they are now.
    pub records: Vec<Record>,
    /// The names of the records that were removed; some may have been inserted and removed since.
    pub removed: Vec<String>,
    /// Whether `records` are all that exist, so that a record that is not among them is gone.
    pub is_complete: bool,
    /// The revision of the next call.
    pub revision: Revision,
}
