//! Screenshots of text screens.

use std::collections::HashMap;

/// Whether the screenshot of a text screen shows the text: each character has one glyph, and each
/// glyph is one character.
pub(crate) fn shows(pixels: &[u8], text: &str) -> bool {
    let mut glyphs = HashMap::new();
    let mut characters = HashMap::new();
    for line in 0..25 {
        let text = text.lines().nth(line).unwrap_or_default();
        for column in 0..80 {
            let character = text.chars().nth(column).unwrap_or(' ');
            let glyph = glyph(pixels, line, column);
            let known = *characters.entry(glyph.clone()).or_insert(character);
            if known != character || *glyphs.entry(character).or_insert(glyph.clone()) != glyph {
                return false;
            }
        }
    }
    true
}

/// The pixels of a cell of 9×16, without the lines of a blinking cursor.
fn glyph(pixels: &[u8], line: usize, column: usize) -> Vec<u8> {
    let rows = line * 16..line * 16 + 14;
    rows.flat_map(|row| &pixels[(row * 720 + column * 9) * 3..][..9 * 3])
        .copied()
        .collect()
}
