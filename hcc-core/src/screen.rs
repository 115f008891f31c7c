//! The screen and the keyboard of a server, without a browser.

mod error;
mod keyboard;
mod rfb;
mod screenshot;
mod security;
mod vnc_proxy;

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::time::{sleep, timeout};

use self::rfb::{Part, Rfb};
use crate::{Console, Project, Result, ServerName};

pub use self::error::ScreenError;
pub use self::keyboard::{Keystrokes, Layout, UnknownLayout, Untypable};
pub use self::screenshot::Screenshot;
pub use self::vnc_proxy::{ViewerOutcome, VncProxy};

/// Time limit for one response of a screen.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// Time limit for the close of a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that a guest needs for one key; faster keystrokes are lost.
const KEY_INTERVAL: Duration = Duration::from_millis(20);

/// A connection to a server's screen and keyboard, opened by [`Project::screen`].
///
/// Dropping it at any time closes the connection and leaves no key pressed.
pub struct Screen {
    rfb: Rfb<Box<dyn Stream>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Project {
    /// Opens a server's screen with a [`console`](Self::console) of its own.
    ///
    /// # Errors
    ///
    /// The server is missing or not managed, or Hetzner or the screen refuses the connection.
    pub async fn screen(&self, name: &ServerName) -> Result<Screen> {
        let console = self.console(name).await?;
        let stream: Box<dyn Stream> = Box::new(self.connect(&console).await?);
        Ok(Screen {
            rfb: in_time(Rfb::start(stream)).await?,
        })
    }

    /// Connects to a console and authenticates with its password.
    async fn connect(&self, console: &Console) -> Result<impl Stream + use<>> {
        let mut stream = self.api.open_console(&console.url).await?;
        in_time(security::authenticate(&mut stream, &console.password)).await?;
        Ok(stream)
    }
}

impl Screen {
    /// Takes a screenshot.
    ///
    /// # Errors
    ///
    /// The connection is lost, or the screen does not respond.
    pub async fn screenshot(&mut self) -> Result<Screenshot> {
        in_time(self.rfb.refresh(Part::Whole)).await?;
        Ok(self.rfb.screenshot())
    }

    /// Types text at a speed that guests can follow, and closes the connection. `typed` is called
    /// with the number of characters typed so far.
    ///
    /// # Errors
    ///
    /// The connection is lost, or the screen accepts no more keystrokes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops between two keystrokes: no key stays pressed.
    pub async fn type_text(
        self,
        keystrokes: &Keystrokes,
        mut typed: impl FnMut(usize),
    ) -> Result<()> {
        let (mut reader, mut keyboard) = self.rfb.into_keyboard();
        let typing = async {
            for (at, strokes) in keystrokes.characters().enumerate() {
                for stroke in strokes {
                    // In one message, so that no key stays pressed.
                    in_time(async { Ok(keyboard.press(&stroke).await?) }).await?;
                    sleep(KEY_INTERVAL * stroke.len() as u32).await;
                }
                typed(at + 1);
            }
            in_time(async { Ok(keyboard.writer.shutdown().await?) }).await
        };
        // Unread updates would fill the connection and block the screen.
        let draining = async { copy(&mut reader, &mut sink()).await };
        tokio::pin!(draining);
        tokio::select! {
            done = typing => done?,
            closed = &mut draining => {
                let cause = closed.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                return Err(ScreenError::from(cause).into());
            }
        }
        // The screen closes the connection once it has read everything.
        let _ = timeout(CLOSE_TIMEOUT, draining).await;
        Ok(())
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").finish_non_exhaustive()
    }
}

async fn in_time<T>(
    response: impl Future<Output = Result<T, ScreenError>>,
) -> Result<T, ScreenError> {
    timeout(RESPONSE_TIMEOUT, response)
        .await
        .unwrap_or(Err(ScreenError::Timeout))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, duplex};

    use super::*;
    use crate::{Error, ErrorKind};

    #[tokio::test(start_paused = true)]
    async fn typing_into_a_screen_that_stops_reading_ends() {
        let (mut theirs, ours) = duplex(64);
        let greeting = async {
            let size = [0, 1, 0, 1];
            let update = [0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0];
            let hello = [&size[..], &[0; 16 + 4], &update, &[0; 4]].concat();
            theirs.write_all(&hello).await.unwrap();
            // Until the request of the first pixel.
            let mut requests = [0; 1 + 20 + 16 + 10];
            theirs.read_exact(&mut requests).await.unwrap();
        };
        let (rfb, ()) = tokio::join!(Rfb::start(Box::new(ours) as Box<dyn Stream>), greeting);
        let screen = Screen { rfb: rfb.unwrap() };
        let text = "reboot\n".repeat(10).into();
        let keystrokes = Keystrokes::new(&text, Layout::Us).unwrap();
        let mut typed = 0;

        let result = screen.type_text(&keystrokes, |count| typed = count).await;

        let error: Error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TryLater, "{error:?}");
        assert!((1..70).contains(&typed), "{typed}");
    }
}
