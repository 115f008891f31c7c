//! The console: a machine with a text screen and an RFB server on a WebSocket.
//!
//! [`Machine`] is the screen, the keyboard and the power switch of one server; [`accept`] connects a viewer to it. The
//! protocol is RFB 3.8 with VNC authentication, as on Hetzner's consoles.

mod font;
mod guest;
mod keyboard;
mod machine;
mod picture;
mod pixel_format;
mod rfb;
mod screen;
mod view;
#[cfg(test)]
mod viewers;
mod websocket;

pub(crate) use guest::System;
pub(crate) use machine::Machine;
pub(crate) use websocket::accept;
