//! The subset of RFB for screenshots and keystrokes, after the handshake.
//!
//! Only raw pixels are supported: a single screenshot is not worth the decoders for compression.
//!
//! Specification: RFC 6143; for QEMU's key events and desktop sizes, the
//! [community's version](https://github.com/rfbproto/rfbproto/blob/master/rfbproto.rst).

use std::io;

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf,
    WriteHalf, split,
};
use tokio::task::coop::consume_budget;

use super::error::ScreenError;
use super::keyboard::Key;
use super::screenshot::Screenshot;

// Messages of the server.
const UPDATE: u8 = 0;
const COLOUR_MAP: u8 = 1;
const BELL: u8 = 2;
const CLIPBOARD: u8 = 3;

// Messages of the client.
const SET_PIXEL_FORMAT: u8 = 0;
const SET_ENCODINGS: u8 = 2;
const REQUEST_UPDATE: u8 = 3;
const KEY: u8 = 4;
const QEMU: u8 = 255;
const QEMU_KEY: u8 = 0;

// Encodings of the rectangles of an update.
const RAW: i32 = 0;
const DESKTOP_SIZE: i32 = -223;
const QEMU_EXTENDED_KEYS: i32 = -258;

/// Four bytes per pixel: red, green, blue and an unused one.
const PIXEL_FORMAT: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];

/// The maximum size of a screen, in pixels.
const MAX_PIXELS: usize = 1 << 24;

/// A connection to a server.
pub(super) struct Rfb<S> {
    reader: BufReader<ReadHalf<S>>,
    keyboard: Keyboard<WriteHalf<S>>,
    canvas: Canvas,
}

/// The writing half of a connection.
pub(super) struct Keyboard<W> {
    pub(super) writer: W,
    takes_scancodes: bool,
}

/// The part of a screen to update.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Corner,
    Whole,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Rfb<S> {
    /// Initializes a connection after the handshake.
    pub(super) async fn start(mut stream: S) -> Result<Self, ScreenError> {
        // Other viewers stay connected.
        const SHARED: u8 = 1;
        stream.write_u8(SHARED).await?;
        stream.flush().await?;

        let (width, height) = (stream.read_u16().await?, stream.read_u16().await?);
        let mut format = [0; 16];
        stream.read_exact(&mut format).await?;
        let (reader, writer) = split(stream);
        let mut rfb = Self {
            reader: BufReader::new(reader),
            keyboard: Keyboard {
                writer,
                takes_scancodes: false,
            },
            canvas: Canvas::new(width, height)?,
        };
        let name = rfb.reader.read_u32().await?;
        rfb.skip(name.into()).await?;
        rfb.set_encodings().await?;
        // The server announces its support of key events before the first pixel.
        rfb.refresh(Part::Corner).await?;
        Ok(rfb)
    }

    async fn set_encodings(&mut self) -> io::Result<()> {
        let mut message = vec![SET_PIXEL_FORMAT, 0, 0, 0];
        message.extend(PIXEL_FORMAT);
        message.extend([SET_ENCODINGS, 0, 0, 3]);
        for encoding in [RAW, DESKTOP_SIZE, QEMU_EXTENDED_KEYS] {
            message.extend(encoding.to_be_bytes());
        }
        self.keyboard.send(&message).await
    }

    /// Requests a part of the screen and waits until all of it has arrived.
    pub(super) async fn refresh(&mut self, part: Part) -> Result<(), ScreenError> {
        self.canvas.clear();
        self.request(part).await?;
        while !self.canvas.has(part) {
            if self.read_message().await? == Message::NewSize {
                self.request(part).await?;
            }
        }
        Ok(())
    }

    pub(super) fn screenshot(&self) -> Screenshot {
        self.canvas.screenshot()
    }

    pub(super) fn into_keyboard(self) -> (impl AsyncRead, Keyboard<WriteHalf<S>>) {
        (self.reader, self.keyboard)
    }

    async fn request(&mut self, part: Part) -> io::Result<()> {
        let (width, height) = match part {
            Part::Corner => (1, 1),
            Part::Whole => (self.canvas.width, self.canvas.height),
        };
        let mut message = vec![REQUEST_UPDATE, 0, 0, 0, 0, 0];
        message.extend(width.to_be_bytes());
        message.extend(height.to_be_bytes());
        self.keyboard.send(&message).await
    }

    /// Reads one message. A screen that never stops sending does not hold the thread.
    async fn read_message(&mut self) -> Result<Message, ScreenError> {
        consume_budget().await;
        match self.reader.read_u8().await? {
            UPDATE => return self.read_update().await,
            COLOUR_MAP => {
                self.skip(3).await?;
                let entries: u64 = self.reader.read_u16().await?.into();
                self.skip(6 * entries).await?;
            }
            BELL => {}
            CLIPBOARD => {
                self.skip(3).await?;
                let length = self.reader.read_u32().await?;
                self.skip(length.into()).await?;
            }
            _ => {
                let what = "message";
                return Err(ScreenError::Unsupported { what });
            }
        }
        Ok(Message::Other)
    }

    async fn read_update(&mut self) -> Result<Message, ScreenError> {
        let mut message = Message::Other;
        self.skip(1).await?;
        for _ in 0..self.reader.read_u16().await? {
            consume_budget().await;
            let mut area = [0_u16; 4];
            for number in &mut area {
                *number = self.reader.read_u16().await?;
            }
            match self.reader.read_i32().await? {
                RAW => self.canvas.paint(area, &mut self.reader).await?,
                DESKTOP_SIZE => {
                    let [_, _, width, height] = area;
                    self.canvas = Canvas::new(width, height)?;
                    message = Message::NewSize;
                }
                QEMU_EXTENDED_KEYS => self.keyboard.takes_scancodes = true,
                _ => {
                    let what = "encoding";
                    return Err(ScreenError::Unsupported { what });
                }
            }
        }
        Ok(message)
    }

    async fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let available = self.reader.fill_buf().await?.len();
            if available == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let skipped = bytes.min(available as u64);
            self.reader.consume(skipped as usize);
            bytes -= skipped;
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq)]
enum Message {
    NewSize,
    Other,
}

