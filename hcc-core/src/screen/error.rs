//! Errors of screens.

use std::io;

/// An error of the connection to a screen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScreenError {
    /// The screen rejected the password.
    #[error("the screen rejected its password")]
    WrongPassword,

    /// The screen refused the connection.
    #[error("the screen refused the connection: {reason}")]
    Refused {
        /// The reason that the screen gave.
        reason: String,
    },

    /// The screen sent something that is not supported.
    #[error("the screen sent an unsupported {what}")]
    Unsupported {
        /// What is not supported.
        what: &'static str,
    },

    /// The screen did not respond in time.
    #[error("the screen did not respond in time")]
    Timeout,

    /// The connection to the screen was lost, or the server was switched off.
    #[error("the connection to the screen was lost")]
    Lost(#[from] io::Error),
}

impl ScreenError {
    /// Returns a stable name for programs.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::WrongPassword => "wrong_password",
            Self::Refused { .. } => "screen_refused",
            Self::Unsupported { .. } => "no_screen",
            Self::Timeout => "screen_silent",
            Self::Lost(_) => "screen_lost",
        }
    }
}
