//! Lints of this part of the file.

use super::Lint;

pub(super) const ALL: &[&Lint] = &[];
