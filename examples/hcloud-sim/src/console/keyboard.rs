//! A viewer's keyboard: translates keysyms to keys.
//!
//! RFB sends X11 keysyms, so Shift and the layout have already been applied by the viewer; only Control and Alt are
//! tracked here. Keysyms: <https://www.x.org/releases/X11R7.7/doc/xproto/x11protocol.html#keysym_encoding>

const BACKSPACE: u32 = 0xff08;
const RETURN: u32 = 0xff0d;
const KEYPAD_ENTER: u32 = 0xff8d;
const KEYPAD_DELETE: u32 = 0xff9f;
const DELETE: u32 = 0xffff;
const CONTROL_LEFT: u32 = 0xffe3;
const CONTROL_RIGHT: u32 = 0xffe4;
const ALT_LEFT: u32 = 0xffe9;
const ALT_RIGHT: u32 = 0xffea;

/// A key as the machine receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Character(char),
    Enter,
    Backspace,
    /// Control with this lowercase letter.
    Control(char),
    ControlAltDelete,
}

/// The modifier keys that one viewer holds down.
#[derive(Debug, Default)]
pub(crate) struct Keyboard {
    control: bool,
    alt: bool,
}

impl Keyboard {
    /// Handles one key event; returns `None` for unsupported keys (Tab, arrows, F1, …).
    pub(crate) fn event(&mut self, keysym: u32, down: bool) -> Option<Key> {
        match keysym {
            CONTROL_LEFT | CONTROL_RIGHT => self.control = down,
            ALT_LEFT | ALT_RIGHT => self.alt = down,
            keysym if down => return self.press(keysym),
            _ => {}
        }
        None
    }

    fn press(&self, keysym: u32) -> Option<Key> {
        match keysym {
            DELETE | KEYPAD_DELETE => (self.control && self.alt).then_some(Key::ControlAltDelete),
            BACKSPACE => Some(Key::Backspace),
            RETURN | KEYPAD_ENTER => Some(Key::Enter),
            keysym => {
                let character = character(keysym)?;
                match (self.control, self.alt) {
                    (true, false) => Some(Key::Control(character.to_ascii_lowercase())),
                    (false, true) => None,
                    // Some viewers send AltGr as Control with Alt.
                    _ => Some(Key::Character(character)),
                }
            }
        }
    }
}

/// Returns the character of a keysym: Latin-1 is identical, Unicode is marked by the first byte.
fn character(keysym: u32) -> Option<char> {
    match keysym {
        0x20..=0x7e | 0xa0..=0xff => char::from_u32(keysym),
        // The keypad, from `*` to `9` in the order of ASCII.
        0xffaa..=0xffb9 => char::from_u32(keysym - 0xff80),
        0x0100_0100..=0x0110_ffff => char::from_u32(keysym - 0x0100_0000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keysyms: &[u32]) -> Vec<Option<Key>> {
        let mut keyboard = Keyboard::default();
        keysyms
            .iter()
            .map(|&keysym| keyboard.event(keysym, true))
            .collect()
    }

    #[test]
    fn characters_are_translated() {
        assert_eq!(
            typed(&[0x61, 0x7c, 0xe4, 0x0100_20ac, 0xffb7]),
            ['a', '|', 'ä', '€', '7'].map(|c| Some(Key::Character(c)))
        );
    }

    #[test]
    fn control_is_held_until_it_is_released() {
        let mut keyboard = Keyboard::default();

        keyboard.event(CONTROL_LEFT, true);
        assert_eq!(keyboard.event(0x43, true), Some(Key::Control('c')));

        keyboard.event(CONTROL_LEFT, false);
        assert_eq!(keyboard.event(0x43, true), Some(Key::Character('C')));
    }

    #[test]
    fn control_alt_delete_needs_all_three() {
        assert_eq!(
            typed(&[CONTROL_LEFT, ALT_LEFT, DELETE])[2],
            Some(Key::ControlAltDelete)
        );
        assert_eq!(typed(&[CONTROL_LEFT, DELETE])[1], None);
    }

    #[test]
    fn unsupported_keys_are_ignored() {
        const LEFT: u32 = 0xff51;
        const F1: u32 = 0xffbe;
        const SHIFT: u32 = 0xffe1;

        assert_eq!(typed(&[LEFT, F1, SHIFT, 0]), [None; 4]);
    }

    #[test]
    fn releasing_a_key_types_nothing() {
        assert_eq!(Keyboard::default().event(0x61, false), None);
    }
}
