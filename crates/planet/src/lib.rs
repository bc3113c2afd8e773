//! The planet file: what it may say, whether it contradicts itself, what it
//! means in blocks and machines, and what that costs.
//!
//! Pure: it is handed text and returns findings, plans and prices. It must
//! never read a file, a clock or a random number, and it must never panic or
//! grow beyond its bounds on any text whatever (`fuzz/` holds it to that).

mod file;
mod finding;
pub mod law;
pub mod lint;
mod model;
pub mod plan;
pub mod price;
mod tables;

pub use file::section::Named;
pub use file::span::{At, Span};
pub use file::value::{Name, PublicKey, Text};
pub use finding::{Finding, Label, Report, Severity};
pub use model::*;
pub use tables::{CALIBRATION, PRICES, Tables};

use file::read::Reader;
use file::schema::Schemas;
use file::section::Section;
use file::tree::Tree;

/// The longest planet file that is read. A planet of 10,000 regions, each with
/// all it can say, is about 4 MB.
pub const MAX_FILE_BYTES: usize = 8 << 20;

/// Reads a planet file. The report says all that is wrong with it; the planet
/// is there when nothing was.
#[must_use]
pub fn parse(bytes: &[u8]) -> (Option<Planet>, Report) {
    read(bytes)
}

/// Reads a file that is one section.
fn read<S: Section>(bytes: &[u8]) -> (Option<S>, Report) {
    let mut report = Report::default();
    let section = text(bytes, &mut report).and_then(|text| section::<S>(text, &mut report));
    report.sort();
    (section.filter(|_| report.errors() == 0), report)
}

/// The JSON Schema that a planet file satisfies, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    Schemas::document::<Planet>("A Mycel planet")
}

/// The bytes as text of a bearable size.
fn text<'b>(bytes: &'b [u8], report: &mut Report) -> Option<&'b str> {
    if bytes.len() > MAX_FILE_BYTES {
        let what = format!("the file is {} bytes long; {MAX_FILE_BYTES} are read", bytes.len());
        report.add(&lint::file::TOO_LARGE, what);
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let what = format!("byte {} of the file is not UTF-8 text", error.valid_up_to());
            report.add(&lint::file::NOT_TOML, what).hint("save the file as UTF-8");
            None
        }
    }
}

/// Reads text as one section.
fn section<S: Section>(text: &str, report: &mut Report) -> Option<S> {
    if Tree::is_too_large(text) {
        report.add(&lint::file::TOO_LARGE, "the file has more keys and values than a planet can have");
        return None;
    }
    let (tree, errors) = Tree::parse(text);
    for error in &errors {
        let finding = report.add(&lint::file::NOT_TOML, error.what.clone()).at(error.span, "");
        if let Some(earlier) = error.earlier {
            finding.at(earlier, "it was set here");
        }
    }
    // A tree with mistakes is not read on: a missing quote would otherwise be
    // reported as a dozen missing keys.
    errors.is_empty().then(|| Reader::root(&tree, report).whole())?
}
