//! Images of screens.

use std::fmt;

/// An image of a screen.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Screenshot {
    /// The width in pixels.
    pub width: u32,
    /// The height in pixels.
    pub height: u32,
    /// The pixels, row by row: a byte each for red, green and blue.
    pub rgb: Vec<u8>,
}

/// Without the pixels, as they may show secrets.
impl fmt::Debug for Screenshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { width, height, .. } = self;
        write!(f, "Screenshot({width}×{height})")
    }
}
