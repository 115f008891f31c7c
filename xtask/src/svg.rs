//! SVG images of terminal screens.

use std::fmt::Write;

const CELL: (usize, usize) = (9, 20);
const MARGIN: usize = 16;

const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d8dbe2";
const PALETTE: [&str; 8] = [
    "#5c6370", "#f07178", "#8fc965", "#e5c07b", "#6cb6ff", "#c792ea", "#56c8d8", "#ffffff",
];

/// The attributes of a run of characters.
#[derive(Clone, Copy, Default, PartialEq)]
struct Style {
    color: Option<usize>,
    is_bold: bool,
    is_dim: bool,
    is_underlined: bool,
}

impl Style {
    /// Applies the parameters of one SGR escape sequence, such as `1;32`.
    fn apply(&mut self, parameters: &str) {
        for parameter in parameters.split(';') {
            match parameter.parse() {
                Ok(1) => self.is_bold = true,
                Ok(2) => self.is_dim = true,
                Ok(4) => self.is_underlined = true,
                Ok(color @ 30..=37) => self.color = Some(color - 30),
                Ok(color @ 90..=97) => self.color = Some(color - 90),
                Ok(39) => self.color = None,
                _ => *self = Self::default(),
            }
        }
    }

    fn attributes(self) -> String {
        let mut attributes = String::new();
        if let Some(color) = self.color {
            write!(attributes, " fill=\"{}\"", PALETTE[color]).expect("a string");
        }
        for (is_set, attribute) in [
            (self.is_bold, " font-weight=\"bold\""),
            (self.is_dim, " opacity=\"0.65\""),
            (self.is_underlined, " text-decoration=\"underline\""),
        ] {
            attributes += if is_set { attribute } else { "" };
        }
        attributes
    }
}

/// Returns the image and its width and height in pixels.
///
/// `screen` is text with SGR escape sequences; every run of characters has its own position, so that
/// columns are aligned in any font.
pub(crate) fn render(screen: &str, columns: usize) -> (String, usize, usize) {
    let lines: Vec<_> = screen.trim_end().lines().collect();
    let width = columns * CELL.0 + 2 * MARGIN;
    let height = lines.len() * CELL.1 + 2 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-size=\"15\" fill=\"{FOREGROUND}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{BACKGROUND}\"/>\n"
    );
    let mut style = Style::default();
    for (row, line) in lines.iter().enumerate() {
        let y = MARGIN + row * CELL.1 + 15;
        let mut column = 0;
        for (index, part) in line.split("\x1b[").enumerate() {
            let text = match part.split_once('m') {
                Some((parameters, text)) if index > 0 => {
                    style.apply(parameters);
                    text
                }
                _ => part,
            };
            // Words are placed one by one, as fonts differ in the width of a column.
            for word in text.split_inclusive(' ') {
                let length = word.chars().count();
                let shown = word.trim_end();
                if !shown.is_empty() {
                    let x = MARGIN + column * CELL.0;
                    let text_length = shown.chars().count() * CELL.0;
                    let shown = shown.replace('&', "&amp;").replace('<', "&lt;");
                    let attributes = style.attributes();
                    writeln!(
                        svg,
                        "<text x=\"{x}\" y=\"{y}\" textLength=\"{text_length}\"{attributes}>{shown}</text>"
                    )
                    .expect("a string");
                }
                column += length;
            }
        }
    }
    svg += "</svg>\n";
    (svg, width, height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_columns_and_colors() {
        let (svg, width, height) = render("a \x1b[1;32mok\x1b[0m <b\n", 10);

        assert_eq!((width, height), (122, 52));
        let (_, words) = svg.split_once("/>\n").unwrap();
        assert_eq!(
            words,
            "<text x=\"16\" y=\"31\" textLength=\"9\">a</text>\n\
             <text x=\"34\" y=\"31\" textLength=\"18\" fill=\"#8fc965\" font-weight=\"bold\">ok</text>\n\
             <text x=\"61\" y=\"31\" textLength=\"18\">&lt;b</text>\n</svg>\n"
        );
    }
}
