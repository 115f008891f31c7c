//! Readable snapshots of the output of `hcc`: each file in `transcripts` is a session.
//!
//! A new file needs only the commands. `SNAPSHOTS=overwrite cargo test -p hcc-cli transcripts`
//! writes the current output into the files; review the changes.

use std::path::Path;

use hcloud_sim::Sim;

use crate::session::{assert_session, run_session};
use crate::user::User;

const MANAGED: &[(&str, &str)] = &[("managed", "1")];

/// Two managed servers, and one that is not.
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

            let output = run_session(&user().await, &session).await;

            assert_session(output, &file);
        }
    )* };
}

sessions! {
    first_steps
    help
    listing
    catalog
    power
    creating
    killing
    labels
    operations
    records
    screens
    queue
    schedules
    settings
    profiles
    doctor
    completion
    failures
}
