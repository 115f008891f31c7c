//! The handshake of RFB: protocol version and challenge-response authentication.
//!
//! Specification: RFC 6143, sections 7.1 and 7.2.

use std::io;

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::ScreenError;

const VERSION: &[u8; 12] = b"RFB 003.008\n";

/// The security type of VNC authentication.
const VNC_AUTHENTICATION: u8 = 2;

const OK: u32 = 0;
const FAILED: u32 = 1;

/// The maximum length of a reason, in bytes.
const MAX_REASON_LEN: u32 = 1000;

/// Authenticates to a server.
pub(super) async fn authenticate(
    server: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: &SecretString,
) -> Result<(), ScreenError> {
    let mut version = [0; 12];
    server.read_exact(&mut version).await?;
    if !version.starts_with(b"RFB ") || version < *VERSION {
        let what = "protocol version";
        return Err(ScreenError::Unsupported { what });
    }
    send(server, VERSION).await?;

    let count = server.read_u8().await?;
    if count == 0 {
        let reason = read_reason(server).await?;
        return Err(ScreenError::Refused { reason });
    }
    let mut offered = vec![0; count.into()];
    server.read_exact(&mut offered).await?;
    if !offered.contains(&VNC_AUTHENTICATION) {
        let what = "authentication method";
        return Err(ScreenError::Unsupported { what });
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

/// A viewer that has sent the right password and waits for the result.
pub(super) struct Admitted {
    takes_reasons: bool,
}

/// Authenticates a viewer; returns `None` if the password is wrong.
pub(super) async fn admit(
    viewer: &mut (impl AsyncRead + AsyncWrite + Unpin),
    password: &SecretString,
) -> io::Result<Option<Admitted>> {
    send(viewer, VERSION).await?;
    let mut version = [0; 12];
    viewer.read_exact(&mut version).await?;
    if !version.starts_with(b"RFB 003.") {
        return Ok(None);
    }
    let admitted = Admitted {
        takes_reasons: version >= *VERSION,
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
    let mut received = [0; 16];
    viewer.read_exact(&mut received).await?;
    if received != response(challenge, password) {
        admitted.reject(viewer, "wrong password").await?;
        return Ok(None);
    }
    Ok(Some(admitted))
}

impl Admitted {
    pub(super) async fn accept(self, viewer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        send(viewer, &OK.to_be_bytes()).await
    }

    pub(super) async fn reject(
        self,
        viewer: &mut (impl AsyncWrite + Unpin),
        reason: &str,
    ) -> io::Result<()> {
        let mut refusal = FAILED.to_be_bytes().to_vec();
        if self.takes_reasons {
            refusal.extend((reason.len() as u32).to_be_bytes());
            refusal.extend(reason.as_bytes());
        }
        send(viewer, &refusal).await
    }
}

/// Returns the response to a challenge: the challenge encrypted by DES, with the first eight bytes
/// of the password as the key, the bits of each reversed.
fn response(challenge: [u8; 16], password: &SecretString) -> [u8; 16] {
    let mut key = [0; 8];
    for (key, byte) in key.iter_mut().zip(password.expose_secret().bytes()) {
        *key = byte.reverse_bits();
    }
    let des = Des::new(&key.into());
    let mut response = challenge;
    for block in response.chunks_exact_mut(8) {
        let block = block.try_into().expect("the chunk has eight bytes");
        des.encrypt_block(block);
    }
    response
}

async fn read_reason(server: &mut (impl AsyncRead + Unpin)) -> Result<String, ScreenError> {
    let length = server.read_u32().await?.min(MAX_REASON_LEN);
    let mut reason = vec![0; length as usize];
    server.read_exact(&mut reason).await?;
    Ok(String::from_utf8_lossy(&reason).into_owned())
}

async fn send(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A viewer that sends anything; the password is never among it.
    #[test]
    fn fuzz_viewer() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let password = "s3cret".into();
        bolero::check!()
            .with_type::<(bool, Vec<u8>)>()
            .for_each(|(is_greeted, bytes)| {
                let greeting = is_greeted.then_some(b"RFB 003.008\n\x02").into_iter();
                let sent: Vec<u8> = greeting.flatten().chain(bytes).copied().collect();
                let mut viewer = tokio::io::join(&sent[..], tokio::io::sink());
                let admitted = runtime.block_on(admit(&mut viewer, &password));
                assert!(!matches!(admitted, Ok(Some(_))));
            });
    }
}
