//! The cells that a viewer has received, to find the changes it still needs.

use std::ops::Range;

use super::screen::{COLUMNS, LINES, Screen};

/// A rectangle of character cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) lines: Range<usize>,
    pub(crate) columns: Range<usize>,
}

impl Area {
    #[cfg(test)]
    pub(crate) const ALL: Self = Self {
        lines: 0..LINES,
        columns: 0..COLUMNS,
    };

    /// Returns the smallest area that contains both.
    pub(crate) fn join(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        let span = |a: Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        Self {
            lines: span(self.lines, other.lines),
            columns: span(self.columns, other.columns),
        }
    }
}

/// A character cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) character: char,
    pub(crate) cursor: bool,
}

impl Screen {
    /// Returns the cell at a position.
    pub(crate) fn cell(&self, line: usize, column: usize) -> Cell {
        let cursor = self.cursor();
        Cell {
            character: self.line(line)[column],
            cursor: line == cursor.line && column == cursor.column.min(COLUMNS - 1),
        }
    }
}

/// The cells that a viewer has received; `None` if it has none at a position.
#[derive(Debug)]
pub(crate) struct View([[Option<Cell>; COLUMNS]; LINES]);

impl View {
    pub(crate) fn empty() -> Self {
        Self([[None; COLUMNS]; LINES])
    }

    /// Marks the cells of `area` as not received.
    pub(crate) fn invalidate(&mut self, area: &Area) {
        for line in &mut self.0[area.lines.clone()] {
            line[area.columns.clone()].fill(None);
        }
    }

    /// Returns the parts of `area` that differ from `screen`, at most one per line, and marks them as received.
    pub(crate) fn catch_up(&mut self, screen: &Screen, area: &Area) -> Vec<Area> {
        area.lines
            .clone()
            .filter_map(|line| {
                let columns = self.catch_up_line(screen, line, area.columns.clone())?;
                Some(Area {
                    lines: line..line + 1,
                    columns,
                })
            })
            .collect()
    }

    fn catch_up_line(
        &mut self,
        screen: &Screen,
        line: usize,
        columns: Range<usize>,
    ) -> Option<Range<usize>> {
        let mut changed: Option<Range<usize>> = None;
        for column in columns {
            let cell = Some(screen.cell(line, column));
            if self.0[line][column] != cell {
                self.0[line][column] = cell;
                changed = Some(changed.map_or(column, |changed| changed.start)..column + 1);
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to_date(screen: &Screen) -> View {
        let mut view = View::empty();
        view.catch_up(screen, &Area::ALL);
        view
    }

    #[test]
    fn new_viewer_needs_everything() {
        assert_eq!(
            View::empty().catch_up(&Screen::blank(), &Area::ALL).len(),
            LINES
        );
    }

    #[test]
    fn typed_character_needs_its_cell_and_the_cursor() {
        let mut screen = Screen::blank();
        screen.print("ab");
        let mut view = up_to_date(&screen);

        screen.print("c");

        assert_eq!(
            view.catch_up(&screen, &Area::ALL),
            [Area {
                lines: 0..1,
                columns: 2..4
            }]
        );
        assert_eq!(view.catch_up(&screen, &Area::ALL), []);
    }

    #[test]
    fn change_outside_of_the_requested_area_is_sent_later() {
        let mut screen = Screen::blank();
        let mut view = up_to_date(&screen);

        screen.print("\nx");

        let first_line = Area {
            lines: 0..1,
            columns: 0..COLUMNS,
        };
        assert_eq!(
            view.catch_up(&screen, &first_line),
            [Area {
                lines: 0..1,
                columns: 0..1
            }]
        );
        assert_eq!(
            view.catch_up(&screen, &Area::ALL),
            [Area {
                lines: 1..2,
                columns: 0..2
            }]
        );
    }

    #[test]
    fn invalidated_area_is_sent_again() {
        let screen = Screen::blank();
        let mut view = up_to_date(&screen);

        let corner = Area {
            lines: 23..25,
            columns: 78..80,
        };
        view.invalidate(&corner);

        assert_eq!(
            view.catch_up(&screen, &Area::ALL),
            [
                Area {
                    lines: 23..24,
                    columns: 78..80
                },
                Area {
                    lines: 24..25,
                    columns: 78..80
                }
            ]
        );
    }
}
