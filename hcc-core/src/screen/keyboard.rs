//! Keyboard layouts, and the keystrokes of characters.

use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

/// The keyboard layout that is configured on a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// United States.
    #[default]
    Us,
    /// Germany.
    De,
}

/// The error for a name that is not a keyboard layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown keyboard layout {0:?}: expected us or de")]
pub struct UnknownLayout(String);

/// The error for text with characters that a keyboard layout has no keys for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("keyboard layout {layout} has no keys for: {}", list(.characters))]
#[non_exhaustive]
pub struct Untypable {
    /// The layout.
    pub layout: Layout,
    /// The characters, each once.
    pub characters: Vec<char>,
}

/// The keystrokes of a text.
pub struct Keystrokes {
    text: SecretString,
    layout: Layout,
}

/// A key, by its symbol and by its position on the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) keysym: u32,
    pub(super) scancode: u8,
}

/// Keys to press together, in this order.
pub(super) type Stroke = Vec<Key>;

const SPACE: Key = Key::new(0x20, 0x39);
const TAB: Key = Key::new(0xff09, 0x0f);
const ENTER: Key = Key::new(0xff0d, 0x1c);
const SHIFT: Key = Key::new(0xffe1, 0x2a);
const ALT_GR: Key = Key::new(0xfe03, 0xb8);

/// The keys that produce characters, row by row.
const SCANCODES: [u8; 48] = [
    0x29, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, //
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, //
    0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28, 0x2b, //
    0x56, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35,
];

/// The characters of the same keys without a modifier, with Shift, and with AltGr.
type Levels = [&'static str; 3];

const US: Levels = [
    r"`1234567890-=qwertyuiop[]asdfghjkl;'\ zxcvbnm,./",
    r#"~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"| ZXCVBNM<>?"#,
    "",
];

const DE: Levels = [
    "^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-",
    "°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_",
    r"  ²³   {[]}\ @ €        ~            |      µ   ",
];

impl Key {
    const fn new(keysym: u32, scancode: u8) -> Self {
        Self { keysym, scancode }
    }

    fn of(character: char, scancode: u8) -> Self {
        let point = u32::from(character);
        let keysym = if point < 0x100 {
            point
        } else {
            0x0100_0000 + point
        };
        Self::new(keysym, scancode)
    }
}

impl Layout {
    /// Returns the strokes for a character, if the layout has it.
    fn strokes(self, character: char) -> Option<Vec<Stroke>> {
        match character {
            ' ' => return Some(vec![vec![SPACE]]),
            '\t' => return Some(vec![vec![TAB]]),
            '\n' => return Some(vec![vec![ENTER]]),
            _ => {}
        }
        let modifiers = [None, Some(SHIFT), Some(ALT_GR)];
        self.levels()
            .iter()
            .zip(modifiers)
            .find_map(|(level, modifier)| {
                let at = level.chars().position(|produced| produced == character)?;
                Some(self.keys(character, SCANCODES[at], modifier))
            })
    }

    fn keys(self, character: char, scancode: u8, modifier: Option<Key>) -> Vec<Stroke> {
        let stroke = |key| modifier.into_iter().chain([key]).collect();
        match self.dead(character) {
            // A dead key combines with the next one; with a space it produces its own character.
            Some(keysym) => vec![stroke(Key::new(keysym, scancode)), vec![SPACE]],
            None => vec![stroke(Key::of(character, scancode))],
        }
    }

    fn dead(self, character: char) -> Option<u32> {
        match (self, character) {
            (Self::De, '^') => Some(0xfe52),
            (Self::De, '´') => Some(0xfe51),
            (Self::De, '`') => Some(0xfe50),
            _ => None,
        }
    }

    fn levels(self) -> Levels {
        match self {
            Self::Us => US,
            Self::De => DE,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "us",
            Self::De => "de",
        })
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        match name {
            "us" => Ok(Self::Us),
            "de" => Ok(Self::De),
            _ => Err(UnknownLayout(name.to_owned())),
        }
    }
}

impl Keystrokes {
    /// Finds the keystrokes of a text; a line break is Enter.
    ///
    /// # Errors
    ///
    /// The layout has no keys for some of the characters.
    pub fn new(text: &SecretString, layout: Layout) -> Result<Self, Untypable> {
        let text = SecretString::from(text.expose_secret().replace("\r\n", "\n"));
        let mut characters = Vec::new();
        for character in text.expose_secret().chars() {
            if layout.strokes(character).is_none() && !characters.contains(&character) {
                characters.push(character);
            }
        }
        if !characters.is_empty() {
            return Err(Untypable { layout, characters });
        }
        Ok(Self { text, layout })
    }

    /// Returns the number of characters.
    pub fn len(&self) -> usize {
        self.text.expose_secret().chars().count()
    }

    /// Returns whether there is nothing to type.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn characters(&self) -> impl Iterator<Item = Vec<Stroke>> {
        let characters = self.text.expose_secret().chars();
        characters.map(|character| {
            let strokes = self.layout.strokes(character);
            strokes.expect("`new` refuses characters without keys")
        })
    }
}

impl fmt::Debug for Keystrokes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystrokes")
            .field("layout", &self.layout)
            .finish_non_exhaustive()
    }
}

fn list(characters: &[char]) -> String {
    let printable = |character: &char| {
        if character.is_control() {
            character.escape_default().to_string()
        } else {
            character.to_string()
        }
    };
    let printable: Vec<String> = characters.iter().map(printable).collect();
    printable.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, layout: Layout) -> Vec<Vec<Stroke>> {
        let keystrokes = Keystrokes::new(&text.into(), layout).unwrap();
        keystrokes.characters().collect()
    }

    #[test]
    fn character_is_typed_with_its_modifier() {
        let key = Key::of;

        assert_eq!(typed("z", Layout::Us), [[[key('z', 0x2c)]]]);
        assert_eq!(typed("z", Layout::De), [[[key('z', 0x15)]]]);
        assert_eq!(typed("@", Layout::Us), [[[SHIFT, key('@', 0x03)]]]);
        assert_eq!(typed("@", Layout::De), [[[ALT_GR, key('@', 0x10)]]]);
        assert_eq!(typed("€", Layout::De)[0][0][1].keysym, 0x0100_20ac);
    }

    #[test]
    fn dead_key_is_followed_by_a_space() {
        let [circumflex] = &typed("^", Layout::De)[..] else {
            panic!("expected one character");
        };

        assert_eq!(circumflex, &[vec![Key::new(0xfe52, 0x29)], vec![SPACE]]);
    }

    #[test]
    fn line_breaks_of_all_systems_are_enter() {
        assert_eq!(typed("\r\n\n", Layout::Us), [[[ENTER]], [[ENTER]]]);
    }

    #[test]
    fn every_printable_ascii_character_has_keys_on_both_layouts() {
        for layout in [Layout::Us, Layout::De] {
            for character in ' '..='~' {
                assert!(layout.strokes(character).is_some(), "{layout}: {character}");
            }
        }
    }

    #[test]
    fn characters_without_keys_are_listed_once_each() {
        let error = Keystrokes::new(&"Grüße, Grüße\u{1b}".into(), Layout::Us).unwrap_err();

        assert_eq!(
            error.to_string(),
            r"keyboard layout us has no keys for: ü ß \u{1b}"
        );
    }

    #[test]
    fn debug_output_omits_the_text() {
        let keystrokes = Keystrokes::new(&"canary".into(), Layout::Us).unwrap();

        assert!(!format!("{keystrokes:?}").contains("canary"));
    }
}
