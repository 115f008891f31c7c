//! Why a command was not carried out, and what follows from that.

use std::error::Error as StdError;

use crate::{Error, ErrorKind, InvalidRequest};

/// Why a command was not carried out.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// For people, in full.
    pub(super) why: String,
    /// For programs.
    pub(super) code: String,
    /// Whether the same command may succeed later.
    pub(super) passes: bool,
}

impl Failure {
    pub(super) fn later(why: &str, code: &str) -> Self {
        Self {
            passes: true,
            ..Self::never(why, code)
        }
    }

    pub(super) fn never(why: &str, code: &str) -> Self {
        Self {
            why: why.to_owned(),
            code: code.to_owned(),
            passes: false,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            why: in_full(&error),
            code: error.code().to_owned(),
            passes: passes(&error),
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
fn passes(error: &Error) -> bool {
    match error.kind() {
        // A worker without a good token is set up anew; the commands can wait.
        ErrorKind::TryLater | ErrorKind::TimedOut | ErrorKind::NotSetUp => true,
        ErrorKind::Failed => match error {
            // A server that was made, but not recorded, is adopted then.
            Error::Unrecorded { .. } | Error::Store(_) => true,
            // What stands between us and Hetzner has garbled an answer.
            Error::Api(error) => matches!(**error, hcloud_api::Error::Decode { .. }),
            _ => false,
        },
        _ => false,
    }
}

/// An error with all that lies behind it, in one line.
fn in_full(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}
