//! What is rendered: files with their paths, in order, and what has to be said
//! about them.

use crate::Refused;

/// A rendered file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where, below the folder that is rendered to; its parts are divided by
    /// `/`, and none of them leads out of it.
    pub path: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The target that it is of.
    pub target: &'static str,
    /// The region that it is of.
    pub region: Option<String>,
}

/// All that is rendered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    files: Vec<File>,
    notes: Vec<String>,
    target: &'static str,
    region: Option<String>,
}

impl Tree {
    /// The files, sorted by path.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// What the planet asks for and these files do not give.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What is added by `render` is of this target and region.
    pub(crate) fn of(
        &mut self,
        target: &'static str,
        region: Option<&str>,
        render: impl FnOnce(&mut Self) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        (self.target, self.region) = (target, region.map(str::to_owned));
        render(self)
    }

    /// Adds a file, in the folder of its target and region.
    pub(crate) fn add(&mut self, name: &str, bytes: impl Into<Vec<u8>>) {
        let folder = self.region.as_deref().map_or_else(String::new, |region| format!("{region}/"));
        let path = format!("{}/{folder}{name}", self.target);
        self.files.push(File { path, bytes: bytes.into(), target: self.target, region: self.region.clone() });
    }

    /// Says what is not there, once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(crate) fn sort(&mut self) {
        self.files.sort_by(|one, two| one.path.cmp(&two.path));
    }
}
