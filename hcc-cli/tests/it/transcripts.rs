//! What `hcc` says, kept as text that people read: each file of `transcripts` is a session.
//!
//! A new file needs the commands alone. `SNAPSHOTS=overwrite cargo test -p hcc-cli transcripts`
//! writes what is said now into the files: read what has changed.

use std::path::Path;

use hcloud_sim::Sim;

use crate::session::{judge, play};
use crate::user::User;

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// Two servers of ours, and one that is not.
async fn user() -> User {
    let project = Sim::builder()
        .server("web1", MANAGED)
        .server("web2", &[("env", "prod"), ("managed", "1")])
        .server("db1", &[]);
    User::of(project).await
}

macro_rules! sessions {
    ($($name:ident)*) => { $(
        #[tokio::test]
        async fn $name() {
            let file = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(concat!("tests/it/transcripts/", stringify!($name), ".txt"));
            let session = std::fs::read_to_string(&file).unwrap();

            let said = play(&user().await, &session).await;

            judge(said, &file);
        }
    )* };
}

sessions! {
    first_steps
    help
    listing
    offers
    power
    creating
    killing
    labels
    records
    screens
    queue
    settings
    profiles
    doctor
    completion
    failures
}
