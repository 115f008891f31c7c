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
    use hcloud_api::{ActionResourceKind, Leftovers, PublicNet};
    use serde_json::{Value, json};
    use tracing::warn;

    use super::Show;
    use crate::Result;
    use crate::operation::{Executed, Execution};
    use crate::project::snapshot;

    impl Show {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let servers = on.project.api.servers();
            let (saved, leftovers) =
                tokio::join!(on.project.saved_images(), servers.leftovers(on.server.id));
            let (snapshots, backups) = saved?.of(on.server.id);
            let mut snapshot = snapshot(on.server);
            snapshot.snapshots = Some(snapshots);
            snapshot.backups = Some(backups);
            let mut details = serde_json::to_value(&snapshot).expect("its keys are strings");
            details["name"] = on.server.name.clone().into();
            let net = &on.server.public_net;
            let firewalls = net.firewalls.iter().filter_map(|it| it.id);
            let firewalls: Vec<_> = firewalls.map(|id| id.number()).collect();
            details["firewalls"] = json!(firewalls);
            let group = on.server.placement_group.as_ref();
            details["placement_group"] =
                json!(group.map(|it| json!({ "id": it.id.number(), "name": it.name })));
            details["rdns"] = reverse_dns(net);
            match leftovers {
                Ok(leftovers) => {
                    details["currency"] = leftovers.currency.as_str().into();
                    details["remains"] = remains(&leftovers);
                }
                Err(error) => warn!(server = %on.name, %error, "what remains is unknown"),
            }
            Ok(Executed::default().with_data(details).with_images())
        }
    }

    /// Returns the reverse DNS names of the public addresses.
    fn reverse_dns(net: &PublicNet) -> Value {
        let ipv4 = net.ipv4.iter().filter(|it| !it.dns_ptr.is_empty());
        let ipv4 = ipv4.map(|it| json!({ "ip": it.ip, "name": it.dns_ptr }));
        let ipv6 = net.ipv6.iter().flat_map(|it| &it.dns_ptr);
        let ipv6 = ipv6.map(|it| json!({ "ip": it.ip, "name": it.dns_ptr }));
        ipv4.chain(ipv6).collect()
    }

    /// Returns the ids of what is billed after a deletion of the server, and the price.
    fn remains(leftovers: &Leftovers) -> Value {
        let ids = |kind: ActionResourceKind| {
            let resources = leftovers.resources.iter();
            let ids = resources.filter(|it| it.kind == kind).map(|it| it.id);
            json!(ids.collect::<Vec<_>>())
        };
        json!({
            "volumes": ids(ActionResourceKind::Volume),
            "primary_ips": ids(ActionResourceKind::PrimaryIp),
            "floating_ips": ids(ActionResourceKind::FloatingIp),
            "snapshots": ids(ActionResourceKind::Image),
            // The API has four digits.
            "monthly_net": (leftovers.monthly_net() * 1e4).round() / 1e4,
        })
    }
}
