//! Why a command failed, and whether it is retried.

use std::error::Error as StdError;
use std::iter::successors;

use crate::{Error, ErrorKind, InvalidRequest};

/// Why a command failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The error with all its causes, for people.
    pub(super) message: String,
    /// For programs.
    pub(super) code: String,
    /// Whether the same command may succeed later.
    pub(super) is_transient: bool,
}

impl Failure {
    pub(super) fn transient(message: &str, code: &str) -> Self {
        Self {
            is_transient: true,
            ..Self::permanent(message, code)
        }
    }

    pub(super) fn permanent(message: &str, code: &str) -> Self {
        Self {
            message: message.to_owned(),
            code: code.to_owned(),
            is_transient: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            message: with_causes(&error),
            code: error.code().to_owned(),
            is_transient: is_transient(&error),
        }
    }
}

impl From<hcc_store::Error> for Failure {
    fn from(error: hcc_store::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<InvalidRequest> for Failure {
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
            Error::Unrecorded { .. } | Error::Store(_) => true,
            // A proxy on the way to Hetzner has corrupted a response.
            Error::Api(error) => matches!(**error, hcloud_api::Error::Decode { .. }),
            _ => false,
        },
        _ => false,
    }
}

/// The error and its causes in one line.
fn with_causes(error: &(dyn StdError + 'static)) -> String {
    let messages: Vec<_> = successors(Some(error), |error| (*error).source())
        .map(ToString::to_string)
        .collect();
    messages.join(": ")
}
