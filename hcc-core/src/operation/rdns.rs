//! `rdns`: the reverse DNS names of a server's addresses.

use serde::{Deserialize, Serialize};

use crate::Permission;
use crate::description::{Argument, ArgumentKind, Description, Form};

/// Sets or resets the reverse DNS name of an address. Safe to repeat.
///
/// An address is one of the server, or `ip4` or `ip6` for its first one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Rdns {
    /// Set the name.
    Set {
        /// The address.
        ip: String,
        /// The name.
        name: String,
    },
    /// Restore the name that Hetzner chooses.
    Reset {
        /// The address.
        ip: String,
    },
}

const IP: Argument = Argument::required(
    "ip",
    ArgumentKind::Text,
    "Address of the server, or ip4 or ip6",
    "ip4",
);

impl Rdns {
    pub(super) const DESCRIPTION: Description = Description::new(
        "rdns",
        &[
            Form::new(
                "Set the reverse DNS name of an address of a server",
                Permission::Network,
            )
            .named("set")
            .arguments(&[
                IP,
                Argument::required("name", ArgumentKind::Text, "Name", "web1.example.com"),
            ]),
            Form::new(
                "Reset the reverse DNS name of an address of a server",
                Permission::Network,
            )
            .named("reset")
            .arguments(&[IP]),
        ],
    )
    .about("Set or reset reverse DNS names")
    .phrase("set the reverse DNS of");
}

impl Default for Rdns {
    fn default() -> Self {
        Self::Set {
            ip: String::new(),
            name: String::new(),
        }
    }
}

#[cfg(feature = "worker")]
mod meaning {
    use std::net::{IpAddr, Ipv6Addr};

    use hcloud_api::Server;

    use super::Rdns;
    use crate::operation::{Executed, Execution};
    use crate::{Error, Result};

    impl Rdns {
        pub(in crate::operation) async fn execute(&self, on: &Execution<'_>) -> Result<Executed> {
            let (ip, name) = match self {
                Self::Set { ip, name } => (ip, Some(&**name)),
                Self::Reset { ip } => (ip, None),
            };
            let address = address(on.server, ip)?;
            let servers = on.project.api.servers();
            Ok(servers
                .change_dns_ptr(on.server.id, address, name)
                .await?
                .into())
        }
    }

    fn address(server: &Server, ip: &str) -> Result<IpAddr> {
        let net = &server.public_net;
        let address = match ip {
            "ip4" => net.ipv4.as_ref().and_then(|ipv4| ipv4.ip.map(IpAddr::V4)),
            "ip6" => net.ipv6.as_ref().and_then(|ipv6| {
                let (network, _) = ipv6.ip.split_once('/')?;
                let network: Ipv6Addr = network.parse().ok()?;
                Some(Ipv6Addr::from_bits(network.to_bits() | 1).into())
            }),
            address => address.parse().ok(),
        };
        address.ok_or_else(|| Error::InvalidArgument {
            argument: "address",
            value: ip.to_owned(),
            reason: "the server has no such address".to_owned(),
        })
    }
}
