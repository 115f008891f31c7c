//! Failures of a file, before it is known which file.

use std::io;

use rusqlite::ErrorCode;

use crate::Failure;

/// `SQLITE_IOERR_SHMSIZE`: the index of the write-ahead log cannot grow.
const NO_ROOM_FOR_INDEX: i32 = 4874;

/// A failure of a job that does not know the file it works on.
#[derive(Debug)]
pub struct Fault {
    pub(super) failure: Failure,
    pub(super) source: Option<crate::BoxError>,
}

impl Fault {
    /// A failure with its cause, which must be free of secrets.
    pub fn new(failure: Failure, source: impl Into<crate::BoxError>) -> Self {
        Self {
            failure,
            source: Some(source.into()),
        }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self {
            failure,
            source: None,
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let (rusqlite::Error::SqliteFailure(code, _)
        | rusqlite::Error::SqlInputError { error: code, .. }) = error
        else {
            return Self::new(Failure::Failed, "a value has an unexpected type");
        };
        let failure = match code.code {
            _ if code.extended_code == NO_ROOM_FOR_INDEX => Failure::Full,
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => Failure::CannotOpen,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Failure::Busy,
            ErrorCode::ReadOnly => Failure::ReadOnly,
            ErrorCode::DiskFull => Failure::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Failure::Corrupt,
            _ => Failure::Failed,
        };
        if failure == Failure::Full {
            return Self::new(failure, "the disk is full");
        }
        // The code alone: the message could contain the statement or values.
        Self::new(failure, code)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        let failure = match error.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Failure::ReadOnly,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Failure::Full,
            io::ErrorKind::WouldBlock => Failure::Busy,
            _ => Failure::CannotOpen,
        };
        Self::new(failure, error)
    }
}
