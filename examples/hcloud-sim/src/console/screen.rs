//! The text screen: 80 columns, 25 lines, one cursor.

use std::fmt::Write as _;

/// Characters in a line.
pub(crate) const COLUMNS: usize = 80;

/// Lines on the screen.
pub(crate) const LINES: usize = 25;

/// The content of a machine's screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    cells: [[char; COLUMNS]; LINES],
    cursor: Cursor,
}

/// The position of the next character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) line: usize,
    /// At most [`COLUMNS`]: the last column wraps only when another character follows.
    pub(crate) column: usize,
}

impl Screen {
    pub(crate) fn blank() -> Self {
        Self {
            cells: [[' '; COLUMNS]; LINES],
            cursor: Cursor { line: 0, column: 0 },
        }
    }

    pub(crate) fn line(&self, line: usize) -> &[char; COLUMNS] {
        &self.cells[line]
    }

    pub(crate) fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// Prints `text` at the cursor; the screen scrolls after the last line.
    pub(crate) fn print(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '\n' => self.begin_line(),
                character => self.put(character),
            }
        }
    }

    /// Erases the character before the cursor, which may be on the previous line.
    pub(crate) fn erase(&mut self) {
        if self.cursor.column > 0 {
            self.cursor.column -= 1;
        } else if self.cursor.line > 0 {
            self.cursor.line -= 1;
            self.cursor.column = COLUMNS - 1;
        }
        self.cells[self.cursor.line][self.cursor.column] = ' ';
    }

    /// Returns the text without trailing whitespace and empty lines at the end.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for line in &self.cells {
            let line: String = line.iter().collect();
            writeln!(text, "{}", line.trim_end()).expect("writing to a string");
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn put(&mut self, character: char) {
        if self.cursor.column == COLUMNS {
            self.begin_line();
        }
        self.cells[self.cursor.line][self.cursor.column] = character;
        self.cursor.column += 1;
    }

    fn begin_line(&mut self) {
        self.cursor.column = 0;
        if self.cursor.line + 1 < LINES {
            self.cursor.line += 1;
        } else {
            self.cells.rotate_left(1);
            self.cells[LINES - 1] = [' '; COLUMNS];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_has_no_trailing_whitespace() {
        let mut screen = Screen::blank();

        screen.print("one  \n  two\n\n");

        assert_eq!(screen.text(), "one\n  two");
    }

    #[test]
    fn full_screen_scrolls() {
        let mut screen = Screen::blank();

        for line in 0..30 {
            screen.print(&format!("line {line}\n"));
        }

        assert!(screen.text().starts_with("line 6\nline 7\n"));
        assert!(screen.text().ends_with("\nline 29"));
    }

    #[test]
    fn line_of_80_characters_takes_one_line() {
        let mut screen = Screen::blank();

        screen.print(&"x".repeat(80));
        screen.print("\ny");

        assert_eq!(screen.text(), format!("{}\ny", "x".repeat(80)));
    }

    #[test]
    fn wrapped_text_can_be_erased() {
        let mut screen = Screen::blank();

        screen.print(&"x".repeat(82));
        for _ in 0..4 {
            screen.erase();
        }

        assert_eq!(screen.text(), "x".repeat(78));
    }
}
