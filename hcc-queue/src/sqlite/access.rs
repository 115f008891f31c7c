//! Who may use what is made here: this user alone, or a group.
//!
//! A folder that hands on its group and lets it write (`chmod 2770`) is shared by that group, and
//! so is all that is made in it. So programs of several users can have one queue.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::local::require_local;

/// Opens a file to read and append, and makes it if it is missing.
pub(super) fn open_or_make(path: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().read(true).append(true).open(path);
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make(path)?;
            open()
        }
        opened => opened,
    }
}

/// Makes an empty file, unless there is one.
pub(super) fn make(path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new();
    file.write(true).create_new(true);
    #[cfg(unix)]
    let shared = {
        use std::os::unix::fs::OpenOptionsExt;
        let shared = lies_in_shared(path)?;
        file.mode(if shared { 0o660 } else { 0o600 });
        shared
    };
    match file.open(path) {
        // It is not touched, for the sake of SQLite's locks.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        made => drop(made?),
    }
    #[cfg(unix)]
    if shared {
        grant(path, 0o660)?;
    }
    Ok(())
}

/// Makes a local folder, and those that it is in, unless it is there.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        let mut folders = DirBuilder::new();
        #[cfg(unix)]
        let shared = {
            use std::os::unix::fs::DirBuilderExt;
            let shared = lies_in_shared(folder)?;
            folders.mode(if shared { 0o770 } else { 0o700 });
            shared
        };
        folders.recursive(true).create(folder)?;
        #[cfg(unix)]
        if shared {
            grant(folder, 0o2770)?;
        }
    }
    require_local(folder)
}

#[cfg(unix)]
fn lies_in_shared(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;

    const SHARED: u32 = 0o2020;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    match fs::metadata(folder) {
        // It is made first, for this user alone.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        folder => Ok(folder?.mode() & SHARED == SHARED),
    }
}

/// Gives back what the umask took away. Services may be forbidden to set the bit by which a
/// folder hands on its group, and need not where nothing was taken.
#[cfg(unix)]
fn grant(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    if fs::metadata(path)?.mode() & 0o7777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
