//! The screen and the keyboard of a server, without a browser.

mod bridge;
mod keyboard;
mod rfb;
mod security;

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::time::{sleep, timeout};

use crate::command::console::Console;
use crate::{Project, Result, ServerName};

pub use bridge::{ViewerOutcome, VncProxy};
pub use keyboard::{Keystrokes, Layout, UnknownLayout, Untypable};
use rfb::{Part, Rfb};

/// How long a screen may take for one answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a screen may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(5);

/// The time that a guest's keyboard needs for a key; what comes faster is lost.
const PACE: Duration = Duration::from_millis(20);

/// Why a screen cannot be seen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScreenError {
    /// It does not take the password.
    #[error("the screen does not take its password")]
    WrongPassword,

    /// It lets nobody in, and says why.
    #[error("the screen lets nobody in: {reason}")]
    Refused {
        /// In its words.
        reason: String,
    },

    /// What answers is no VNC server that we understand.
    #[error("the screen does not speak VNC as we know it: {what}")]
    Foreign {
        /// What is not understood.
        what: &'static str,
    },

    /// It did not answer in time.
    #[error("the screen did not answer in time")]
    Silent,

    /// The connection broke, or the screen was switched off.
    #[error("the connection to the screen broke")]
    Lost(#[from] io::Error),
}

impl ScreenError {
    /// A short name for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::Refused { .. } => "screen_refused",
            Self::Foreign { .. } => "no_screen",
            Self::Silent => "screen_silent",
            Self::Lost(_) => "screen_lost",
        }
    }
}

/// What a screen shows.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Screenshot {
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Three bytes for each pixel, red, green and blue; row by row.
    pub rgb: Vec<u8>,
}

/// Pictures may show secrets.
impl fmt::Debug for Screenshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, .. } = self;
        write!(f, "Screenshot({width}×{height})")
    }
}

/// A server's screen, with its keyboard; made by [`Project::screen`].
///
/// Dropping it, at any time, ends the connection and leaves no key pressed.
pub struct Screen {
    rfb: Rfb<Box<dyn Stream>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Project {
    /// Opens a server's screen by a [`console`](Self::console) of its own.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, Hetzner refuses, or the screen does.
    pub async fn screen(&self, name: &ServerName) -> Result<Screen> {
        let console = self.console(name).await?;
        let stream: Box<dyn Stream> = Box::new(self.enter(&console).await?);
        Ok(Screen {
            rfb: in_time(Rfb::start(stream)).await?,
        })
    }

    /// Connects to a console, and says its password.
    async fn enter(&self, console: &Console) -> Result<impl Stream + use<>> {
        let mut stream = self.api.open_console(&console.url).await?;
        in_time(security::enter(&mut stream, &console.password)).await?;
        Ok(stream)
    }
}

impl Screen {
    /// What the screen shows now.
    ///
    /// # Errors
    ///
    /// The screen went away, or does not answer.
    pub async fn screenshot(&mut self) -> Result<Screenshot> {
        in_time(self.rfb.look(Part::Whole)).await?;
        Ok(self.rfb.screenshot())
    }

    /// Types a text as a patient person would, and leaves; `typed` hears how many characters are
    /// done.
    ///
    /// # Errors
    ///
    /// The screen went away.
    pub async fn type_text(
        self,
        keystrokes: &Keystrokes,
        mut typed: impl FnMut(usize),
    ) -> Result<()> {
        let (mut reader, mut keyboard) = self.rfb.into_keyboard();
        let typing = async {
            for (at, strokes) in keystrokes.characters().enumerate() {
                for stroke in strokes {
                    // In one piece, so that nobody is ever left with a key pressed.
                    keyboard.strike(&stroke).await?;
                    sleep(PACE * stroke.len() as u32).await;
                }
                typed(at + 1);
            }
            keyboard.writer.shutdown().await
        };
        // It has to be heard out, or it may stop listening.
        let hearing = async { copy(&mut reader, &mut sink()).await };
        tokio::pin!(hearing);
        tokio::select! {
            done = typing => done.map_err(ScreenError::from)?,
            gone = &mut hearing => {
                let why = gone.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                return Err(ScreenError::from(why).into());
            }
        }
        // It hangs up when it has read everything; if it never does, it has had the time to.
        let _ = timeout(FAREWELL, hearing).await;
        Ok(())
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

async fn in_time<T>(
    answer: impl Future<Output = Result<T, ScreenError>>,
) -> Result<T, ScreenError> {
    timeout(PATIENCE, answer)
        .await
        .unwrap_or(Err(ScreenError::Silent))
}
