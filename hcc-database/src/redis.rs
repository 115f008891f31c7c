//! Errors of Redis servers.

use ::redis::{ErrorKind, RedisError, ServerErrorKind};
use tracing::debug;

use crate::error::identifier;
use crate::{DatabaseUrl, Error, Failure};

/// Classifies an error of the driver.
///
/// Its message is left out: it may quote a command, and with it the values that were to be stored.
pub fn classified(url: &DatabaseUrl, error: &RedisError) -> Error {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, NoPerm, ReadOnly, TryAgain};

    let failure = match (error.kind(), error.code()) {
        (ErrorKind::Io | ErrorKind::Parse, _)
        | (ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | TryAgain), _) => {
            Failure::Unreachable
        }
        (ErrorKind::AuthenticationFailed | ErrorKind::Server(NoPerm), _)
        | (_, Some("NOAUTH" | "WRONGPASS")) => Failure::Denied,
        // The rights of a user hold in scripts too.
        (_, Some("ERR")) if is_denied(error) => Failure::Denied,
        (ErrorKind::Server(ReadOnly), _) => Failure::ReadOnly,
        (_, Some("BUSY")) => Failure::Busy,
        (_, Some("OOM")) => Failure::Full,
        // It accepts no writes while it cannot write to its disk.
        (_, Some("MISCONF")) if is_disk_full(error) => Failure::Full,
        (_, Some("MISCONF")) => Failure::ReadOnly,
        (_, Some("WRONGTYPE")) => Failure::WrongFile { expected: "queue" },
        _ => Failure::Failed,
    };
    debug!(url = %url, ?failure, "database call failed");
    Error::new(url.clone(), failure).with_source(reduced(error))
}

fn is_denied(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| {
        detail.contains("ACL failure in script")
            || detail.contains("The user executing the script can't")
    })
}

fn is_disk_full(error: &RedisError) -> bool {
    error
        .detail()
        .is_some_and(|detail| detail.contains("No space left on device"))
}

/// Describes an error without its message.
fn reduced(error: &RedisError) -> String {
    match (error.code(), std::error::Error::source(error)) {
        (Some(code), _) => format!("the server reported {}", identifier(code)),
        // The driver repeats the message of the system, and adds nothing.
        (None, Some(source)) if error.kind() == ErrorKind::Io => source.to_string(),
        _ => error.category().to_owned(),
    }
}
