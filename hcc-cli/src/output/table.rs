//! Tables that fit the terminal, with colors.

use std::io::{self, Write};

use console::{Style, Term, measure_text_width, truncate_str};

/// The space between two columns.
const GAP: &str = "  ";

/// The width that no column is narrowed below.
const MIN_WIDTH: usize = 6;

/// Rows of cells under the names of their columns.
///
/// The cells are in one string, so that tables of many rows fit into memory.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    widths: Vec<usize>,
    /// The positions of the columns that are written.
    shown: Vec<usize>,
    text: String,
    /// Where the cells end in `text`, row by row.
    ends: Vec<usize>,
}

impl Table {
    pub(crate) fn new(columns: Vec<&'static str>) -> Self {
        Self {
            widths: columns.iter().map(|name| name.len()).collect(),
            shown: (0..columns.len()).collect(),
            columns,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        for (cell, width) in cells.into_iter().zip(&mut self.widths) {
            *width = measure_text_width(&cell).max(*width);
            // A value must not move the cursor.
            let printed = cell.chars().map(|c| if c.is_control() { ' ' } else { c });
            self.text.extend(printed);
            self.ends.push(self.text.len());
        }
    }

    fn rows(&self) -> impl Iterator<Item = Vec<&str>> {
        let mut start = 0;
        self.ends.chunks(self.columns.len()).map(move |ends| {
            let cells = ends.iter().map(|&end| {
                let cell = &self.text[start..end];
                start = end;
                cell
            });
            cells.collect()
        })
    }

    /// Fits the table to the terminal, if there is one: drops optional columns in their order, then
    /// narrows the widest ones.
    pub(crate) fn fitted(mut self, optional: &[&str]) -> Self {
        if let Some((_, columns)) = Term::stdout().size_checked() {
            self.fit(columns.into(), optional);
        }
        self
    }

    fn fit(&mut self, limit: usize, optional: &[&str]) {
        for name in optional {
            if line_width(&self.shown_widths()) <= limit {
                return;
            }
            self.shown.retain(|&column| self.columns[column] != *name);
        }
        let mut widths = self.shown_widths();
        narrow(&mut widths, limit);
        for (&column, width) in self.shown.iter().zip(widths) {
            self.widths[column] = width;
        }
    }

    fn shown_widths(&self) -> Vec<usize> {
        self.shown
            .iter()
            .map(|&column| self.widths[column])
            .collect()
    }

    /// Writes a header, and a line for each row.
    pub(crate) fn write(&self, out: &mut impl Write, header: bool) -> io::Result<()> {
        if header {
            let bold = Style::new().bold();
            let names: Vec<String> = self
                .columns
                .iter()
                .map(|name| name.to_uppercase())
                .collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.line(out, &names, |_, _| Some(bold.clone()))?;
        }
        for row in self.rows() {
            self.line(out, &row, style)?;
        }
        Ok(())
    }

    fn line(
        &self,
        out: &mut impl Write,
        cells: &[&str],
        style: impl Fn(&str, &str) -> Option<Style>,
    ) -> io::Result<()> {
        let last = self
            .shown
            .iter()
            .rposition(|&column| !cells[column].is_empty());
        let shown = last.map_or(&[][..], |last| &self.shown[..=last]);
        for (position, &column) in shown.iter().enumerate() {
            let cell = cells[column];
            let text = truncate_str(cell, self.widths[column], "…");
            match style(self.columns[column], cell) {
                Some(style) => write!(out, "{}", style.apply_to(&text))?,
                None => write!(out, "{text}")?,
            }
            if Some(position) != last {
                let rest = self.widths[column].saturating_sub(measure_text_width(&text));
                write!(out, "{}{GAP}", " ".repeat(rest))?;
            }
        }
        writeln!(out)
    }
}

/// Highlights what is well, and what needs attention.
fn style(column: &str, cell: &str) -> Option<Style> {
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

fn line_width(widths: &[usize]) -> usize {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    widths.iter().sum::<usize>() + gaps
}

/// Narrows the widest columns until a line fits.
fn narrow(widths: &mut [usize], limit: usize) {
    while line_width(widths) > limit {
        match widths.iter_mut().max() {
            Some(widest) if *widest > MIN_WIDTH => *widest -= 1,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widest_columns_are_narrowed_to_fit() {
        let mut widths = [4, 30, 20, 7];

        narrow(&mut widths, 57);

        assert_eq!(widths.iter().sum::<usize>() + 3 * GAP.len(), 57);
        assert_eq!(widths, [4, 20, 20, 7]);
    }

    #[test]
    fn long_texts_are_written_whole() {
        let mut table = Table::new(vec!["name", "status"]);
        let long = "x".repeat(70_000);
        table.push([long.clone(), "off".to_owned()]);
        table.push(["web1".to_owned(), "off".to_owned()]);
        let mut out = Vec::new();

        table.write(&mut out, false).unwrap();

        assert!(String::from_utf8(out).unwrap().contains(&long));
    }

    #[test]
    fn columns_keep_a_minimal_width() {
        let mut widths = [4, 30, 20];

        narrow(&mut widths, 1);

        assert_eq!(widths, [4, MIN_WIDTH, MIN_WIDTH]);
    }

    #[test]
    fn optional_columns_are_dropped_one_by_one_before_others_are_narrowed() {
        let row = ["web1", "x86", "shared", "0.0067"].map(str::to_owned);
        let fitted = |limit| {
            let mut table = Table::new(vec!["name", "arch", "cpu", "hourly"]);
            table.push(row.clone());
            table.fit(limit, &["cpu", "arch"]);
            let mut out = Vec::new();
            table.write(&mut out, false).unwrap();
            String::from_utf8(out).unwrap()
        };

        assert_eq!(fitted(26), "web1  x86   shared  0.0067\n");
        assert_eq!(fitted(25), "web1  x86   0.0067\n");
        assert_eq!(fitted(17), "web1  0.0067\n");
    }

    #[test]
    fn cells_are_aligned_and_lines_have_no_trailing_spaces() {
        let cells = |row: [&str; 3]| row.map(str::to_owned).to_vec();
        let rows = vec![cells(["web1", "", ""]), cells(["ä\u{7}b", "日本", "x"])];
        let mut table = Table::new(vec!["name", "city", "n"]);
        let mut out = Vec::new();

        rows.into_iter().for_each(|row| table.push(row));
        table.write(&mut out, true).unwrap();

        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "NAME  CITY  N\nweb1\nä b   日本  x\n");
    }
}
