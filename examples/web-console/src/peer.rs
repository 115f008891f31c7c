//! Where a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use crate::WebConsole;

/// The sender of a request, according to the connection and to trusted proxies.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The address, as seen by the outermost trusted proxy.
    pub(crate) address: Option<IpAddr>,
    /// The user that a trusted proxy names.
    pub(crate) user: Option<String>,
}

impl FromRequestParts<WebConsole> for Peer {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &WebConsole,
    ) -> Result<Self, Infallible> {
        let settings = &console.settings;
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let sender = connection.map(|ConnectInfo(address)| address.ip().to_canonical());
        let is_trusted = |address: &IpAddr| settings.trusted_proxies.contains(address);
        if !sender.as_ref().is_some_and(is_trusted) {
            return Ok(Self {
                address: sender,
                user: None,
            });
        }
        let value = |name| parts.headers.get(name)?.to_str().ok();
        let forwarded = parts.headers.get_all("x-forwarded-for").iter();
        let forwarded: Vec<IpAddr> = forwarded
            .filter_map(|list| list.to_str().ok())
            .flat_map(|list| list.split(','))
            .filter_map(|address| address.trim().parse().ok())
            .collect();
        // Clients can forge everything before the last address that is not a trusted proxy.
        let address = forwarded.iter().rfind(|address| !is_trusted(address));
        Ok(Self {
            address: address.copied().or(sender),
            user: settings
                .user_header
                .as_ref()
                .and_then(value)
                .map(Into::into),
        })
    }
}

impl Peer {
    /// Returns the key for rate limits: an IPv4 address, or the /64 network of
    /// an IPv6 address, as one customer has all of it.
    pub(crate) fn network(&self) -> String {
        match self.address {
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
            }
            Some(address) => address.to_string(),
            None => String::new(),
        }
    }
}
