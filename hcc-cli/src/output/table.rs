//! Tables that fit the terminal, with colors.

use std::io::{self, Write};

use console::{Style, Term, measure_text_width, truncate_str};

/// The space between two columns.
const GAP: &str = "  ";

/// The width that no column is narrowed below.
const MIN_WIDTH: usize = 6;

/// The columns that are never narrowed: a part of a name, an id or a word is of no use.
const WHOLE: [&str; 6] = ["name", "id", "for", "server", "state", "cmd"];

/// The columns of free text, which are narrowed before others are dropped, and the width that they keep.
const TEXTS: [&str; 6] = ["desc", "why", "args", "labels", "command", "last"];
const MIN_TEXT_WIDTH: usize = 24;

/// The columns of times, of which some cells are texts, which are narrowed to the width of a time.
const TIMES: [&str; 1] = ["next"];
const TIME_WIDTH: usize = "Mon 01 Jan 00:00".len();

/// The widest cells that others are aligned with, unless the table is fitted to a terminal.
const MAX_ALIGNED: usize = 60;

/// Rows of cells under the names of their columns.
///
/// The cells are in one string, so that tables of many rows fit into memory.
pub(crate) struct Table {
    columns: Vec<&'static str>,
    /// The widths of the widest cells.
    widths: Vec<usize>,
    /// The widths to which cells are filled up; longer cells are written whole unless it is fitted.
    aligned: Vec<usize>,
    is_fitted: bool,
    /// The positions of the columns that are written.
    shown: Vec<usize>,
    text: String,
    /// Where the cells end in `text`, row by row.
    ends: Vec<usize>,
}

impl Table {
    pub(crate) fn new(columns: Vec<&'static str>) -> Self {
        let widths: Vec<_> = columns.iter().map(|name| name.len()).collect();
        Self {
            aligned: widths.clone(),
            widths,
            is_fitted: false,
            shown: (0..columns.len()).collect(),
            columns,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        let widths = self.widths.iter_mut().zip(&mut self.aligned);
        for (cell, (widest, aligned)) in cells.into_iter().zip(widths) {
            let width = measure_text_width(&cell);
            *widest = width.max(*widest);
            if width <= MAX_ALIGNED {
                *aligned = width.max(*aligned);
            }
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
    /// narrows texts and the widest of the other columns.
    pub(crate) fn fitted(mut self, optional: &[&str]) -> Self {
        if let Some((_, columns)) = Term::stdout().size_checked() {
            self.fit(columns.into(), optional);
        }
        self
    }

    fn fit(&mut self, limit: usize, optional: &[&str]) {
        let mut optional = optional.iter();
        let mut widths = loop {
            let mut widths = self.shown_widths();
            let texts = self.are_shown(|name| TEXTS.contains(&name));
            narrow(&mut widths, &texts, MIN_TEXT_WIDTH, limit);
            let times = self.are_shown(|name| TIMES.contains(&name));
            narrow(&mut widths, &times, TIME_WIDTH, limit);
            match optional.next() {
                Some(name) if line_width(&widths) > limit => {
                    self.shown.retain(|&column| self.columns[column] != *name);
                }
                _ => break widths,
            }
        };
        let others = self.are_shown(|name| !WHOLE.contains(&name));
        narrow(&mut widths, &others, MIN_WIDTH, limit);
        for (&column, width) in self.shown.iter().zip(widths) {
            self.aligned[column] = width;
        }
        self.is_fitted = true;
    }

    /// Returns for each column that is shown whether its name is one of these.
    fn are_shown(&self, is_one: impl Fn(&str) -> bool) -> Vec<bool> {
        let shown = self.shown.iter();
        shown.map(|&column| is_one(self.columns[column])).collect()
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
            let width = self.aligned[column];
            let text = match self.is_fitted {
                true => truncate_str(cell, width, "…"),
                false => cell.into(),
            };
            match style(self.columns[column], cell) {
                Some(style) => write!(out, "{}", style.apply_to(&text))?,
                None => write!(out, "{text}")?,
            }
            if Some(position) != last {
                let rest = width.saturating_sub(measure_text_width(&text));
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

/// Narrows the widest of some columns until a line fits.
fn narrow(widths: &mut [usize], of: &[bool], min: usize, limit: usize) {
    while line_width(widths) > limit {
        let some = widths.iter_mut().zip(of).filter(|(_, is_one)| **is_one);
        match some.map(|(width, _)| width).max() {
            Some(widest) if *widest > min => *widest -= 1,
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

        narrow(&mut widths, &[true; 4], MIN_WIDTH, 57);

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

        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, format!("{long}  off\nweb1  off\n"));
    }

    #[test]
    fn columns_keep_a_minimal_width() {
        let mut widths = [4, 30, 20];

        narrow(&mut widths, &[true; 3], MIN_WIDTH, 1);

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
    fn text_instead_of_a_time_drops_no_columns() {
        let fitted = |next: &str| {
            let mut table = Table::new(vec!["id", "command", "when", "tz", "next", "last"]);
            let row = ["5c000001", "stop", "20:00 Mon-Fri", "UTC", next, "ok"];
            table.push(row.map(str::to_owned));
            table.fit(61, &["last", "tz", "when", "next"]);
            let mut out = Vec::new();
            table.write(&mut out, false).unwrap();
            String::from_utf8(out).unwrap()
        };

        assert_eq!(
            fitted("Thu 01 Jan 20:00"),
            "5c000001  stop     20:00 Mon-Fri  UTC  Thu 01 Jan 20:00  ok\n"
        );
        assert_eq!(
            fitted("paused: server web1 was not found, and will not come back"),
            "5c000001  stop     20:00 Mon-Fri  UTC  paused: server …  ok\n"
        );
    }

    #[test]
    fn names_and_ids_are_never_cut() {
        let name = "web".repeat(20);
        let rows = [
            [&*name, "4294967296", "off", "env=prod"],
            ["web1", "7", "running", ""],
        ];
        let fitted = |limit| {
            let mut table = Table::new(vec!["name", "id", "status", "labels"]);
            let cells = |row: [&str; 4]| row.map(str::to_owned);
            rows.into_iter().for_each(|row| table.push(cells(row)));
            table.fit(limit, &["labels"]);
            let mut out = Vec::new();
            table.write(&mut out, true).unwrap();
            String::from_utf8(out).unwrap()
        };

        for limit in [10, 40, 60, 80, 120] {
            let text = fitted(limit);
            assert!(text.contains(&format!("{name}  4294967296  off")), "{text}");
            assert_eq!(text.contains("LABELS"), limit > 88, "{text}");
        }
    }

    #[test]
    fn texts_are_narrowed_before_other_columns_are_dropped() {
        let mut table = Table::new(vec!["name", "ip6", "labels"]);
        table.push(["web1", "2001:db8::1", &"x".repeat(200)].map(str::to_owned));

        table.fit(60, &["ip6", "labels"]);

        let mut out = Vec::new();
        table.write(&mut out, false).unwrap();
        let labels = "x".repeat(60 - "web1  2001:db8::1  …".chars().count());
        let line = format!("web1  2001:db8::1  {labels}…\n");
        assert_eq!(String::from_utf8(out).unwrap(), line);
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
