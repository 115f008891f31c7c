//! As much of RFB as a picture and keystrokes need, once the server has let us in.
//!
//! Pictures come as bare pixels. A single one is not worth the decoders that would make it smaller.
//!
//! Specification: RFC 6143; QEMU's keys and the sizes of screens: the
//! [community's version](https://github.com/rfbproto/rfbproto/blob/master/rfbproto.rst).

use std::io;

use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf,
    WriteHalf, split,
};

use super::keyboard::Key;
use super::{ScreenError, Screenshot};

// What the server says.
const UPDATE: u8 = 0;
const COLOURS: u8 = 1;
const BELL: u8 = 2;
const CLIPBOARD: u8 = 3;

// What we say.
const SET_PIXEL_FORMAT: u8 = 0;
const SET_ENCODINGS: u8 = 2;
const REQUEST: u8 = 3;
const KEY: u8 = 4;
const QEMU: u8 = 255;
const QEMU_KEY: u8 = 0;

// What an update consists of.
const PIXELS: i32 = 0;
const SIZE: i32 = -223;
const QEMU_KEYS_WELCOME: i32 = -258;

/// Four bytes: red, green, blue, and one that means nothing.
const PIXEL_FORMAT: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0];

/// The largest screen that is looked at, in pixels.
const PIXEL_LIMIT: usize = 1 << 24;

/// A connection to a server.
pub(super) struct Rfb<S> {
    reader: BufReader<ReadHalf<S>>,
    keyboard: Keyboard<WriteHalf<S>>,
    canvas: Canvas,
}

/// The direction in which keystrokes go.
pub(super) struct Keyboard<W> {
    pub(super) writer: W,
    knows_scancodes: bool,
}

