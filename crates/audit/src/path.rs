//! What tiles and bundles of entries are called (`c2sp.org/tlog-tiles`).

use crate::Malformed;
use crate::note::decimal;
use std::fmt;

/// Hashes of a full tile, and entries of a full bundle.
pub const WIDTH: usize = 256;

/// What a file of a log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Hashes of this level, each over 256 of the one below.
    Tile(u8),
    /// Entries.
    Entries,
}

/// One file of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// What it holds.
    pub row: Row,
    /// Which of these, counted from 0.
    pub index: u64,
    /// How many hashes or entries, from 1 to [`WIDTH`].
    pub width: usize,
}

impl Path {
    /// The name of the file in which something stands, when there are so many.
    #[must_use]
    pub fn holding(row: Row, index: u64, count: u64) -> Self {
        let wide = crate::number::wide(WIDTH);
        let width = crate::number::size(count.saturating_sub(index.saturating_mul(wide)).min(wide));
        Self { row, index, width }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// When it is not the one name of such a file.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let bad = Malformed("a file of a log is tile/LEVEL/INDEX or tile/entries/INDEX, and .p/WIDTH when not full");
        let (row, rest) = text.strip_prefix("tile/").and_then(|rest| rest.split_once('/')).ok_or(bad)?;
        let row = match row {
            "entries" => Row::Entries,
            level => {
                Row::Tile(decimal(level).and_then(|level| u8::try_from(level).ok()).filter(|at| *at < 64).ok_or(bad)?)
            }
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width).map(crate::number::size).ok_or(bad)?),
            None => (rest, WIDTH),
        };
        if width == 0 || width > WIDTH || index.len() > 40 {
            return Err(bad);
        }
        let digits: String = index.chars().filter(char::is_ascii_digit).collect();
        let path = Self { row, index: digits.parse().map_err(|_| bad)?, width };
        if path.to_string() == text { Ok(path) } else { Err(bad) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.row {
            Row::Tile(level) => write!(f, "tile/{level}/")?,
            Row::Entries => f.write_str("tile/entries/")?,
        }
        let mut unit = 1;
        while self.index / unit >= 1_000 {
            unit *= 1_000;
        }
        while unit > 1 {
            write!(f, "x{:03}/", self.index / unit % 1_000)?;
            unit /= 1_000;
        }
        write!(f, "{:03}", self.index % 1_000)?;
        if self.width < WIDTH { write!(f, ".p/{}", self.width) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let named = |row, index, width| Path { row, index, width }.to_string();
        assert_eq!(named(Row::Tile(0), 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(named(Row::Entries, 273, 112), "tile/entries/273.p/112");
        assert_eq!(named(Row::Tile(2), 0, 1), "tile/2/000.p/1");
        for index in [0, 999, 1_000, 999_999, 1_000_000, u64::MAX] {
            for width in [1, 255, 256] {
                let path = Path { row: Row::Tile(3), index, width };
                assert_eq!(Path::parse(&path.to_string()), Ok(path));
            }
        }
        for wrong in [
            "tile/00/000",
            "tile/64/000",
            "tile/0/00",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/001/001",
            "tile/0/",
            "tile/entries",
            "tile/0/x999/x999/x999/x999/x999/x999/999/",
        ] {
            assert!(Path::parse(wrong).is_err(), "{wrong}");
        }
    }
}
