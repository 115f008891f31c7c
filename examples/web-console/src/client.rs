//! Where a request comes from.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use crate::WebConsole;

/// Who has sent a request, and what their proxy says of them.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// The address, as the last proxy that we believe saw it.
    pub(crate) address: Option<IpAddr>,
    /// The user that such a proxy names.
    pub(crate) user: Option<String>,
}

impl FromRequestParts<WebConsole> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &WebConsole,
    ) -> Result<Self, Infallible> {
        let settings = &console.settings;
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = connection.map(|ConnectInfo(address)| address.ip().to_canonical());
        let believed = |address: &IpAddr| settings.proxies.contains(address);
        if !peer.as_ref().is_some_and(believed) {
            let (address, user) = (peer, None);
            return Ok(Self { address, user });
        }
        let text = |name| parts.headers.get(name)?.to_str().ok();
        let forwarded = parts.headers.get_all("x-forwarded-for").iter();
        let forwarded: Vec<IpAddr> = forwarded
            .filter_map(|list| list.to_str().ok())
            .flat_map(|list| list.split(','))
            .filter_map(|address| address.trim().parse().ok())
            .collect();
        // Everything before the last one that we do not believe may be invented.
        let address = forwarded.iter().rfind(|address| !believed(address));
        Ok(Self {
            address: address.copied().or(peer),
            user: settings.user_header.as_ref().and_then(text).map(Into::into),
        })
    }
}

impl Client {
    /// What counts as one place: who has one IPv6 address has 2⁶⁴.
    pub(crate) fn place(&self) -> String {
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
