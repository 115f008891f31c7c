//! A worker with a command of its own: `rebuild-from-backup` replaces the disk of a server by its newest
//! backup.
//!
//! ```console
//! $ HCLOUD_TOKEN=… cargo run -p hcc-core --example rebuild-from-backup
//! $ hcc push rebuild-from-backup web1
//! ```

use hcc_core::{
    Call, CustomCommand, Error, ErrorKind, Failure, Permission, Project, Repetition, Settings,
    Worker,
};
use hcc_queue::QueueUrl;
use hcc_store::StoreUrl;
use hcloud_api::{Client, ImageId, ImageSort, ImageType, ListImages, RebuildServer, Sort};
use serde::{Deserialize, Serialize};

/// The arguments.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RebuildFromBackup {
    /// The backup, if not the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<u64>,
}

impl CustomCommand for RebuildFromBackup {
    const VERB: &'static str = "rebuild-from-backup";
    const PERMISSION: Option<Permission> = Some(Permission::Reset);
    // A second rebuild would delete what the server has written since the first.
    const REPETITION: Repetition = Repetition::Once;
}

/// Replaces the disk; the outcome has the backup as a note.
pub(crate) async fn rebuild(call: Call<RebuildFromBackup>) -> Result<Option<String>, Failure> {
    let api = call.project.api();
    let image = match call.command.image {
        Some(id) => ImageId::new(id),
        None => {
            let backups = ListImages {
                kind: vec![ImageType::Backup],
                bound_to: vec![call.server.id],
                sort: vec![Sort::Descending(ImageSort::Created)],
                ..Default::default()
            };
            let newest = api.images().list(&backups).first().await?;
            let none =
                || Failure::new(ErrorKind::NotFound, "no_backup", "the server has no backup");
            newest.ok_or_else(none)?.id
        }
    };
    let rebuilt = api
        .servers()
        .rebuild(call.server.id, &RebuildServer::new(image))
        .await?;
    call.wait(rebuilt.action).await?;
    Ok(Some(format!("rebuilt from backup {image}")))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let store = hcc_store::open(&StoreUrl::sqlite("records.db")).await?;
    let queue = hcc_queue::open(&QueueUrl::sqlite("queue.db")).await?;
    let project = Project::new(Client::from_env()?, store, Settings::default());
    let worker = Worker::new(project, queue).with_command(rebuild);
    worker.run(std::future::pending()).await
}
