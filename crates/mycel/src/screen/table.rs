//! Tables for people: columns as wide as their widest cell, and no frame.
//!
//! A page of code, because the table crates that know about colour bring a
//! terminal library along.

use super::paint;
use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

/// Rows beyond this are counted, not shown: nobody reads them, and JSON has
/// them all.
const MAX_ROWS: usize = 48;

/// A table under construction.
pub(crate) struct Table {
    words: Vec<bool>,
    rows: Vec<(Style, Vec<String>)>,
    left_out: usize,
    color: bool,
}

impl Table {
    /// A heading that begins with `<` is of a column of words; the others are
    /// of numbers, and stand to the right.
    pub(crate) fn new(headings: &[&str], color: bool) -> Self {
        let words = headings.iter().map(|heading| heading.starts_with('<')).collect();
        let head = headings.iter().map(|heading| heading.trim_start_matches('<').to_owned()).collect();
        Self { words, rows: vec![(Style::new().dimmed(), head)], left_out: 0, color }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        if self.rows.len() > MAX_ROWS {
            self.left_out += 1;
        } else {
            self.rows.push((Style::new(), cells.into_iter().collect()));
        }
    }

    /// A last row that stands out: the sum.
    pub(crate) fn sum(&mut self, cells: impl IntoIterator<Item = String>) {
        if self.left_out > 0 {
            self.rows.push((Style::new().dimmed(), vec![format!("… {} more; --json has them all", self.left_out)]));
        }
        self.rows.push((Style::new().bold(), cells.into_iter().collect()));
    }

    pub(crate) fn text(&self) -> String {
        let lines: Vec<_> =
            self.rows.iter().map(|(style, cells)| paint(self.color, *style, self.line(cells))).collect();
        lines.join("\n")
    }

    fn line(&self, cells: &[String]) -> String {
        let mut line = String::new();
        for (at, cell) in cells.iter().enumerate() {
            let padding = " ".repeat(self.width(at).saturating_sub(cell.width()));
            let (before, after) = if self.words[at] { ("", padding.as_str()) } else { (padding.as_str(), "") };
            line.push_str("  ");
            line.push_str(before);
            line.push_str(cell);
            line.push_str(after);
        }
        line.trim_end().to_owned()
    }

    /// The widest cell of a column, but for the row that says what is left out.
    fn width(&self, column: usize) -> usize {
        let whole = self.rows.iter().filter(|(_, cells)| cells.len() > 1);
        whole.filter_map(|(_, cells)| cells.get(column)).map(|cell| cell.width()).max().unwrap_or(0)
    }
}
