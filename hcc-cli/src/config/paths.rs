//! Paths in settings: absolute, whatever the working directory is, and private if they hold secrets.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::path::{self, Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing::{Level, enabled, warn};

use super::environment::home;
use crate::error::{CliError, Context, Exit, Result};

/// Returns the absolute path that a setting means: `~` is the home directory, and a relative path
/// starts at `base`, or at the working directory.
pub(super) fn resolve(path: &Path, base: Option<&Path>) -> Result<PathBuf> {
    let mut components = path.components();
    if let Some(Component::Normal(first)) = components.next()
        && let Some(user) = first.to_str().and_then(|first| first.strip_prefix('~'))
    {
        if user.is_empty() {
            return Ok(home()?.join(components.as_path()));
        }
        let shown = path.display();
        let message = format!("cannot expand ~{user} in {shown}: only ~/ is supported");
        let hint = format!("write the whole path, or ./{shown} for a file of this name");
        return Err(CliError::new(Exit::Usage, "invalid", message).hint(hint));
    }
    match base {
        Some(base) => absolute(&base.join(path)),
        None => absolute(path),
    }
}

/// Resolves the path in the URL of a database, if it has one.
pub(super) fn resolve_in_url(url: &str, base: Option<&Path>) -> Result<String> {
    match url.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() => {
            let path = resolve(path.as_ref(), base)?;
            Ok(format!("sqlite:{}", path.display()))
        }
        _ => Ok(url.to_owned()),
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = path::absolute(path).context(|| {
        let shown = path.display();
        format!("cannot find {shown}: the working directory is unknown")
    })?;
    Ok(absolute.components().collect())
}

/// Refuses a file that other users could change, or read although it holds secrets.
pub(super) fn require_private(path: &Path, holds_secrets: bool) -> Result<()> {
    let others = others_may(&fs::metadata(path)?);
    let shown = path.display();
    let (message, hint) = match others {
        Some(Others::Change) if holds_secrets => (
            format!("{shown} can be changed by other users"),
            format!("run chmod 600 {shown}"),
        ),
        Some(Others::Change) => (
            format!("{shown} can be changed by other users"),
            format!("run chmod go-w {shown}"),
        ),
        Some(Others::Read) if holds_secrets => (
            format!("{shown} holds a secret and is readable by other users"),
            format!("run chmod 600 {shown}"),
        ),
        _ => return Ok(()),
    };
    Err(CliError::new(Exit::NotSetUp, "exposed", message).hint(hint))
}

/// Warns once about a file with a token that other users can read.
pub(super) fn warn_if_exposed(path: &Path) {
    static WARNED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

    let exposed = match fs::metadata(path) {
        // A pipe, such as that of a shell's `<(…)`, has one reader.
        Ok(file) => file.is_file() && others_may(&file).is_some(),
        Err(_) => false,
    };
    let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
    if !exposed || !warned.insert(path.to_owned()) {
        return;
    }
    let shown = path.display();
    if enabled!(Level::WARN) {
        warn!(path = %shown, "the file with the token is readable by other users");
    } else {
        eprintln!("hcc: warning: {shown} holds a token and is readable by other users");
        eprintln!("hint: run chmod 600 {shown}");
    }
}

/// What users other than the owner of a file may do with it.
enum Others {
    Read,
    Change,
}

/// Returns what others may do with a file. The group of a file that belongs to root may read it: so
/// a service gets secrets that it cannot change.
#[cfg(unix)]
fn others_may(file: &Metadata) -> Option<Others> {
    use std::os::unix::fs::MetadataExt;

    const ROOT: u32 = 0;
    let mode = file.mode();
    if mode & 0o022 != 0 {
        return Some(Others::Change);
    }
    let is_readable = mode & 0o004 != 0 || (mode & 0o040 != 0 && file.uid() != ROOT);
    is_readable.then_some(Others::Read)
}

#[cfg(not(unix))]
fn others_may(_: &Metadata) -> Option<Others> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_their_base() {
        let base = Path::new("/etc/hcc");
        for (path, resolved) in [
            ("hcc.db", "/etc/hcc/hcc.db"),
            ("./a/hcc.db", "/etc/hcc/a/hcc.db"),
            ("./~", "/etc/hcc/~"),
            ("a/~/b", "/etc/hcc/a/~/b"),
            ("/srv/hcc.db", "/srv/hcc.db"),
            ("//srv//hcc.db", "/srv/hcc.db"),
        ] {
            assert_eq!(
                resolve(Path::new(path), Some(base)).unwrap(),
                Path::new(resolved)
            );
        }
        let here = std::env::current_dir().unwrap().join("hcc.db");
        assert_eq!(resolve(Path::new("hcc.db"), None).unwrap(), here);
    }

    #[test]
    fn homes_of_other_users_are_refused() {
        for path in ["~mary/hcc.db", "~hcc.db"] {
            let error = resolve(Path::new(path), None).unwrap_err();
            assert!(error.message().contains("only ~/ is supported"), "{error}");
        }
    }
}
