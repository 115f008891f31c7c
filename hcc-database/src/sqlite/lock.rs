//! Locks of files that the system releases with the process.

use std::fs::File;
use std::io;

use fs4::fs_std::FileExt;

/// Waits until no other handle has a lock of the file, and locks it.
pub fn lock(file: &File) -> io::Result<()> {
    FileExt::lock_exclusive(file)
}

/// Locks the file unless another handle has a lock of it; returns whether it is locked now.
pub fn try_lock(file: &File) -> io::Result<bool> {
    FileExt::try_lock_exclusive(file)
}

/// Locks the file for readers unless a writer has locked it; returns whether it is locked now.
pub fn try_lock_shared(file: &File) -> io::Result<bool> {
    FileExt::try_lock_shared(file)
}

/// Releases the lock of this handle.
pub fn unlock(file: &File) -> io::Result<()> {
    FileExt::unlock(file)
}
