//! The owners of sockets on this machine.

use std::net::SocketAddr;

#[cfg(target_os = "linux")]
use procfs::net::{TcpNetEntry, TcpState, tcp};

/// Returns the user who owns the socket that listens on this address; `None` if the system does
/// not tell.
#[cfg(target_os = "linux")]
pub(super) fn listener_owner(address: SocketAddr) -> Option<u32> {
    owner(|socket| socket.state == TcpState::Listen && socket.local_address == address)
}

/// Whether the connection of `peer` to `address` belongs to this user, or to root, which nothing is
/// hidden from.
#[cfg(target_os = "linux")]
pub(super) fn is_owned_by(peer: SocketAddr, address: SocketAddr, user: u32) -> bool {
    const ROOT: u32 = 0;
    // A socket that its process has closed belongs to root.
    let owner = owner(|socket| {
        socket.state == TcpState::Established
            && (socket.local_address, socket.remote_address) == (peer, address)
    });
    owner.is_some_and(|owner| owner == user || owner == ROOT)
}

#[cfg(target_os = "linux")]
fn owner(is_meant: impl Fn(&TcpNetEntry) -> bool) -> Option<u32> {
    let sockets = tcp().ok()?;
    sockets.into_iter().find(is_meant).map(|socket| socket.uid)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn listener_owner(_: SocketAddr) -> Option<u32> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_owned_by(_: SocketAddr, _: SocketAddr, _: u32) -> bool {
    false
}
