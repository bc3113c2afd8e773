//! Why a command could not do its work, and what to try.

use planet::plan::Unplannable;
use std::fmt;
use std::io;
use std::path::Path;

/// A command's failure. Each says what, why and what to try.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read our output has gone; there is nobody to tell.
    PipeClosed,
    /// Something that the user can change.
    Told { what: String, hint: String },
}

impl Failure {
    pub(crate) fn told(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Told { what: what.into(), hint: hint.into() }
    }

    /// The same, where whoever asked knows better what to try when a file is not
    /// there.
    pub(crate) fn missing(path: &Path, error: &io::Error, hint: &str) -> Self {
        match (Self::file("read", path, error), error.kind()) {
            (Self::Told { what, .. }, io::ErrorKind::NotFound) => Self::told(what, hint),
            (other, _) => other,
        }
    }

    /// A file that could not be read or written.
    pub(crate) fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::NotFound if doing == "read" => "check the path",
            io::ErrorKind::NotFound => "make its folder first",
            io::ErrorKind::PermissionDenied => "check the permissions of the file and of its folder",
            io::ErrorKind::AlreadyExists => "choose another name with --out, or move the file away",
            io::ErrorKind::IsADirectory => "name a file in that folder",
            _ => "check the disk and the path",
        };
        Self::told(format!("cannot {doing} {}: {error}", path.display()), hint)
    }
}

impl From<Unplannable> for Failure {
    fn from(why: Unplannable) -> Self {
        Self::told(why.what, why.hint)
    }
}

impl From<policy::atlas::Unroutable> for Failure {
    fn from(why: policy::atlas::Unroutable) -> Self {
        Self::told(why.to_string(), why.hint())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Self::told(format!("cannot write the output: {error}"), "check where the output goes")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PipeClosed => f.write_str("the output was closed"),
            Self::Told { what, .. } => f.write_str(what),
        }
    }
}
