//! `passwd`: a new root password.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Description, Form};

/// Sets a new root password. The server must run Linux with the QEMU guest agent.
///
/// Safe to repeat: a repetition sets another password, and the newest one is valid.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Passwd {}

impl Passwd {
    pub(super) const DESCRIPTION: Description = Description::new(
        "passwd",
        &[
            Form::new("Set a new root password for a server", Permission::Rescue)
                .brings_password()
                .destructive(),
        ],
    )
    .phrase("set the root password of");
}

#[cfg(feature = "worker")]
mod meaning {
    use super::Passwd;
    use crate::Result;
    use crate::operation::{Executed, Execution};

    impl Passwd {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let reset = on.project.api.servers().reset_password(on.server.id);
            Ok(Executed::from(reset.await?)
                .replacing_password()
                .requiring_password())
        }
    }
}
