//! The console font: Spleen 8×16 by Frederic Cambus (BSD-2-Clause), drawn in cells of 9×16 as VGA text mode does.

use std::collections::HashMap;
use std::sync::LazyLock;

use spleen_font::FONT_8X16;

/// The pixel rows of one character, from the top; the highest bit is the leftmost pixel.
pub(crate) type Glyph = [u8; 16];

/// Returns the glyph of a character, or of `?` if the font has none.
pub(crate) fn glyph(character: char) -> &'static Glyph {
    static GLYPHS: LazyLock<HashMap<char, Glyph>> = LazyLock::new(|| read_psf1(FONT_8X16));

    GLYPHS
        .get(&character)
        .or_else(|| GLYPHS.get(&'?'))
        .expect("the font has the ASCII characters")
}

/// Parses a PC Screen Font, version 1, of 512 glyphs with a Unicode table.
///
/// After the glyphs, the table lists each glyph's characters in UTF-16 up to `0xffff`. Sequences of several characters
/// follow after `0xfffe`; they are ignored.
fn read_psf1(font: &[u8]) -> HashMap<char, Glyph> {
    let (glyphs, table) = font[4..].split_at(512 * 16);
    let glyphs = glyphs.as_chunks::<16>().0;
    let units = table.as_chunks::<2>().0.iter();
    let table: Vec<u16> = units.map(|&unit| u16::from_le_bytes(unit)).collect();
    let mut characters = HashMap::new();
    for (glyph, units) in glyphs.iter().zip(table.split(|&unit| unit == 0xffff)) {
        for &unit in units.iter().take_while(|&&unit| unit != 0xfffe) {
            if let Some(character) = char::from_u32(unit.into()) {
                characters.insert(character, *glyph);
            }
        }
    }
    characters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latin_1_character_has_its_own_glyph() {
        let unknown = glyph('\u{10ffff}');

        for character in (' '..='~').chain('\u{a1}'..='ÿ').filter(|&c| c != '?') {
            assert_ne!(glyph(character), unknown, "{character:?}");
        }
    }
}
