//! Reverse DNS.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The reverse DNS name of one address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct DnsPtr {
    /// The address.
    pub ip: Option<IpAddr>,
    /// The name.
    pub dns_ptr: String,
}

/// The body that sets a reverse DNS name. The field is always sent, as `null` restores the default.
#[derive(Debug, Serialize)]
pub(crate) struct ChangeDnsPtr<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) dns_ptr: Option<&'a str>,
}
