//! What a viewer already has of a screen, and so what it still needs.

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

    /// The smallest area with both in it.
    pub(crate) fn join(self, other: Option<Self>) -> Self {
        let Some(other) = other else { return self };
        let span = |a: Range<usize>, b: Range<usize>| a.start.min(b.start)..a.end.max(b.end);
        Self {
            lines: span(self.lines, other.lines),
            columns: span(self.columns, other.columns),
        }
    }
}

/// One cell as it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) character: char,
    pub(crate) cursor: bool,
}

impl Screen {
    /// What to draw at a place.
    pub(crate) fn cell(&self, line: usize, column: usize) -> Cell {
        let cursor = self.cursor();
        Cell {
            character: self.line(line)[column],
            cursor: line == cursor.line && column == cursor.column.min(COLUMNS - 1),
        }
    }
}

/// The cells that a viewer has, `None` where it has nothing or has lost it.
#[derive(Debug)]
pub(crate) struct View([[Option<Cell>; COLUMNS]; LINES]);

impl View {
    pub(crate) fn empty() -> Self {
        Self([[None; COLUMNS]; LINES])
    }

    /// The viewer has lost what it had of `area`.
    pub(crate) fn forget(&mut self, area: &Area) {
        for line in &mut self.0[area.lines.clone()] {
            line[area.columns.clone()].fill(None);
        }
    }

    /// The parts of `area` that differ from `screen`, at most one per line; from now on the viewer has them.
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
    fn change_outside_the_wanted_area_is_kept_for_later() {
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
    fn forgotten_area_is_needed_again() {
        let screen = Screen::blank();
        let mut view = up_to_date(&screen);

        let corner = Area {
            lines: 23..25,
            columns: 78..80,
        };
        view.forget(&corner);

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
