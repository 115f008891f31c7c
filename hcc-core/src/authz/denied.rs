//! The refusal of a request.

/// An error that says why a user is not allowed to do something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("denied: {reason}")]
#[non_exhaustive]
pub struct Denied {
    /// The reason, as shown to the user.
    pub reason: String,
}

impl Denied {
    /// Creates a refusal with a reason that is shown to the user.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
        }
    }
}
