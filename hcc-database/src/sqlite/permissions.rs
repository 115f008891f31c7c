//! Creating files and directories for their owner, or for a group.
//!
//! A directory that is writable by its group and passes the group on (`chmod 2770`) is shared by
//! that group, and so is everything that is created in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::local::require_local;

/// Opens a file for reading and appending, and creates it if it is missing.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().read(true).append(true).open(path);
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create_file(path)?;
            open()
        }
        opened => opened,
    }
}

/// Creates an empty file, unless it exists.
pub fn create_file(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    let shared = {
        use std::os::unix::fs::OpenOptionsExt;
        let shared = is_shared(directory_of(path))?;
        file.mode(if shared { 0o660 } else { 0o600 });
        shared
    };
    match file.open(path) {
        // Opening and closing an existing file would end the locks that SQLite holds on it.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        created => drop(created?),
    }
    #[cfg(unix)]
    if shared {
        set_mode(path, 0o660)?;
    }
    Ok(())
}

/// Creates a directory and its parents, unless it exists.
///
/// # Errors
///
/// Those of the operating system, and [`ErrorKind::Unsupported`] on a network file system.
pub fn create_directory(directory: &Path) -> io::Result<()> {
    if !directory.is_dir() {
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        let shared = {
            use std::os::unix::fs::DirBuilderExt;
            let shared = is_shared(directory_of(directory))?;
            builder.mode(if shared { 0o770 } else { 0o700 });
            shared
        };
        builder.recursive(true).create(directory)?;
        #[cfg(unix)]
        if shared {
            set_mode(directory, 0o2770)?;
        }
    }
    require_local(directory)
}

/// Returns the directory that contains a file.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn is_shared(directory: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    const SHARED: u32 = 0o2020;
    match fs::metadata(directory) {
        // It is created first, for this user only.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        directory => Ok(directory?.mode() & SHARED == SHARED),
    }
}

/// Restores mode bits masked by the umask. Skipped if the mode is right, as services may be
/// forbidden to set the set-group-ID bit (`RestrictSUIDSGID`).
#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    if fs::metadata(path)?.mode() & 0o7777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
