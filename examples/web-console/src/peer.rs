//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::WebConsole;
use crate::error::AppError;

/// The sender of a request, according to the connection and to trusted proxies.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    /// The address, as seen by the outermost trusted proxy.
    pub(crate) address: Option<IpAddr>,
    /// The user that a trusted proxy names.
    pub(crate) user: Option<String>,
}

/// Marks requests that arrived on a Unix socket, whose permissions say who may connect: a proxy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnUnixSocket;

impl FromRequestParts<WebConsole> for Peer {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, console: &WebConsole) -> Result<Self, AppError> {
        let settings = &console.settings;
        let connection = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let sender = connection.map(|ConnectInfo(address)| address.ip().to_canonical());
        let is_trusted = |address: &IpAddr| settings.trusted_proxies.contains(address);
        let is_proxy = parts.extensions.get::<OnUnixSocket>().is_some();
        if !is_proxy && !sender.as_ref().is_some_and(is_trusted) {
            return Ok(Self {
                address: sender,
                user: None,
            });
        }
        let user = match &settings.user_header {
            Some(name) => single(&parts.headers, name.as_str())?,
            None => None,
        };
        // Clients can forge everything before the last address that is not a trusted proxy.
        let address = hops(&parts.headers)?
            .into_iter()
            .rev()
            .map(|hop| address(hop).ok_or(AppError::Proxy("malformed address of the client")))
            .find(|address| !address.as_ref().is_ok_and(is_trusted))
            .transpose()?;
        Ok(Self {
            address: address.or(sender),
            user,
        })
    }
}

/// Returns the value of a header that may be there once.
fn single(headers: &HeaderMap, name: &str) -> Result<Option<String>, AppError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(AppError::Proxy("two names of the user"));
    }
    let text = value.map(|value| value.to_str()).transpose();
    let text = text.map_err(|_| AppError::Proxy("malformed name of the user"))?;
    Ok(text.map(str::to_owned).filter(|name| !name.is_empty()))
}

/// Returns the senders that proxies have noted, the last one at the end.
fn hops(headers: &HeaderMap) -> Result<Vec<&[u8]>, AppError> {
    let hops = |name| {
        let values = headers.get_all(name).iter();
        values.flat_map(|list| list.as_bytes().split(|byte| *byte == b','))
    };
    let x_forwarded_for: Vec<_> = hops("x-forwarded-for").collect();
    let forwarded: Vec<_> = hops("forwarded").map(forwarded_for).collect();
    match (x_forwarded_for.is_empty(), forwarded.is_empty()) {
        (_, true) => Ok(x_forwarded_for),
        (true, false) => Ok(forwarded),
        (false, false) => Err(AppError::Proxy("both X-Forwarded-For and Forwarded")),
    }
}

/// Returns the node after `for=` in an element of `Forwarded` (RFC 7239); empty if there is none.
fn forwarded_for(element: &[u8]) -> &[u8] {
    let mut pairs = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let node = pairs.find_map(|pair| {
        let (name, value) = pair.split_at_checked(4)?;
        name.eq_ignore_ascii_case(b"for=").then_some(value)
    });
    let node = node.unwrap_or_default();
    let quoted = node.strip_prefix(b"\"");
    let quoted = quoted.and_then(|node| node.strip_suffix(b"\""));
    quoted.unwrap_or(node)
}

/// Parses an address, with or without a port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(hop).ok()?.trim();
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().ok().map(|socket: SocketAddr| socket.ip());
    let address = text.parse().ok().or_else(with_port);
    let address = address.or_else(|| bare().map(IpAddr::V6));
    address.map(|address| address.to_canonical())
}

impl Peer {
    /// Returns the key for rate limits: an IPv4 address, or the /64 network of
    /// an IPv6 address, as one customer has all of it.
    pub(crate) fn network(&self) -> String {
        self.address
            .map_or_else(String::new, |address| network(address).to_string())
    }
}

/// Returns an IPv4 address, or the first address of the /64 network of an IPv6 address.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_with_and_without_ports() {
        for (hop, parsed) in [
            ("192.0.2.1", "192.0.2.1"),
            (" 192.0.2.1:4711 ", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(address(hop.as_bytes()), parsed.parse().ok(), "{hop}");
        }
        for hop in [
            "",
            "unknown",
            "_hidden",
            "192.0.2.1:x",
            "192.0.2",
            "[192.0.2.1",
            "192.0.2.1\u{e9}",
        ] {
            assert_eq!(address(hop.as_bytes()), None, "{hop}");
        }
    }

    #[test]
    fn forwarded_names_the_client_in_for() {
        for (element, node) in [
            ("for=192.0.2.1", "192.0.2.1"),
            (
                " proto=https; For=\"[2001:db8::1]:4711\";by=10.0.0.1",
                "[2001:db8::1]:4711",
            ),
            ("proto=https", ""),
        ] {
            assert_eq!(forwarded_for(element.as_bytes()), node.as_bytes());
        }
    }
}
