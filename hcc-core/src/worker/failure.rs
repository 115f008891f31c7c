//! Why an attempt failed, and whether it is retried.

use std::sync::Arc;

use crate::{Error, ErrorKind, Failure, InvalidRequest};

/// Why an attempt to carry out a command failed.
#[derive(Clone, Debug)]
pub(super) struct AttemptError {
    pub(super) failure: Failure,
    /// Whether the same command may succeed later.
    pub(super) is_transient: bool,
    /// The cause, unless the worker itself is.
    pub(super) error: Option<Arc<Error>>,
}

impl AttemptError {
    pub(super) fn transient(message: &str, code: &str) -> Self {
        Self {
            is_transient: true,
            ..Self::permanent(message, code)
        }
    }

    /// Returns the error of a handler of another program.
    pub(super) fn of_custom(failure: Failure) -> Self {
        let passes = matches!(
            failure.kind,
            ErrorKind::TryLater | ErrorKind::TimedOut | ErrorKind::NotSetUp
        );
        Self {
            is_transient: passes,
            failure,
            error: None,
        }
    }

    pub(super) fn permanent(message: &str, code: &str) -> Self {
        Self {
            failure: Failure::new(ErrorKind::Failed, code, message),
            is_transient: false,
            error: None,
        }
    }
}

impl From<Error> for AttemptError {
    fn from(error: Error) -> Self {
        Self {
            failure: (&error).into(),
            is_transient: is_transient(&error),
            error: Some(Arc::new(error)),
        }
    }
}

/// Within an operation, which is retried if it is transient.
impl From<AttemptError> for Error {
    fn from(error: AttemptError) -> Self {
        let cause = error.error.and_then(Arc::into_inner);
        cause.unwrap_or_else(|| {
            let kind = match error.is_transient {
                true => ErrorKind::TryLater,
                false => error.failure.kind,
            };
            Self::CommandFailed(Box::new(Failure {
                kind,
                ..error.failure
            }))
        })
    }
}

impl From<hcc_store::Error> for AttemptError {
    fn from(error: hcc_store::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<InvalidRequest> for AttemptError {
    fn from(error: InvalidRequest) -> Self {
        Error::from(error).into()
    }
}

/// Whether the same command may succeed later.
fn is_transient(error: &Error) -> bool {
    match error.kind() {
        // The commands can wait until the worker is given a valid token.
        ErrorKind::TryLater | ErrorKind::TimedOut | ErrorKind::NotSetUp => true,
        ErrorKind::Failed => match error {
            // The next attempt adopts a server that was created but not recorded.
            Error::Unrecorded { password, .. } => password.is_none(),
            Error::Store(_) => true,
            // A proxy on the way to Hetzner has corrupted a response.
            Error::NothingReadable => true,
            Error::Api(error) => matches!(**error, hcloud_api::Error::Decode { .. }),
            _ => false,
        },
        _ => false,
    }
}
