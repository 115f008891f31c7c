//! Reverse DNS.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The name of one address in reverse DNS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[non_exhaustive]
pub struct DnsPtr {
    /// The address.
    pub ip: IpAddr,
    /// Its name.
    pub dns_ptr: String,
}

/// The body that names an address. The key is always there, because `null` restores Hetzner's own
/// name.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeDnsPtr<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) dns_ptr: Option<&'a str>,
}
