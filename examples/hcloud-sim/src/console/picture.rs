//! Rendering of the screen, and encoding of its pixels for viewers.

use std::ops::Range;

use super::font::glyph;
use super::pixel_format::{Color, Pixel, PixelFormat};
use super::screen::{COLUMNS, LINES, Screen};
use super::view::{Area, Cell};

/// Size of a character cell in pixels, as in VGA text mode.
pub(crate) const CELL_WIDTH: usize = 9;
pub(crate) const CELL_HEIGHT: usize = 16;

/// Size of the screen in pixels, 720×400.
pub(crate) const WIDTH: u16 = (COLUMNS * CELL_WIDTH) as u16;
pub(crate) const HEIGHT: u16 = (LINES * CELL_HEIGHT) as u16;

const FOREGROUND_COLOR: Color = [0xaa, 0xaa, 0xaa];
const BACKGROUND_COLOR: Color = [0, 0, 0];

/// The cursor is an underline: the last rows of its cell.
const CURSOR_ROWS: Range<usize> = 14..16;

/// Width and height of Hextile tiles.
const TILE: usize = 16;

/// Encodings of rectangles: RFC 6143, section 7.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// All pixels: 1.1 MB for a screen of 32-bit pixels. Every viewer supports it.
    Raw,
    /// Tiles of a background with runs of foreground: 7 kB for a login prompt, 45 kB for a screen full of text.
    Hextile,
}

impl Encoding {
    pub(crate) const fn number(self) -> i32 {
        match self {
            Self::Raw => 0,
            Self::Hextile => 5,
        }
    }

    /// Returns the best of the encodings that a viewer supports.
    pub(crate) fn best_of(known: &[i32]) -> Self {
        if known.contains(&Self::Hextile.number()) {
            Self::Hextile
        } else {
            Self::Raw
        }
    }
}

/// A rectangle of a screen in two colors.
#[derive(Debug)]
pub(crate) struct Picture {
    width: usize,
    /// Whether each pixel has the foreground color, row by row.
    inked: Vec<bool>,
}

impl Picture {
    pub(crate) fn draw(screen: &Screen, area: &Area) -> Self {
        let width = area.columns.len() * CELL_WIDTH;
        let mut inked = Vec::with_capacity(width * area.lines.len() * CELL_HEIGHT);
        for line in area.lines.clone() {
            for row in 0..CELL_HEIGHT {
                for column in area.columns.clone() {
                    let bits = cell_row(screen.cell(line, column), row);
                    inked.extend((0..CELL_WIDTH).rev().map(|bit| bits >> bit & 1 == 1));
                }
            }
        }
        Self { width, inked }
    }

    pub(crate) fn encode(&self, encoding: Encoding, format: PixelFormat, bytes: &mut Vec<u8>) {
        let (ink, paper) = (
            format.pixel(FOREGROUND_COLOR),
            format.pixel(BACKGROUND_COLOR),
        );
        match encoding {
            Encoding::Raw => self.encode_raw(ink, paper, bytes),
            Encoding::Hextile => self.encode_hextile(ink, paper, bytes),
        }
    }

    fn encode_raw(&self, ink: Pixel, paper: Pixel, bytes: &mut Vec<u8>) {
        for &inked in &self.inked {
            bytes.extend_from_slice(if inked {
                ink.as_bytes()
            } else {
                paper.as_bytes()
            });
        }
    }

    fn encode_hextile(&self, ink: Pixel, paper: Pixel, bytes: &mut Vec<u8>) {
        let height = self.inked.len() / self.width;
        for top in (0..height).step_by(TILE) {
            for left in (0..self.width).step_by(TILE) {
                let runs = self.runs(
                    top..height.min(top + TILE),
                    left..self.width.min(left + TILE),
                );
                encode_tile(&runs, ink, paper, bytes);
            }
        }
    }

    /// Returns the horizontal runs of foreground pixels in a tile.
    fn runs(&self, rows: Range<usize>, columns: Range<usize>) -> Vec<Run> {
        let mut runs = Vec::new();
        for (y, row) in rows.enumerate() {
            let row = &self.inked[row * self.width..][columns.clone()];
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run[0] {
                    runs.push(Run {
                        x,
                        y,
                        length: run.len(),
                    });
                }
                x += run.len();
            }
        }
        runs
    }
}

/// Adjacent foreground pixels in a row of a tile.
#[derive(Debug)]
struct Run {
    x: usize,
    y: usize,
    length: usize,
}

