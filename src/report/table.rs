//! Lists such as `runs list` and `discover`: aligned columns without lines, no wider than the terminal.

use super::figures::tame;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement};

/// A list with a head.
#[derive(Debug, Clone)]
pub struct Table {
    inner: comfy_table::Table,
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

impl Table {
    /// A list with these columns.
    #[must_use]
    pub fn new(columns: &[(&str, Align)]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner.load_style(NOTHING);
        inner.set_header(columns.iter().map(|(name, _)| name.to_uppercase()));
        for ((_, align), column) in columns.iter().zip(inner.column_iter_mut()) {
            column.set_padding((0, 2));
            column.set_cell_alignment(match align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        Self { inner }
    }

    /// Adds a line; control characters in foreign text are shown, not obeyed.
    pub fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) -> &mut Self {
        self.inner.add_row(cells.into_iter().map(|cell| tame(cell.as_ref())).collect::<Vec<_>>());
        self
    }

    /// Whether there is no line but the head.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// The list as lines, each ended by a line feed; cells are wrapped where `width` does not suffice. Without a
    /// width, as for a pipe, nothing is wrapped.
    #[must_use]
    pub fn render(&self, width: Option<u16>) -> String {
        let mut table = self.inner.clone();
        if let Some(width) = width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Table {
        let mut table = Table::new(&[("run", Align::Left), ("read", Align::Right), ("status", Align::Left)]);
        table.row(["20261122-0715-import-people-k3f9", "12,300", "done"]);
        table.row(["20261123-0000-export-contacts-x2ab", "7", "stopped"]);
        table
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_trailing_blanks() {
        assert_eq!(
            runs().render(None),
            "RUN                                   READ  STATUS\n\
             20261122-0715-import-people-k3f9    12,300  done\n\
             20261123-0000-export-contacts-x2ab       7  stopped\n"
        );
    }

    #[test]
    fn a_narrow_terminal_wraps_cells() {
        let narrow = runs().render(Some(40));
        assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
        assert!(narrow.lines().count() > 3);
    }
}
