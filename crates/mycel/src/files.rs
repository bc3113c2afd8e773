//! Reading files, never more of them than can be a planet.

use crate::cli::TableArgs;
use crate::failure::Failure;
use crate::screen::Screen;
use crate::screen::finding::{Source, draw, summary};
use planet::plan::calibration::Calibration;
use planet::price::book::Book;
use planet::{Planet, Report, Tables, lint};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Reads a file, or standard input for `-`. One byte more than a planet may
/// have is enough to say that it is too large.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let limit = planet::MAX_FILE_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    let result = if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| {
            // A folder opens, and only fails when it is read.
            let size = file.metadata()?.len().min(limit);
            bytes.reserve_exact(usize::try_from(size).unwrap_or(0));
            file.take(limit).read_to_end(&mut bytes)
        })
    };
    let hint = "check the path; `mycel new` writes a planet file to begin with";
    result.map_err(|error| Failure::missing(path, &error, hint))?;
    Ok(bytes)
}

/// Standard input can be read once.
pub(crate) fn once<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    if paths.into_iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Failure::told("standard input cannot be read twice", "name a file for one of the two"));
    }
    Ok(())
}

/// What a file is called in messages.
pub(crate) fn name(path: &Path) -> String {
    if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() }
}

/// Reads a planet. What is wrong with it goes to stderr; what a lint says is
/// only counted, because the file can be understood.
pub(crate) fn planet(path: &Path, tables: &Tables, screen: &Screen) -> Result<Planet, Failure> {
    planet_and_text(path, tables, screen).map(|(planet, _)| planet)
}

/// SHA-256, by which an audit log tells one file from another.
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// The same, with the text that it was read from.
pub(crate) fn planet_and_text(path: &Path, tables: &Tables, screen: &Screen) -> Result<(Planet, String), Failure> {
    let bytes = read(path)?;
    let (planet, report) = planet::parse(&bytes);
    let planet = understood(planet, &report, path, &bytes, screen)?;
    let mut report = report;
    lint::check(&planet, tables, &mut report);
    if report.errors() + report.warnings() > 0 {
        let name = name(path);
        screen.say(format_args!("{name}: {}; `mycel check` shows them", summary(&report)));
    }
    Ok((planet, String::from_utf8(bytes).unwrap_or_default()))
}

/// The figures and prices that were asked for, or the built-in ones.
pub(crate) fn tables(args: &TableArgs, screen: &Screen) -> Result<Tables, Failure> {
    let mut tables = Tables::builtin();
    if let Some(path) = &args.calibration {
        let bytes = read(path)?;
        let (calibration, report) = Calibration::parse(&bytes);
        tables.calibration = understood(calibration, &report, path, &bytes, screen)?;
    }
    if let Some(path) = &args.prices {
        let bytes = read(path)?;
        let (book, report) = Book::parse(&bytes);
        tables.book = understood(book, &report, path, &bytes, screen)?;
    }
    Ok(tables)
}

fn understood<T>(value: Option<T>, report: &Report, path: &Path, bytes: &[u8], screen: &Screen) -> Result<T, Failure> {
    let name = name(path);
    let source = Source::new(&name, bytes);
    for finding in report.findings() {
        screen.say(format_args!("{}\n", draw(finding, &source, screen.colors_notes())));
    }
    value.ok_or_else(|| {
        Failure::told(format!("{name} cannot be understood: {}", summary(report)), "mend the file at the marks")
    })
}