impl<W: AsyncWrite + Unpin> Keyboard<W> {
    /// Presses keys in this order and releases them in reverse order, in one message.
    pub(super) async fn press(&mut self, keys: &[Key]) -> io::Result<()> {
        let down = keys.iter().map(|key| (key, true));
        let up = keys.iter().rev().map(|key| (key, false));
        let events = down.chain(up);
        let message: Vec<u8> = events
            .flat_map(|(key, is_down)| self.event(*key, is_down))
            .collect();
        self.send(&message).await
    }

    /// Scancodes do not depend on the layout; QEMU looks up key symbols on a layout of its own.
    fn event(&self, key: Key, is_down: bool) -> Vec<u8> {
        let down = u8::from(is_down);
        let mut event = if self.takes_scancodes {
            vec![QEMU, QEMU_KEY, 0, down]
        } else {
            vec![KEY, down, 0, 0]
        };
        event.extend(key.keysym.to_be_bytes());
        if self.takes_scancodes {
            event.extend(u32::from(key.scancode).to_be_bytes());
        }
        event
    }

    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.writer.write_all(message).await?;
        self.writer.flush().await
    }
}

/// The pixels of a screen as received so far.
struct Canvas {
    width: u16,
    height: u16,
    /// Red, green, blue, and whether the pixel was received.
    pixels: Vec<[u8; 4]>,
    /// The number of pixels that were not received.
    missing: usize,
}

const MISSING: [u8; 4] = [0; 4];
const RECEIVED: u8 = 1;

fn is_received([.., received]: &[u8; 4]) -> bool {
    *received == RECEIVED
}

impl Canvas {
    fn new(width: u16, height: u16) -> Result<Self, ScreenError> {
        let pixels = usize::from(width) * usize::from(height);
        if pixels == 0 || pixels > MAX_PIXELS {
            let what = "screen size";
            return Err(ScreenError::Unsupported { what });
        }
        Ok(Self {
            width,
            height,
            pixels: vec![MISSING; pixels],
            missing: pixels,
        })
    }

    fn clear(&mut self) {
        self.pixels.fill(MISSING);
        self.missing = self.pixels.len();
    }

    fn has(&self, part: Part) -> bool {
        match part {
            Part::Corner => is_received(&self.pixels[0]),
            Part::Whole => self.missing == 0,
        }
    }

    async fn paint(
        &mut self,
        [x, y, width, height]: [u16; 4],
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), ScreenError> {
        let (x, y) = (usize::from(x), usize::from(y));
        let (width, height) = (usize::from(width), usize::from(height));
        if x + width > self.width.into() || y + height > self.height.into() {
            let what = "rectangle outside of the screen";
            return Err(ScreenError::Unsupported { what });
        }
        let rows = if width == 0 { 0 } else { height };
        for row in y..y + rows {
            let start = row * usize::from(self.width) + x;
            let row = &mut self.pixels[start..start + width];
            self.missing -= row.iter().filter(|pixel| !is_received(pixel)).count();
            from.read_exact(row.as_flattened_mut()).await?;
            for [.., received] in row {
                *received = RECEIVED;
            }
        }
        Ok(())
    }