/// What of a screen is looked at.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Corner,
    Whole,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Rfb<S> {
    /// Begins where the server has accepted the password.
    pub(super) async fn start(mut stream: S) -> Result<Self, ScreenError> {
        // Others may go on watching.
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
                knows_scancodes: false,
            },
            canvas: Canvas::new(width, height)?,
        };
        let name = rfb.reader.read_u32().await?;
        rfb.skip(name.into()).await?;
        rfb.introduce().await?;
        // What the server knows of keys comes before the first pixel.
        rfb.look(Part::Corner).await?;
        Ok(rfb)
    }

    async fn introduce(&mut self) -> io::Result<()> {
        let mut message = vec![SET_PIXEL_FORMAT, 0, 0, 0];
        message.extend(PIXEL_FORMAT);
        message.extend([SET_ENCODINGS, 0, 0, 3]);
        for encoding in [PIXELS, SIZE, QEMU_KEYS_WELCOME] {
            message.extend(encoding.to_be_bytes());
        }
        self.keyboard.send(&message).await
    }

    /// Has a part of the screen painted afresh.
    pub(super) async fn look(&mut self, part: Part) -> Result<(), ScreenError> {
        self.canvas.clear();
        self.request(part).await?;
        while !self.canvas.shows(part) {
            if self.listen().await? == Received::NewSize {
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
        let mut message = vec![REQUEST, 0, 0, 0, 0, 0];
        message.extend(width.to_be_bytes());
        message.extend(height.to_be_bytes());
        self.keyboard.send(&message).await
    }

    /// Reads one message.
    async fn listen(&mut self) -> Result<Received, ScreenError> {
        match self.reader.read_u8().await? {
            UPDATE => return self.paint().await,
            COLOURS => {
                self.skip(3).await?;
                let colours: u64 = self.reader.read_u16().await?.into();
                self.skip(6 * colours).await?;
            }
            BELL => {}
            CLIPBOARD => {
                self.skip(3).await?;
                let length = self.reader.read_u32().await?;
                self.skip(length.into()).await?;
            }
            _ => {
                let what = "an unknown message";
                return Err(ScreenError::Foreign { what });
            }
        }
        Ok(Received::Nothing)
    }

    async fn paint(&mut self) -> Result<Received, ScreenError> {
        let mut heard = Received::Nothing;
        self.skip(1).await?;
        for _ in 0..self.reader.read_u16().await? {
            let mut area = [0_u16; 4];
            for number in &mut area {
                *number = self.reader.read_u16().await?;
            }
            match self.reader.read_i32().await? {
                PIXELS => self.canvas.paint(area, &mut self.reader).await?,
                SIZE => {
                    let [_, _, width, height] = area;
                    self.canvas = Canvas::new(width, height)?;
                    heard = Received::NewSize;
                }
                QEMU_KEYS_WELCOME => self.keyboard.knows_scancodes = true,
                _ => {
                    let what = "an encoding that was not asked for";
                    return Err(ScreenError::Foreign { what });
                }
            }
        }
        Ok(heard)
    }

    async fn skip(&mut self, mut bytes: u64) -> io::Result<()> {
        while bytes > 0 {
            let there = self.reader.fill_buf().await?.len();
            if there == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let skipped = bytes.min(there as u64);
            self.reader.consume(skipped as usize);
            bytes -= skipped;
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq)]
enum Received {
    NewSize,
    Nothing,
}

impl<W: AsyncWrite + Unpin> Keyboard<W> {
    /// Presses keys in this order and lets them go in the reverse one, in one message.
    pub(super) async fn strike(&mut self, keys: &[Key]) -> io::Result<()> {
        let down = keys.iter().map(|key| (key, true));
        let up = keys.iter().rev().map(|key| (key, false));
        let events = down.chain(up);
        let message: Vec<u8> = events
            .flat_map(|(key, is_down)| self.event(*key, is_down))
            .collect();
        self.send(&message).await
    }

    /// A scancode is the same on all layouts; a character is one that QEMU looks for on a layout
    /// of its own.
    fn event(&self, key: Key, is_down: bool) -> Vec<u8> {
        let down = u8::from(is_down);
        let mut event = match self.knows_scancodes {
            true => vec![QEMU, QEMU_KEY, 0, down],
            false => vec![KEY, down, 0, 0],
        };
        event.extend(key.keysym.to_be_bytes());
        if self.knows_scancodes {
            event.extend(u32::from(key.scancode).to_be_bytes());
        }
        event
    }

    async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        self.writer.write_all(message).await?;
        self.writer.flush().await
    }
}

/// What has been seen of a screen.
struct Canvas {
    width: u16,
    height: u16,
    /// Red, green, blue, and whether the pixel has been seen.
    pixels: Vec<[u8; 4]>,
}

const UNSEEN: [u8; 4] = [0; 4];
const SEEN: u8 = 1;

impl Canvas {
    fn new(width: u16, height: u16) -> Result<Self, ScreenError> {
        let pixels = usize::from(width) * usize::from(height);
        if pixels == 0 || pixels > PIXEL_LIMIT {
            let what = "its size";
            return Err(ScreenError::Foreign { what });
        }
        Ok(Self {
            width,
            height,
            pixels: vec![UNSEEN; pixels],
        })
    }

    fn clear(&mut self) {
        self.pixels.fill(UNSEEN);
    }

    fn shows(&self, part: Part) -> bool {
        let pixels = match part {
            Part::Corner => &self.pixels[..1],
            Part::Whole => &self.pixels,
        };
        pixels.iter().all(|[.., seen]| *seen == SEEN)
    }

    async fn paint(
        &mut self,
        [x, y, width, height]: [u16; 4],
        from: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), ScreenError> {
        let (x, y) = (usize::from(x), usize::from(y));
        let (width, height) = (usize::from(width), usize::from(height));
        if x + width > self.width.into() || y + height > self.height.into() {
            let what = "pixels beside the screen";
            return Err(ScreenError::Foreign { what });
        }
        for row in y..y + height {
            let start = row * usize::from(self.width) + x;
            let row = &mut self.pixels[start..start + width];
            from.read_exact(row.as_flattened_mut()).await?;
            for [.., seen] in row {
                *seen = SEEN;
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
