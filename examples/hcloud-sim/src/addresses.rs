//! Public IP addresses and their reverse DNS entries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::errors::ApiError;
use crate::labels;

/// A public IPv4 address or IPv6 network.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Address {
    pub(crate) ip: String,
    pub(crate) dns_ptr: Vec<DnsPtr>,
    #[serde(rename = "type")]
    pub(crate) version: IpVersion,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DnsPtr {
    pub(crate) ip: String,
    pub(crate) dns_ptr: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IpVersion {
    Ipv4,
    Ipv6,
}

/// The body of `change_dns_ptr`; `dns_ptr` is required and may be null.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangeDnsPtr {
    pub(crate) ip: String,
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) dns_ptr: Option<String>,
}

impl Address {
    /// Returns the address of the resource with this ID.
    pub(crate) fn of(id: u64, version: IpVersion) -> Self {
        let number = id.wrapping_sub(100_000_000) as u32;
        let ip = match version {
            // 10.0.0.0/8 is large enough and not routed.
            IpVersion::Ipv4 => Ipv4Addr::from(0x0a00_0000 | (number & 0x00ff_ffff)).to_string(),
            IpVersion::Ipv6 => {
                let [high, low] = [(number >> 16) as u16, number as u16];
                format!("{}/64", Ipv6Addr::new(0x2001, 0xdb8, high, low, 0, 0, 0, 0))
            }
        };
        let dns_ptr = match version {
            IpVersion::Ipv4 => vec![DnsPtr {
                ip: ip.clone(),
                dns_ptr: default_dns_ptr(&ip),
            }],
            IpVersion::Ipv6 => Vec::new(),
        };
        Self {
            ip,
            dns_ptr,
            version,
        }
    }

    /// Sets the reverse DNS entry of one address; without a name, resets it.
    pub(crate) fn change_dns_ptr(&mut self, change: &ChangeDnsPtr) -> Result<(), ApiError> {
        if !self.covers(&change.ip) {
            return Err(ApiError::invalid(
                "ip",
                "the address does not belong to the resource",
            ));
        }
        if let Some(name) = &change.dns_ptr
            && !labels::is_dns_name(name.trim_end_matches('.'))
        {
            return Err(ApiError::invalid(
                "dns_ptr",
                format!("'{name}' is not a valid hostname"),
            ));
        }
        self.dns_ptr.retain(|entry| entry.ip != change.ip);
        let name = match self.version {
            IpVersion::Ipv4 => Some(
                change
                    .dns_ptr
                    .clone()
                    .unwrap_or_else(|| default_dns_ptr(&self.ip)),
            ),
            IpVersion::Ipv6 => change.dns_ptr.clone(),
        };
        self.dns_ptr.extend(name.map(|dns_ptr| DnsPtr {
            ip: change.ip.clone(),
            dns_ptr,
        }));
        Ok(())
    }

    fn covers(&self, ip: &str) -> bool {
        let network = |ip: Ipv6Addr| ip.octets()[..8].to_vec();
        match (ip.parse(), self.ip.trim_end_matches("/64").parse()) {
            (Ok(IpAddr::V4(ip)), Ok(IpAddr::V4(own))) => ip == own,
            (Ok(IpAddr::V6(ip)), Ok(IpAddr::V6(own))) => network(ip) == network(own),
            _ => false,
        }
    }
}

fn default_dns_ptr(ip: &str) -> String {
    let reversed: Vec<_> = ip.rsplit('.').collect();
    format!("static.{}.clients.your-server.de", reversed.join("."))
}
