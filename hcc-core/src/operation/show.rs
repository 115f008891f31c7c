//! `show`: everything about a server.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Description, Form};

/// Reads everything about a server into its record, its snapshots and backups included. Safe to
/// repeat.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Show {}

impl Show {
    pub(super) const DESCRIPTION: Description = Description::new(
        "show",
        &[Form::new("Show the details of a server", Permission::View)],
    )
    .aliases(&["describe"])
    .phrase("see");
}

#[cfg(feature = "worker")]
mod meaning {
    use serde_json::{Value, json};

    use super::Show;
    use crate::Result;
    use crate::operation::{Executed, Execution};
    use crate::project::snapshot;

    impl Show {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let saved = on.project.saved_images().await?;
            let (snapshots, backups) = saved.of(on.server.id);
            let mut snapshot = snapshot(on.server);
            snapshot.snapshots = Some(snapshots);
            snapshot.backups = Some(backups);
            let mut details = serde_json::to_value(&snapshot).expect("its keys are strings");
            details["name"] = on.server.name.clone().into();
            let server_net = &on.server.public_net;
            let floating: Vec<u64> = (server_net.floating_ips.iter())
                .map(|id| id.number())
                .collect();
            // What is billed after a deletion of the server.
            details["remains"] = json!({
                "volumes": details["volumes"],
                "floating_ips": floating,
                "snapshots": ids(&details["snapshots"]),
            });
            Ok(Executed::default().with_data(details).with_images())
        }
    }

    fn ids(images: &Value) -> Vec<Value> {
        let images = images.as_array().into_iter().flatten();
        images.map(|image| image["id"].clone()).collect()
    }
}
