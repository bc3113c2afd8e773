//! `mycel check`: looks for mistakes and draws them.

use crate::Verdict;
use crate::cli::CheckArgs;
use crate::failure::Failure;
use crate::files;
use crate::screen::finding::{Source, draw, summary, to_json};
use crate::screen::{Screen, paint, wrap};
use anstyle::{AnsiColor, Style};
use planet::lint::{self, Lint};
use planet::{Report, Severity, Tables};
use serde_json::{Value as Json, json};
use std::path::Path;

/// As wide as a page of a book.
const EXPLANATION_WIDTH: usize = 78;

pub(crate) fn run(args: &CheckArgs, screen: &Screen) -> Result<Verdict, Failure> {
    if let Some(code) = &args.explain {
        return explain(code, screen);
    }
    if args.list {
        return list(screen);
    }
    files::once(&args.files)?;
    let tables = files::tables(&args.tables, screen)?;
    let mut verdict = Verdict::Good;
    let mut files_json = Vec::new();
    for path in &args.files {
        // A file that cannot be read does not keep the others from being looked at.
        let (found, json) = match files::read(path) {
            Ok(bytes) => file(path, &bytes, args.strict, &tables, screen)?,
            Err(failure @ Failure::Told { .. }) => unreadable(path, &failure, screen),
            Err(closed) => return Err(closed),
        };
        if found == Verdict::Bad {
            verdict = Verdict::Bad;
        }
        files_json.push(json);
    }
    if screen.is_json() {
        screen.json(&json!({ "version": 1, "files": files_json }))?;
    }
    Ok(verdict)
}

/// Looks at one file, and shows what it finds to people.
fn file(path: &Path, bytes: &[u8], strict: bool, tables: &Tables, screen: &Screen) -> Result<(Verdict, Json), Failure> {
    let (planet, mut report) = planet::parse(bytes);
    if let Some(planet) = &planet {
        lint::check(planet, tables, &mut report);
    }
    let source_name = files::name(path);
    let source = Source::new(&source_name, bytes);
    if !screen.is_json() {
        show(&report, &source, path, screen)?;
    }
    let bad = report.errors() > 0 || (strict && report.warnings() > 0);
    Ok((if bad { Verdict::Bad } else { Verdict::Good }, file_json(&report, &source)))
}

fn unreadable(path: &Path, failure: &Failure, screen: &Screen) -> (Verdict, Json) {
    if !screen.is_json() {
        screen.complain(failure);
    }
    (Verdict::Bad, json!({ "file": files::name(path), "error": failure.to_string(), "findings": [] }))
}

fn show(report: &Report, source: &Source<'_>, path: &Path, screen: &Screen) -> Result<(), Failure> {
    for finding in report.findings() {
        screen.data(format_args!("{}\n", draw(finding, source, screen.colors_data())))?;
    }
    screen.say(format_args!("{}: {}", files::name(path), summary(report)));
    Ok(())
}

fn file_json(report: &Report, source: &Source<'_>) -> Json {
    json!({
        "file": source.name,
        "errors": report.errors(),
        "warnings": report.warnings(),
        "hidden": report.hidden(),
        "findings": report.findings().iter().map(|finding| to_json(finding, source)).collect::<Vec<_>>(),
    })
}

fn explain(code: &str, screen: &Screen) -> Result<Verdict, Failure> {
    let lint = lint::by_code(code).ok_or_else(|| {
        Failure::told(format!("no lint is called `{code}`"), "`mycel check --list` shows all of them")
    })?;
    if screen.is_json() {
        screen.json(&lint_json(lint))?;
        return Ok(Verdict::Good);
    }
    let color = screen.colors_data();
    let bold = Style::new().bold();
    screen.data(format_args!(
        "{} {}: {}\n\n{}\n{}\n\n{}\n{}",
        paint(color, severity_style(lint.severity), lint.code),
        word(lint.severity),
        paint(color, bold, lint.title),
        paint(color, bold, "Why"),
        wrap(lint.why, EXPLANATION_WIDTH),
        paint(color, bold, "Try"),
        wrap(lint.hint, EXPLANATION_WIDTH),
    ))?;
    Ok(Verdict::Good)
}

fn list(screen: &Screen) -> Result<Verdict, Failure> {
    if screen.is_json() {
        let lints: Vec<_> = lint::all().into_iter().map(lint_json).collect();
        screen.json(&json!({ "version": 1, "lints": lints }))?;
        return Ok(Verdict::Good);
    }
    for lint in lint::all() {
        let code = paint(screen.colors_data(), severity_style(lint.severity), lint.code);
        screen.data(format_args!("{code}  {:7}  {}", word(lint.severity), lint.title))?;
    }
    Ok(Verdict::Good)
}

fn lint_json(lint: &Lint) -> Json {
    json!({
        "version": 1,
        "code": lint.code,
        "severity": lint.severity,
        "title": lint.title,
        "why": lint.why,
        "try": lint.hint,
    })
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

const fn severity_style(severity: Severity) -> Style {
    match severity {
        Severity::Error => AnsiColor::BrightRed.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
    }
}