    fn screenshot(&self) -> Screenshot {
        Screenshot {
            width: self.width.into(),
            height: self.height.into(),
            rgb: self
                .pixels
                .iter()
                .flat_map(|&[red, green, blue, _]| [red, green, blue])
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use tokio::io::ReadBuf;
    use tokio::time::timeout;

    use super::*;

    /// A screen that sends its greeting, and then the same message again and again.
    struct Flood {
        greeting: Vec<u8>,
        message: Vec<u8>,
        sent: usize,
    }

    impl Flood {
        /// Creates a screen of the maximum size whose first pixel is black.
        fn of(message: &[u8]) -> Self {
            const SIDE: [u8; 2] = 4096_u16.to_be_bytes();
            let mut greeting = [SIDE, SIDE].concat();
            greeting.extend([0; 16 + 4]);
            greeting.extend(update(&[[0, 0, 1, 1]]));
            greeting.extend([0; 4]);
            Self {
                greeting,
                message: message.to_vec(),
                sent: 0,
            }
        }
    }

    impl AsyncRead for Flood {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            while buffer.remaining() > 0 {
                let greeting = self.greeting.len();
                let byte = match self.sent.checked_sub(greeting) {
                    Some(sent) => self.message[sent % self.message.len()],
                    None => self.greeting[self.sent],
                };
                buffer.put_slice(&[byte]);
                self.sent += 1;
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Flood {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Returns the header of an update with these areas, without their pixels.
    fn update(areas: &[[u16; 4]]) -> Vec<u8> {
        let mut message = vec![UPDATE, 0];
        message.extend(u16::try_from(areas.len()).unwrap().to_be_bytes());
        for area in areas {
            message.extend(area.iter().flat_map(|number| number.to_be_bytes()));
            message.extend(RAW.to_be_bytes());
        }
        message
    }

    #[tokio::test]
    async fn flood_of_messages_without_pixels_does_not_outlast_the_time_limit() {
        const TIME_LIMIT: Duration = Duration::from_millis(50);
        let empty_areas = update(&vec![[0, 0, 0, 4096]; 65535]);
        for message in [&[BELL][..], &empty_areas] {
            let mut rfb = Rfb::start(Flood::of(message)).await.unwrap();

            let refreshed = timeout(TIME_LIMIT, rfb.refresh(Part::Whole)).await;

            assert!(refreshed.is_err(), "the screen never sent its pixels");
        }
    }

    #[tokio::test]
    async fn screen_is_complete_once_each_pixel_was_received() {
        let mut canvas = Canvas::new(3, 2).unwrap();
        let pixels = [7; 24];

        canvas.paint([0, 0, 2, 2], &mut &pixels[..]).await.unwrap();
        canvas.paint([0, 0, 2, 2], &mut &pixels[..]).await.unwrap();
        assert!(canvas.has(Part::Corner) && !canvas.has(Part::Whole));

        canvas.paint([1, 0, 2, 2], &mut &pixels[..]).await.unwrap();
        assert!(canvas.has(Part::Whole));

        canvas.clear();
        assert!(!canvas.has(Part::Corner) && !canvas.has(Part::Whole));
    }

    /// A message of a screen, often a valid one.
    #[derive(Clone, Debug, bolero::TypeGenerator)]
    enum Sent {
        Update(Vec<([u8; 4], Encoding)>),
        ColourMap(u8),
        Bell,
        Clipboard(u8),
        Bytes(Vec<u8>),
    }

    #[derive(Clone, Debug, bolero::TypeGenerator)]
    enum Encoding {
        Raw,
        DesktopSize,
        ExtendedKeys,
        Other(i32),
    }

    impl Sent {
        fn append_to(&self, bytes: &mut Vec<u8>) {
            match self {
                Self::Update(areas) => {
                    bytes.extend([UPDATE, 0]);
                    bytes.extend((areas.len() as u16).to_be_bytes());
                    for (area, encoding) in areas {
                        bytes.extend(area.iter().flat_map(|&number| [0, number]));
                        let (encoding, pixels) = match encoding {
                            Encoding::Raw => (RAW, usize::from(area[2]) * usize::from(area[3])),
                            Encoding::DesktopSize => (DESKTOP_SIZE, 0),
                            Encoding::ExtendedKeys => (QEMU_EXTENDED_KEYS, 0),
                            Encoding::Other(encoding) => (*encoding, 0),
                        };
                        bytes.extend(encoding.to_be_bytes());
                        bytes.resize(bytes.len() + 4 * pixels, 7);
                    }
                }
                Self::ColourMap(entries) => {
                    bytes.extend([COLOUR_MAP, 0, 0, 0, 0, *entries]);
                    bytes.resize(bytes.len() + 6 * usize::from(*entries), 0);
                }
                Self::Bell => bytes.push(BELL),
                Self::Clipboard(length) => {
                    bytes.extend([CLIPBOARD, 0, 0, 0, 0, 0, 0, *length]);
                    bytes.resize(bytes.len() + usize::from(*length), b'x');
                }
                Self::Bytes(any) => bytes.extend(any),
            }
        }
    }

    #[test]
    fn fuzz_screen() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        bolero::check!()
            .with_type::<([u8; 2], Vec<Sent>)>()
            .for_each(|([width, height], messages)| {
                let mut bytes = vec![0, *width, 0, *height];
                bytes.extend([0; 16 + 4]);
                for message in messages {
                    message.append_to(&mut bytes);
                }
                runtime.block_on(async {
                    let stream = tokio::io::join(&bytes[..], tokio::io::sink());
                    let Ok(mut rfb) = Rfb::start(stream).await else {
                        return;
                    };
                    if rfb.refresh(Part::Whole).await.is_ok() {
                        let shown = rfb.screenshot();
                        let pixels = shown.width as usize * shown.height as usize;
                        assert_eq!(shown.rgb.len(), 3 * pixels);
                    }
                });
            });
    }
}