/// Encodes a tile as its background and the runs on it.
///
/// Repeating the colors of the previous tile is optional; doing so keeps tiles independent.
fn encode_tile(runs: &[Run], ink: Pixel, paper: Pixel, bytes: &mut Vec<u8>) {
    const BACKGROUND: u8 = 1 << 1;
    const FOREGROUND: u8 = 1 << 2;
    const SUBRECTANGLES: u8 = 1 << 3;

    let blank = runs.is_empty();
    bytes.push(if blank {
        BACKGROUND
    } else {
        BACKGROUND | FOREGROUND | SUBRECTANGLES
    });
    bytes.extend_from_slice(paper.as_bytes());
    if !blank {
        bytes.extend_from_slice(ink.as_bytes());
        bytes.push(u8::try_from(runs.len()).expect("16 rows have at most 8 runs each"));
        for run in runs {
            let nibbles = [run.x << 4 | run.y, (run.length - 1) << 4];
            bytes.extend(
                nibbles.map(|byte| u8::try_from(byte).expect("a tile has 16 rows and columns")),
            );
        }
    }
}

/// Returns one pixel row of a cell in the lowest bits, leftmost pixel first; the ninth column is empty.
fn cell_row(cell: Cell, row: usize) -> u16 {
    if cell.cursor && CURSOR_ROWS.contains(&row) {
        (1 << CELL_WIDTH) - 1
    } else {
        u16::from(glyph(cell.character)[row]) << (CELL_WIDTH - 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the rows as strings of `#` and `.`.
    fn shown(picture: &Picture) -> Vec<String> {
        let row = |row: &[bool]| {
            row.iter()
                .map(|&inked| if inked { '#' } else { '.' })
                .collect()
        };
        picture.inked.chunks(picture.width).map(row).collect()
    }

    /// Decodes Hextile in a format of one byte per pixel.
    fn decode_hextile(mut bytes: &[u8], width: usize, height: usize) -> Vec<u8> {
        let mut pixels = vec![0x55; width * height];
        let mut take = || bytes.split_off_first().copied().unwrap();
        for top in (0..height).step_by(TILE) {
            for left in (0..width).step_by(TILE) {
                let flags = take();
                let background = take();
                for y in top..height.min(top + TILE) {
                    pixels[y * width + left..y * width + width.min(left + TILE)].fill(background);
                }
                if flags & 8 != 0 {
                    let foreground = take();
                    for _ in 0..take() {
                        let (place, size) = (usize::from(take()), usize::from(take()));
                        for y in top + (place & 15)..=top + (place & 15) + (size & 15) {
                            let x = left + (place >> 4);
                            pixels[y * width + x..=y * width + x + (size >> 4)].fill(foreground);
                        }
                    }
                }
            }
        }
        assert!(bytes.is_empty(), "{} bytes too many", bytes.len());
        pixels
    }

    #[test]
    fn letter_and_cursor_are_drawn_in_cells_of_9_by_16() {
        let mut screen = Screen::blank();
        screen.print("T");

        let picture = Picture::draw(
            &screen,
            &Area {
                lines: 0..1,
                columns: 0..2,
            },
        );

        assert_eq!(
            shown(&picture),
            [
                "..................",
                "..................",
                "########..........",
                "...##.............",
                "...##.............",
                "...##.............",
                "...##.............",
                "...##.............",
                "...##.............",
                "...##.............",
                "...##.............",
                "...##.............",
                "..................",
                "..................",
                ".........#########",
                ".........#########",
            ]
        );
    }

    #[test]
    fn hextile_shows_the_same_pixels_as_raw() {
        let one_byte =
            PixelFormat::from_wire(&[8, 8, 0, 1, 0, 7, 0, 7, 0, 3, 0, 3, 6, 0, 0, 0]).unwrap();
        let mut screen = Screen::blank();
        for character in ' '..='ÿ' {
            screen.print(character.encode_utf8(&mut [0; 4]));
        }
        let picture = Picture::draw(
            &screen,
            &Area {
                lines: 0..4,
                columns: 3..80,
            },
        );
        let (mut raw, mut hextile) = (Vec::new(), Vec::new());

        picture.encode(Encoding::Raw, one_byte, &mut raw);
        picture.encode(Encoding::Hextile, one_byte, &mut hextile);

        assert!(raw.iter().any(|&pixel| pixel != 0));
        assert!(raw == decode_hextile(&hextile, 77 * CELL_WIDTH, 4 * CELL_HEIGHT));
    }
}
