//! Keyboard layouts, and the keystrokes of characters.

use std::str::FromStr;
use std::{fmt, iter};

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

/// The keyboard layout that is configured on a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Layout {
    /// United States.
    #[default]
    Us,
    /// Germany.
    De,
    /// France.
    Fr,
    /// United Kingdom.
    Uk,
    /// Switzerland, German.
    Ch,
    /// Spain.
    Es,
    /// Italy.
    It,
    /// Poland.
    Pl,
}

/// The error for a name that is not a keyboard layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown keyboard layout {0:?}: expected us, de, fr, uk, ch, es, it or pl")]
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

/// The characters of the same keys without a modifier, with Shift, with AltGr, and with both. A
/// combining character stands for a dead key. Keys that differ between systems are left out.
type Levels = [&'static str; 4];

const MODIFIERS: [&[Key]; 4] = [&[], &[SHIFT], &[ALT_GR], &[SHIFT, ALT_GR]];

/// The dead keys: combining characters, those that they produce with a space, and key symbols.
const DEAD_KEYS: [(char, char, u32); 5] = [
    ('\u{300}', '`', 0xfe50),
    ('\u{301}', '´', 0xfe51),
    ('\u{302}', '^', 0xfe52),
    ('\u{303}', '~', 0xfe53),
    ('\u{308}', '¨', 0xfe57),
];

const US: Levels = [
    "`1234567890-=qwertyuiop[]asdfghjkl;'\\ zxcvbnm,./",
    "~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"| ZXCVBNM<>?",
    "",
    "",
];

const DE: Levels = [
    "\u{302}1234567890ß\u{301}qwertzuiopü+asdfghjklöä#<yxcvbnm,.-",
    "°!\"§$%&/()=?\u{300}QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_",
    "  ²³   {[]}\\ @ €        ~            |      µ",
    "",
];

const FR: Levels = [
    "²&é\"'(-è_çà)=azertyuiop\u{302}$qsdfghjklmù*<wxcvbn,;:!",
    " 1234567890°+AZERTYUIOP\u{308}£QSDFGHJKLM%µ>WXCVBN?./§",
    "  ~#{[|`\\^@]}  €         @           |",
    "",
];

const UK: Levels = [
    "`1234567890-=qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./",
    "¬!\"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?",
    "    €",
    "",
];

const CH: Levels = [
    "§1234567890'\u{302}qwertzuiopü\u{308}asdfghjklöä$<yxcvbnm,.-",
    "°+\"*ç%&/()=?\u{300}QWERTZUIOPè!ASDFGHJKLéà£>YXCVBNM;:_",
    "  @#   |    \u{303}@ €       []         \u{301}{}\\",
    "",
];

const ES: Levels = [
    "º1234567890'¡qwertyuiop\u{300}+asdfghjklñ\u{301}ç<zxcvbnm,.-",
    "ª!\"·$%&/()=?¿QWERTYUIOP\u{302}*ASDFGHJKLÑ\u{308}Ç>ZXCVBNM;:_",
    "\\|@#~        @ €       []          {}|",
    "",
];

const IT: Levels = [
    "\\1234567890'ìqwertyuiopè+asdfghjklòàù<zxcvbnm,.-",
    "|!\"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_",
    "       {  }`~@ €       []         @#",
    "",
];

const PL: Levels = [
    "`1234567890-=qwertyuiop[]asdfghjkl;'\\ zxcvbnm,./",
    "~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:\"| ZXCVBNM<>?",
    "     €         ę     ó   ąś      ł    żźć  ń",
    "               Ę     Ó   ĄŚ      Ł    ŻŹĆ  Ń",
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
        let is_dead = |(mark, ..): &(char, char, u32)| *mark == character;
        if DEAD_KEYS.iter().any(is_dead) {
            return None;
        }
        if let Some(stroke) = self.stroke(character) {
            return Some(vec![stroke]);
        }
        // A dead key combines with the next one; with a space it produces its own character.
        let own = DEAD_KEYS.iter().find(|(_, own, _)| *own == character);
        if let Some((mark, ..)) = own {
            return Some(vec![self.stroke(*mark)?, vec![SPACE]]);
        }
        let mut parts = iter::once(character).nfd();
        match (parts.next(), parts.next(), parts.next()) {
            (Some(base), Some(mark), None) => Some(vec![self.stroke(mark)?, self.stroke(base)?]),
            _ => None,
        }
    }

    /// Returns the keys to press for a character, or for the dead key of a combining one.
    fn stroke(self, character: char) -> Option<Stroke> {
        let (at, modifiers) =
            self.levels()
                .iter()
                .zip(MODIFIERS)
                .find_map(|(level, modifiers)| {
                    let at = level.chars().position(|produced| produced == character)?;
                    Some((at, modifiers))
                })?;
        let dead = DEAD_KEYS.iter().find(|(mark, ..)| *mark == character);
        let key = match dead {
            Some((.., keysym)) => Key::new(*keysym, SCANCODES[at]),
            None => Key::of(character, SCANCODES[at]),
        };
        Some(modifiers.iter().copied().chain([key]).collect())
    }

    fn levels(self) -> Levels {
        match self {
            Self::Us => US,
            Self::De => DE,
            Self::Fr => FR,
            Self::Uk => UK,
            Self::Ch => CH,
            Self::Es => ES,
            Self::It => IT,
            Self::Pl => PL,
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Us => "us",
            Self::De => "de",
            Self::Fr => "fr",
            Self::Uk => "uk",
            Self::Ch => "ch",
            Self::Es => "es",
            Self::It => "it",
            Self::Pl => "pl",
        })
    }
}

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        match name {
            "us" => Ok(Self::Us),
            "de" => Ok(Self::De),
            "fr" => Ok(Self::Fr),
            "uk" => Ok(Self::Uk),
            "ch" => Ok(Self::Ch),
            "es" => Ok(Self::Es),
            "it" => Ok(Self::It),
            "pl" => Ok(Self::Pl),
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
        let text = text.expose_secret().replace("\r\n", "\n");
        // Some programs write an accent as a character of its own.
        let text = SecretString::from(text.nfc().collect::<String>());
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

    const ALL: [Layout; 8] = [
        Layout::Us,
        Layout::De,
        Layout::Fr,
        Layout::Uk,
        Layout::Ch,
        Layout::Es,
        Layout::It,
        Layout::Pl,
    ];

    #[test]
    fn layouts_are_named_by_their_countries() {
        for layout in ALL {
            assert_eq!(layout.to_string().parse(), Ok(layout));
        }
        let unknown = "xx".parse::<Layout>().unwrap_err();
        assert!(unknown.to_string().ends_with("es, it or pl"), "{unknown}");
    }

    #[test]
    fn letters_of_each_country_are_typed_as_on_its_keyboard() {
        let (acute, grave, circumflex) = (0xfe51, 0xfe50, 0xfe52);
        let key = |character, scancode| vec![Key::of(character, scancode)];
        let dead = |keysym, scancode| vec![Key::new(keysym, scancode)];
        for (layout, text, strokes) in [
            (Layout::Fr, "é", vec![key('é', 0x03)]),
            (
                Layout::Fr,
                "ê",
                vec![dead(circumflex, 0x1a), key('e', 0x12)],
            ),
            (Layout::Uk, "#", vec![key('#', 0x2b)]),
            (Layout::Ch, "ü", vec![key('ü', 0x1a)]),
            (Layout::Es, "á", vec![dead(acute, 0x28), key('a', 0x1e)]),
            (Layout::Es, "ò", vec![dead(grave, 0x1a), key('o', 0x18)]),
            (Layout::It, "ì", vec![key('ì', 0x0d)]),
            (Layout::Pl, "ą", vec![vec![ALT_GR, Key::of('ą', 0x1e)]]),
            (
                Layout::Pl,
                "Ą",
                vec![vec![SHIFT, ALT_GR, Key::of('Ą', 0x1e)]],
            ),
        ] {
            assert_eq!(typed(text, layout), [strokes], "{layout} {text}");
        }
    }

    /// A row as it is written in the script of the console page.
    fn in_script(row: &str) -> String {
        let character = |it: char| match it {
            '\'' => "\\'".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\u{300}'..='\u{36f}' => format!("\\u0{:x}", u32::from(it)),
            it => it.to_string(),
        };
        row.chars().map(character).collect()
    }

    #[test]
    fn console_page_has_the_same_layouts() {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../www/keys.js");
        let script = std::fs::read_to_string(script).unwrap();

        for layout in ALL {
            let (_, rest) = script.split_once(&format!("  {layout}: layout(")).unwrap();
            let (rows, _) = rest.split_once("  ),").unwrap();
            let rows: Vec<_> = rows
                .lines()
                .map(str::trim)
                .filter(|it| !it.is_empty())
                .collect();
            let own = layout.levels().into_iter().filter(|row| !row.is_empty());
            let own: Vec<_> = own.map(|row| format!("'{}',", in_script(row))).collect();
            assert_eq!(rows, own, "{layout}");
        }
    }

    #[test]
    fn decomposed_characters_are_typed_like_others() {
        for (layout, decomposed, composed) in [
            (Layout::De, "u\u{308}", "ü"),
            (Layout::Es, "n\u{303}", "ñ"),
            (Layout::Fr, "e\u{302}", "ê"),
        ] {
            assert_eq!(typed(decomposed, layout), typed(composed, layout));
        }
        assert!(Keystrokes::new(&"\u{301}".into(), Layout::De).is_err());
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
    fn every_printable_ascii_character_has_keys_on_every_layout() {
        for layout in ALL {
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
