//! The server side of RFB, the protocol of VNC: RFC 6143, and the older versions 3.3 and 3.7.

use std::io;
use std::time::Duration;

use des::Des;
use des::cipher::{BlockCipherEncrypt, KeyInit};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::keyboard::Keyboard;
use super::machine::{Machine, Viewer};
use super::picture::{CELL_HEIGHT, CELL_WIDTH, Encoding, HEIGHT, Picture, WIDTH};
use super::pixel_format::PixelFormat;
use super::screen::Screen;
use super::view::{Area, View};

/// The maximum time of authentication; the password may be typed by hand.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(120);

/// The maximum time to send an update to a viewer.
const UPDATE_TIMEOUT: Duration = Duration::from_secs(30);

/// The maximum size of a viewer's clipboard text, in bytes.
const MAX_CLIPBOARD_BYTES: u32 = 1 << 20;

/// The security type of VNC authentication.
const VNC_AUTHENTICATION: u8 = 2;

/// The reasons for which a session fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsoleError {
    /// The machine is off.
    #[error("the machine is switched off")]
    PoweredOff,

    /// The viewer's password is wrong.
    #[error("wrong console password")]
    WrongPassword,

    /// The viewer has sent an invalid message, or used a feature that the server did not offer.
    #[error("the viewer broke the protocol: {0}")]
    Protocol(&'static str),

    /// The viewer did not respond in time.
    #[error("the viewer took too long to {0}")]
    TimedOut(&'static str),

    /// The connection failed.
    #[error("the connection to the viewer broke")]
    Connection(#[from] io::Error),
}

/// Serves one viewer until it disconnects or the machine is switched off.
pub(super) async fn serve(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    machine: &Machine,
    password: &str,
) -> Result<(), ConsoleError> {
    let viewer = machine.watch().ok_or(ConsoleError::PoweredOff)?;
    let power = viewer.clone();
    tokio::select! {
        ended = session(stream, machine, viewer, password) => ended,
        () = power.powered_off() => Ok(()),
    }
}

async fn session(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    machine: &Machine,
    viewer: Viewer,
    password: &str,
) -> Result<(), ConsoleError> {
    timeout(
        HANDSHAKE_TIMEOUT,
        handshake(stream, &viewer.hostname(), password),
    )
    .await
    .map_err(|_| ConsoleError::TimedOut("authenticate"))??;

    let (reader, writer) = tokio::io::split(stream);
    let (requests, pending) = mpsc::channel(16);
    tokio::select! {
        ended = listen(BufReader::new(reader), machine, requests) => ended,
        ended = show(writer, viewer, pending) => ended,
    }
}

async fn handshake(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    name: &str,
    password: &str,
) -> Result<(), ConsoleError> {
    let version = agree_on_version(stream).await?;
    agree_on_security(stream, version).await?;
    authenticate(stream, version, password).await?;

    let _shared = stream.read_u8().await?;
    let mut init = Vec::new();
    init.extend(WIDTH.to_be_bytes());
    init.extend(HEIGHT.to_be_bytes());
    init.extend(PixelFormat::NATIVE.to_wire());
    push_text(&mut init, name);
    send(stream, &init).await?;
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V3_3,
    V3_7,
    V3_8,
}

async fn agree_on_version(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Version, ConsoleError> {
    send(stream, b"RFB 003.008\n").await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    match &answer {
        b"RFB 003.008\n" => Ok(Version::V3_8),
        b"RFB 003.007\n" => Ok(Version::V3_7),
        // RFC 6143 requires to treat unknown version numbers as 3.3.
        answer if answer.starts_with(b"RFB 003.") => Ok(Version::V3_3),
        _ => Err(ConsoleError::Protocol("no RFB version")),
    }
}

async fn agree_on_security(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    version: Version,
) -> Result<(), ConsoleError> {
    if version == Version::V3_3 {
        send(stream, &u32::from(VNC_AUTHENTICATION).to_be_bytes()).await?;
        return Ok(());
    }
    send(stream, &[1, VNC_AUTHENTICATION]).await?;
    match stream.read_u8().await? {
        VNC_AUTHENTICATION => Ok(()),
        _ => Err(ConsoleError::Protocol(
            "a security type that was not offered",
        )),
    }
}

async fn authenticate(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    version: Version,
    password: &str,
) -> Result<(), ConsoleError> {
    const OK: u32 = 0;
    const FAILED: u32 = 1;

    let mut challenge = [0; 16];
    getrandom::fill(&mut challenge).map_err(io::Error::from)?;
    send(stream, &challenge).await?;
    let mut response = [0; 16];
    stream.read_exact(&mut response).await?;

    if response == response_to(challenge, password) {
        send(stream, &OK.to_be_bytes()).await?;
        return Ok(());
    }
    let mut refusal = FAILED.to_be_bytes().to_vec();
    if version == Version::V3_8 {
        push_text(&mut refusal, "Authentication failed");
    }
    send(stream, &refusal).await?;
    Err(ConsoleError::WrongPassword)
}

/// Returns the correct response to a challenge: the challenge encrypted with DES.
///
/// The key is the first 8 bytes of the password, with the bits of each byte in reverse order.
pub(super) fn response_to(mut challenge: [u8; 16], password: &str) -> [u8; 16] {
    let mut key = [0; 8];
    for (key, byte) in key.iter_mut().zip(password.bytes()) {
        *key = byte.reverse_bits();
    }
    let des = Des::new(&key.into());
    for block in challenge.as_chunks_mut::<8>().0 {
        des.encrypt_block(block.into());
    }
    challenge
}

/// Writes and flushes, since the WebSocket buffers its messages.
async fn send(writer: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).expect("names and reasons are short");
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// A request of a viewer that affects updates.
#[derive(Debug)]
enum ViewerRequest {
    Format(PixelFormat),
    Encoding(Encoding),
    /// Send the changes in the area.
    Changes(Area),
    /// Send the whole area.
    Everything(Area),
}

/// Reads the viewer's messages until it disconnects.
async fn listen(
    mut reader: impl AsyncRead + Unpin,
    machine: &Machine,
    requests: mpsc::Sender<ViewerRequest>,
) -> Result<(), ConsoleError> {
    const SET_PIXEL_FORMAT: u8 = 0;
    const SET_ENCODINGS: u8 = 2;
    const UPDATE_REQUEST: u8 = 3;
    const KEY_EVENT: u8 = 4;
    const POINTER_EVENT: u8 = 5;
    const CLIENT_CUT_TEXT: u8 = 6;

    let mut keyboard = Keyboard::default();
    loop {
        let message = match reader.read_u8().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            message => message?,
        };
        let order = match message {
            SET_PIXEL_FORMAT => Some(read_pixel_format(&mut reader).await?),
            SET_ENCODINGS => Some(read_encodings(&mut reader).await?),
            UPDATE_REQUEST => read_update_request(&mut reader).await?,
            KEY_EVENT => {
                let down = reader.read_u8().await? != 0;
                skip::<2>(&mut reader).await?;
                if let Some(key) = keyboard.event(reader.read_u32().await?, down) {
                    machine.press(key);
                }
                None
            }
            POINTER_EVENT => {
                skip::<5>(&mut reader).await?;
                None
            }
            CLIENT_CUT_TEXT => {
                skip_clipboard(&mut reader).await?;
                None
            }
            _ => return Err(ConsoleError::Protocol("an unknown message")),
        };
        if let Some(order) = order
            && requests.send(order).await.is_err()
        {
            return Ok(());
        }
    }
}

async fn skip<const BYTES: usize>(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    reader.read_exact(&mut [0; BYTES]).await?;
    Ok(())
}

async fn read_pixel_format(
    reader: &mut (impl AsyncRead + Unpin),
) -> Result<ViewerRequest, ConsoleError> {
    skip::<3>(reader).await?;
    let mut format = [0; 16];
    reader.read_exact(&mut format).await?;
    PixelFormat::from_wire(&format)
        .map(ViewerRequest::Format)
        .ok_or(ConsoleError::Protocol("an impossible pixel format"))
}

async fn read_encodings(
    reader: &mut (impl AsyncRead + Unpin),
) -> Result<ViewerRequest, ConsoleError> {
    skip::<1>(reader).await?;
    let mut known = Vec::new();
    for _ in 0..reader.read_u16().await? {
        known.push(reader.read_i32().await?);
    }
    Ok(ViewerRequest::Encoding(Encoding::best_of(&known)))
}

/// Reads a request for an update of an area in pixels; `None` if the area is outside of the screen.
async fn read_update_request(
    reader: &mut (impl AsyncRead + Unpin),
) -> Result<Option<ViewerRequest>, ConsoleError> {
    let incremental = reader.read_u8().await? != 0;
    let mut numbers = [0; 4];
    for number in &mut numbers {
        *number = usize::from(reader.read_u16().await?);
    }
    let [x, y, width, height] = numbers;
    let area = Area {
        lines: y / CELL_HEIGHT..(y + height).min(HEIGHT.into()).div_ceil(CELL_HEIGHT),
        columns: x / CELL_WIDTH..(x + width).min(WIDTH.into()).div_ceil(CELL_WIDTH),
    };
    if area.lines.is_empty() || area.columns.is_empty() {
        return Ok(None);
    }
    Ok(Some(if incremental {
        ViewerRequest::Changes(area)
    } else {
        ViewerRequest::Everything(area)
    }))
}

async fn skip_clipboard(reader: &mut (impl AsyncRead + Unpin)) -> Result<(), ConsoleError> {
    skip::<3>(reader).await?;
    let length = reader.read_u32().await?;
    if length > MAX_CLIPBOARD_BYTES {
        return Err(ConsoleError::Protocol("a clipboard text beyond the limit"));
    }
    tokio::io::copy(&mut reader.take(length.into()), &mut tokio::io::sink()).await?;
    Ok(())
}

/// Sends updates until the machine is switched off, each after a request of the viewer and a change.
async fn show(
    mut writer: impl AsyncWrite + Unpin,
    mut viewer: Viewer,
    mut requests: mpsc::Receiver<ViewerRequest>,
) -> Result<(), ConsoleError> {
    let mut format = PixelFormat::NATIVE;
    let mut encoding = Encoding::Raw;
    let mut view = View::empty();
    let mut wanted: Option<Area> = None;
    loop {
        tokio::select! {
            order = requests.recv() => match order {
                None => return Ok(()),
                Some(ViewerRequest::Format(new)) => format = new,
                Some(ViewerRequest::Encoding(new)) => encoding = new,
                Some(ViewerRequest::Changes(area)) => wanted = Some(area.join(wanted)),
                Some(ViewerRequest::Everything(area)) => {
                    view.invalidate(&area);
                    wanted = Some(area.join(wanted));
                }
            },
            changed = viewer.changed() => if changed.is_err() {
                return Ok(());
            },
        }
        let Some(area) = &wanted else { continue };
        let screen = viewer.screen();
        let changes = view.catch_up(&screen, area);
        if !changes.is_empty() {
            wanted = None;
            let update = encode_update(&screen, &changes, encoding, format);
            timeout(UPDATE_TIMEOUT, send(&mut writer, &update))
                .await
                .map_err(|_| ConsoleError::TimedOut("receive an update"))??;
        }
    }
}

fn encode_update(
    screen: &Screen,
    areas: &[Area],
    encoding: Encoding,
    format: PixelFormat,
) -> Vec<u8> {
    const FRAMEBUFFER_UPDATE: u8 = 0;

    let mut update = vec![FRAMEBUFFER_UPDATE, 0];
    update.extend(to_u16(areas.len()));
    for area in areas {
        update.extend(to_u16(area.columns.start * CELL_WIDTH));
        update.extend(to_u16(area.lines.start * CELL_HEIGHT));
        update.extend(to_u16(area.columns.len() * CELL_WIDTH));
        update.extend(to_u16(area.lines.len() * CELL_HEIGHT));
        update.extend(encoding.number().to_be_bytes());
        Picture::draw(screen, area).encode(encoding, format, &mut update);
    }
    update
}

fn to_u16(number: usize) -> [u8; 2] {
    u16::try_from(number)
        .expect("the screen has 720×400 pixels")
        .to_be_bytes()
}

#[cfg(test)]
mod tests;
