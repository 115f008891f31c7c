//! Reading the pictures of text screens.

use std::collections::HashMap;

/// Whether the picture of a text screen spells the text: every character has one look, and every
/// look is one character's.
pub(crate) fn spells(picture: &[u8], text: &str) -> bool {
    let mut looks = HashMap::new();
    let mut characters = HashMap::new();
    for line in 0..25 {
        let text = text.lines().nth(line).unwrap_or_default();
        for column in 0..80 {
            let character = text.chars().nth(column).unwrap_or(' ');
            let look = look(picture, line, column);
            let known = *characters.entry(look.clone()).or_insert(character);
            if known != character || *looks.entry(character).or_insert(look.clone()) != look {
                return false;
            }
        }
    }
    true
}

/// The pixels of a cell of 9×16, but for those where the cursor may blink.
fn look(picture: &[u8], line: usize, column: usize) -> Vec<u8> {
    let rows = line * 16..line * 16 + 14;
    rows.flat_map(|row| &picture[(row * 720 + column * 9) * 3..][..9 * 3])
        .copied()
        .collect()
}
