//! Prints the progress of all running actions of all servers until none is running.
//!
//!     HCLOUD_TOKEN=… cargo run --example watch_actions

use hcloud_api::{ActionStatus, Client, Error, ListActions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let client = Client::from_env()?;
    let running = ListActions {
        status: vec![ActionStatus::Running],
        ..ListActions::default()
    };
    let mut actions = client.servers().actions().list(&running).all().await?;

    // A wait ends at the first action that fails; the others continue.
    while !actions.is_empty() {
        let wait = client.wait(&actions).on_progress(|action| {
            println!("{} {}: {} %", action.id, action.command, action.progress);
        });
        match wait.await {
            Ok(_) => break,
            Err(Error::ActionFailed {
                id,
                command,
                source,
            }) => {
                println!("{id} {command}: {source}");
                actions.retain(|action| action.id != id);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
