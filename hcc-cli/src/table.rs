//! Tables for people: they fit the terminal, and have colours there.

use std::io::{self, Write};

use console::{Style, Term, measure_text_width, truncate_str};

/// Between two columns.
const GAP: &str = "  ";

/// No column is made narrower than this.
const NARROWEST: usize = 6;

/// Rows of cells under the names of their columns.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    widths: Vec<usize>,
}

impl Table {
    pub(crate) fn new(columns: Vec<&'static str>, mut rows: Vec<Vec<String>>) -> Self {
        let mut widths: Vec<usize> = columns.iter().map(|name| name.len()).collect();
        for row in &mut rows {
            for (cell, width) in row.iter_mut().zip(&mut widths) {
                if cell.contains(char::is_control) {
                    // What others have written must not move the cursor.
                    *cell = cell.replace(char::is_control, " ");
                }
                *width = measure_text_width(cell).max(*width);
            }
        }
        Self {
            columns,
            rows,
            widths,
        }
    }

    /// Writes the table, as wide as the terminal at most if it goes to one.
    pub(crate) fn write(&self, out: &mut impl Write, header: bool) -> io::Result<()> {
        let mut widths = self.widths.clone();
        if let Some((_, columns)) = Term::stdout().size_checked() {
            fit(&mut widths, columns.into());
        }
        if header {
            let bold = Style::new().bold();
            let names = self.columns.iter().map(|name| name.to_uppercase());
            let names: Vec<String> = names.collect();
            self.line(out, &names, &widths, |_, _| Some(bold.clone()))?;
        }
        for row in &self.rows {
            self.line(out, row, &widths, tone)?;
        }
        Ok(())
    }

    fn line(
        &self,
        out: &mut impl Write,
        cells: &[String],
        widths: &[usize],
        tone: impl Fn(&str, &str) -> Option<Style>,
    ) -> io::Result<()> {
        let last = cells.iter().rposition(|cell| !cell.is_empty());
        for (column, cell) in cells
            .iter()
            .enumerate()
            .take(last.map_or(0, |last| last + 1))
        {
            let text = truncate_str(cell, widths[column], "…");
            match tone(self.columns[column], cell) {
                Some(style) => write!(out, "{}", style.apply_to(&text))?,
                None => write!(out, "{text}")?,
            }
            if Some(column) != last {
                let rest = widths[column].saturating_sub(measure_text_width(&text));
                write!(out, "{:rest$}{GAP}", "")?;
            }
        }
        writeln!(out)
    }
}

/// What deserves a second look, and what is well.
fn tone(column: &str, cell: &str) -> Option<Style> {
    let style = Style::new();
    match (column, cell) {
        ("status", "running" | "success") | ("check", "ok") => Some(style.green()),
        ("status", "off") => Some(style.dim()),
        ("status", "error") | ("state", "dead") | ("check", "failed") => Some(style.red()),
        ("status", _) => Some(style.yellow()),
        ("known", "local") | ("record", "missing" | "unknown") => Some(style.yellow()),
        ("available", "sold out") | ("check", "warning") => Some(style.yellow()),
        _ => None,
    }
}

/// Narrows the widest columns until a line fits.
fn fit(widths: &mut [usize], limit: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > limit {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widest_columns_give_way_to_a_narrow_terminal() {
        let mut widths = [4, 30, 20, 7];

        fit(&mut widths, 57);

        assert_eq!(widths.iter().sum::<usize>() + 3 * GAP.len(), 57);
        assert_eq!(widths, [4, 20, 20, 7]);
    }

    #[test]
    fn columns_stay_legible_on_the_narrowest_terminal() {
        let mut widths = [4, 30, 20];

        fit(&mut widths, 1);

        assert_eq!(widths, [4, NARROWEST, NARROWEST]);
    }

    #[test]
    fn cells_are_aligned_and_lines_end_with_their_last_word() {
        let cells = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        let rows = vec![cells(["web1", "", ""]), cells(["ä\u{7}b", "日本", "x"])];
        let mut out = Vec::new();

        Table::new(vec!["name", "city", "n"], rows)
            .write(&mut out, true)
            .unwrap();

        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "NAME  CITY  N\nweb1\nä b   日本  x\n");
    }
}
