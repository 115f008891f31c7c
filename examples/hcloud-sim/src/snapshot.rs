//! The state of all projects as JSON: exported, imported, reset, and kept in a file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;

use crate::http::Shared;
use crate::state::Cloud;

const VERSION: u32 = 1;

/// How long changes are collected before they are written to the file.
const SAVE_INTERVAL: Duration = Duration::from_millis(100);

#[derive(Deserialize, Serialize)]
struct Snapshot {
    version: u32,
    clock_ahead_ms: u64,
    projects: Vec<NamedProject>,
}

#[derive(Deserialize, Serialize)]
struct NamedProject {
    name: String,
    /// Encoded while the project is locked, so that all of it is of the same time.
    state: Value,
}

/// The error for a state that cannot be imported; nothing has been changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidState {
    /// It is not a state of the simulator.
    #[error("invalid state: {0}")]
    Format(#[source] serde_json::Error),
    /// It was exported by another version.
    #[error("state has version {0}, not {VERSION}")]
    Version(u32),
}

pub(crate) fn export(shared: &Shared) -> Value {
    let projects = shared.projects().iter().map(|project| NamedProject {
        name: project.name.clone(),
        state: serde_json::to_value(&*project.cloud()).expect("maps have string keys"),
    });
    let snapshot = Snapshot {
        version: VERSION,
        clock_ahead_ms: u64::try_from(shared.clock().ahead().as_millis()).unwrap_or(u64::MAX),
        projects: projects.collect(),
    };
    serde_json::to_value(snapshot).expect("maps have string keys")
}

/// Replaces the state of the projects that have the names in `state`.
pub(crate) fn import(shared: &Shared, state: Value) -> Result<(), InvalidState> {
    let snapshot: Snapshot = serde_json::from_value(state).map_err(InvalidState::Format)?;
    if snapshot.version != VERSION {
        return Err(InvalidState::Version(snapshot.version));
    }
    let decode = |project: NamedProject| Ok((project.name, serde_json::from_value(project.state)?));
    let clouds: Vec<(String, Cloud)> = (snapshot.projects.into_iter())
        .map(decode)
        .collect::<Result<_, _>>()
        .map_err(InvalidState::Format)?;
    shared
        .clock()
        .set_ahead(Duration::from_millis(snapshot.clock_ahead_ms));
    for (name, cloud) in clouds {
        if let Some(project) = shared
            .projects()
            .iter()
            .find(|project| project.name == name)
        {
            project.cloud().replace(cloud);
        }
    }
    shared.notify_changed();
    Ok(())
}

/// Returns all projects to the state of the start.
pub(crate) fn reset(shared: &Shared) {
    for project in shared.projects() {
        let initial = (project.initial)();
        project.cloud().replace(initial);
    }
    shared.notify_changed();
}

/// Imports the state from a file, if there is one.
pub(crate) fn load(shared: &Shared, path: &Path) -> io::Result<()> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read?,
    };
    let state = serde_json::from_slice(&text).map_err(InvalidState::Format);
    state
        .and_then(|state| import(shared, state))
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes the state to a file that only its owner can read.
pub(crate) fn save(shared: &Shared, path: &Path) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&partial)?;
    file.write_all(&serde_json::to_vec(&export(shared))?)?;
    // Without this, a crash of the machine can leave an empty file.
    file.sync_data()?;
    fs::rename(partial, path)
}

/// Writes the state to a file after changes.
pub(crate) async fn keep_saved(shared: Shared, path: PathBuf) {
    loop {
        shared.changed().await;
        sleep(SAVE_INTERVAL).await;
        // The next change tries again, and so does the end of the simulator, which reports the error.
        let _ = save(&shared, &path);
    }
}
