//! The line of a key, on the disk: in `NAME.line` the statements by which each
//! of its keys gave its place to the next, a line of letters each, the first
//! first.
//!
//! It is public, and proves itself: whoever knows one of its keys follows it to
//! the present one. What is in it must never be taken back nor said otherwise:
//! two statements of one number are a fork for whoever has seen both.

use crate::folder::{self, KeyError, failed};
use crate::statement;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use trust::rotation::{LONGEST_NOTICE, Line, MOST_ROTATIONS, Statement};
use trust::{AgentId, Moment, PlanetId};

/// Letters of a statement, and the end of its line.
const LETTERS: usize = 2 * Statement::LEN + 1;

/// Where the line of a key is.
#[must_use]
pub fn file(keys: &Path, name: &str) -> PathBuf {
    keys.join(format!("{name}.line"))
}

/// Statements as text.
#[must_use]
pub fn text(statements: &[Statement]) -> String {
    let letters = |statement: &Statement| format!("{}\n", statement::Letters(&statement.to_bytes()));
    statements.iter().map(letters).collect()
}

/// Reads statements, and believes nothing of them: `Line::read` does that.
#[must_use]
pub fn parse(letters: &str) -> Option<Vec<Statement>> {
    if u64::try_from(letters.len() / LETTERS).unwrap_or(u64::MAX) > MOST_ROTATIONS {
        return None;
    }
    let statement = |line: &str| {
        let bytes: [u8; Statement::LEN] = statement::bytes(line)?;
        Statement::from_bytes(&bytes).ok()
    };
    let statements = letters.lines().map(statement).collect::<Option<Vec<_>>>()?;
    // One line has one text.
    (text(&statements) == letters).then_some(statements)
}

/// The text of a key's line; empty when it has given its place to none.
///
/// # Errors
/// When the disk refuses.
pub fn letters(keys: &Path, name: &str) -> Result<String, KeyError> {
    let file = file(keys, name);
    let what = || format!("read {}", file.display());
    let open = match File::open(&file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(failed(what())(error)),
    };
    let most = MOST_ROTATIONS.saturating_add(1).saturating_mul(u64::try_from(LETTERS).unwrap_or(u64::MAX));
    let mut letters = String::new();
    open.take(most).read_to_string(&mut letters).map_err(failed(what()))?;
    Ok(letters)
}

/// The statements of a key's line; none when it has given its place to none.
///
/// # Errors
/// When the disk refuses, or the file is no line.
pub fn read(keys: &Path, name: &str) -> Result<Vec<Statement>, KeyError> {
    parse(&letters(keys, name)?).ok_or_else(|| damaged(keys, name, "it is no line of keys"))
}

/// The statements by which a line came to one of its keys: what it has said
/// beyond that has not come about. None of another line.
#[must_use]
pub fn up_to(mut statements: Vec<Statement>, key: AgentId) -> Vec<Statement> {
    let many = statements.iter().position(|statement| statement.new == key).map_or(0, |at| at + 1);
    statements.truncate(many);
    statements
}

/// Writes a line, whole.
pub(crate) fn write(keys: &Path, name: &str, statements: &[Statement]) -> Result<(), KeyError> {
    folder::replace(&file(keys, name), text(statements).as_bytes())
}

/// Brings a line to another folder, under the name that it has there, when that
/// has not got it.
///
/// # Errors
/// When the disk refuses.
pub fn bring((from, name): (&Path, &str), (to, called): (&Path, &str)) -> Result<(), KeyError> {
    let there = letters(from, name)?;
    if there.is_empty() || letters(to, called).is_ok_and(|known| known == there) {
        return Ok(());
    }
    folder::replace(&file(to, called), there.as_bytes())
}

pub(crate) fn damaged(keys: &Path, name: &str, what: impl Into<String>) -> KeyError {
    KeyError::Damaged { file: file(keys, name).display().to_string(), what: what.into() }
}

/// The time as of which a line in a folder is read. What a clock that was far
/// ahead has written there stands for good: to refuse it for its time would keep
/// a planet from starting until that time has come.
#[must_use]
pub(crate) fn as_of(statements: &[Statement], now: Moment) -> Moment {
    let soonest = |last: &Statement| Moment(last.from.0.saturating_sub(LONGEST_NOTICE.0));
    statements.last().map_or(now, |last| now.max(soonest(last)))
}

/// A key that somebody told, and all that follow from it.
#[derive(Debug, Clone)]
pub struct Followed {
    told: AgentId,
    line: Option<Line>,
}

impl Followed {
    /// A key with the statements of a line; those of a line that it is not in
    /// say nothing about it.
    ///
    /// # Errors
    /// With the reason, when the line does not hold.
    pub fn new(
        told: AgentId,
        statements: &[Statement],
        planet: PlanetId,
        now: Moment,
    ) -> Result<Self, trust::rotation::Refused> {
        let line = Line::read(statements, as_of(statements, now))?;
        Ok(Self { told, line: line.filter(|line| line.planet() == planet && line.has(told)) })
    }

    /// The last key that is known.
    #[must_use]
    pub fn present(&self) -> AgentId {
        self.line.as_ref().map_or(self.told, Line::newest)
    }

    /// Whether a key is believed: the last one, and for as long as they overlap
    /// the one before it.
    #[must_use]
    pub fn believes(&self, key: AgentId, now: Moment) -> bool {
        self.line.as_ref().map_or(self.told == key, |line| line.believes(key, now))
    }

    /// All that are.
    pub fn all(&self, now: Moment) -> impl Iterator<Item = AgentId> {
        let others = self.line.iter().flat_map(move |line| line.keys_at(now).map(trust::sign::PublicKey::id));
        let present = self.present();
        std::iter::once(present).chain(others.filter(move |key| *key != present))
    }
}
