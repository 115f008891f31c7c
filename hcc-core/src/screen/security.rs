//! How RFB begins: the version, and a password that is not shown to who listens.
//!
//! Specification: RFC 6143, sections 7.1 and 7.2.

use std::io;

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::ScreenError;

const VERSION: &[u8; 12] = b"RFB 003.008\n";

/// The number of VNC authentication among the ways to be let in.
const VNC_AUTHENTICATION: u8 = 2;

const OK: u32 = 0;
const FAILED: u32 = 1;

/// The longest reason that is listened to.
const REASON_LIMIT: u32 = 1000;

/// Says the password to a server.
pub(super) async fn enter(
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: &SecretString,
) -> Result<(), ScreenError> {
    let mut version = [0; 12];
    server.read_exact(&mut version).await?;
    if !version.starts_with(b"RFB ") || version < *VERSION {
        let what = "its version";
        return Err(ScreenError::Foreign { what });
    }
    send(server, VERSION).await?;

    let ways = server.read_u8().await?;
    if ways == 0 {
        let reason = hear(server).await?;
        return Err(ScreenError::Refused { reason });
    }
    let mut offered = vec![0; ways.into()];
    server.read_exact(&mut offered).await?;
    if !offered.contains(&VNC_AUTHENTICATION) {
        let what = "its way to ask for a password";
        return Err(ScreenError::Foreign { what });
    }
    send(server, &[VNC_AUTHENTICATION]).await?;

    let mut challenge = [0; 16];
    server.read_exact(&mut challenge).await?;
    send(server, &response(challenge, password)).await?;
    match server.read_u32().await? {
        OK => Ok(()),
        _ => Err(ScreenError::WrongPassword),
    }
}

/// A viewer that knows the password, and waits to be let in.
pub(super) struct Guest {
    hears_reasons: bool,
}

/// Asks a viewer for the password; `None` if it does not know it.
pub(super) async fn admit(
    viewer: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: &SecretString,
) -> io::Result<Option<Guest>> {
    send(viewer, VERSION).await?;
    let mut version = [0; 12];
    viewer.read_exact(&mut version).await?;
    if !version.starts_with(b"RFB 003.") {
        return Ok(None);
    }
    let guest = Guest {
        hears_reasons: version >= *VERSION,
    };
    if version < *b"RFB 003.007\n" {
        send(viewer, &u32::from(VNC_AUTHENTICATION).to_be_bytes()).await?;
    } else {
        send(viewer, &[1, VNC_AUTHENTICATION]).await?;
        if viewer.read_u8().await? != VNC_AUTHENTICATION {
            return Ok(None);
        }
    }

    let mut challenge = [0; 16];
    getrandom::fill(&mut challenge)?;
    send(viewer, &challenge).await?;
    let mut answer = [0; 16];
    viewer.read_exact(&mut answer).await?;
    if answer != response(challenge, password) {
        guest.turn_away(viewer, "wrong password").await?;
        return Ok(None);
    }
    Ok(Some(guest))
}

impl Guest {
    pub(super) async fn let_in(self, viewer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        send(viewer, &OK.to_be_bytes()).await
    }

    pub(super) async fn turn_away(
        self,
        viewer: &mut (impl AsyncWrite + Unpin),
        reason: &str,
    ) -> io::Result<()> {
        let mut refusal = FAILED.to_be_bytes().to_vec();
        if self.hears_reasons {
            refusal.extend((reason.len() as u32).to_be_bytes());
            refusal.extend(reason.as_bytes());
        }
        send(viewer, &refusal).await
    }
}

/// What proves that one knows the password: the challenge under DES, whose key is the first eight
/// characters, each with its bits reversed.
fn response(challenge: [u8; 16], password: &SecretString) -> [u8; 16] {
    let mut key = [0; 8];
    for (byte, letter) in key.iter_mut().zip(password.expose_secret().bytes()) {
        *byte = letter.reverse_bits();
    }
    let des = Des::new(&key.into());
    let mut response = challenge;
    for block in response.chunks_exact_mut(8) {
        let block = block.try_into().expect("it has eight bytes");
        des.encrypt_block(block);
    }
    response
}

async fn hear(server: &mut (impl AsyncRead + Unpin)) -> Result<String, ScreenError> {
    let length = server.read_u32().await?.min(REASON_LIMIT);
    let mut reason = vec![0; length as usize];
    server.read_exact(&mut reason).await?;
    Ok(String::from_utf8_lossy(&reason).into_owned())
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}
