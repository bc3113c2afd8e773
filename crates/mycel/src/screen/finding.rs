//! Draws a finding: the place in the file, what, why, and what to try.

use super::{renderer, wrap};
use annotate_snippets::{Annotation, AnnotationKind, Level, Origin, Snippet};
use planet::{Finding, Label, Report, Severity};
use serde_json::{Value as Json, json};
use std::ops::Range;

/// Places further apart than this are drawn one by one, so that a finding in
/// a large file costs what it shows.
const MAX_WINDOW: usize = 16 << 10;

/// With the gutter before it, a line of this stays under a hundred columns.
const MESSAGE_WIDTH: usize = 84;

/// A file as findings speak of it.
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    /// Empty when the bytes are no text.
    pub(crate) text: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, text: std::str::from_utf8(bytes).unwrap_or("") }
    }

    /// The whole lines that a range touches.
    fn lines(&self, range: Range<usize>) -> Range<usize> {
        let start = self.text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[range.end..].find('\n').map_or(self.text.len(), |at| range.end + at);
        start..end
    }

    /// Line and column, both from 1, of a byte.
    fn position(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// Draws one finding.
pub(crate) fn draw(finding: &Finding, source: &Source<'_>, color: bool) -> String {
    let level = match finding.lint.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(finding.what.as_str()).id(finding.lint.code);
    let origins = finding.labels.is_empty().then(|| Origin::path(source.name));
    let mut group = title.elements(origins);
    for (window, labels) in windows(finding, source) {
        let (line, column) = source.position(window.start);
        if window.len() > MAX_WINDOW {
            let (_, column_of_label) = source.position(labels[0].1.start);
            group = group.element(Origin::path(source.name).line(line).char_column(column + column_of_label - 1));
            continue;
        }
        let snippet = Snippet::source(&source.text[window.clone()]).path(source.name).line_start(line);
        group = group.element(snippet.annotations(labels.into_iter().map(|label| annotation(label, window.start))));
    }
    let (why, hint) = (wrap(finding.lint.why, MESSAGE_WIDTH), wrap(&finding.hint, MESSAGE_WIDTH));
    group = group.element(Level::NOTE.message(&why)).element(Level::HELP.message(&hint));
    renderer(color).render(&[group])
}

/// Points at a place of a file, for what no lint has found.
pub(crate) fn point(what: &str, span: planet::Span, source: &Source<'_>, color: bool) -> String {
    let range = range(&Label { span, text: String::new() }, source.text);
    let window = source.lines(range.clone());
    let (line, _) = source.position(window.start);
    let snippet = Snippet::source(&source.text[window.clone()]).path(source.name).line_start(line);
    let group =
        Level::ERROR.primary_title(what).element(snippet.annotation(annotation((true, range, ""), window.start)));
    renderer(color).render(&[group])
}

type Placed<'f> = (bool, Range<usize>, &'f str);

fn annotation((first, range, text): Placed<'_>, window_start: usize) -> Annotation<'_> {
    let kind = if first { AnnotationKind::Primary } else { AnnotationKind::Context };
    let span = kind.span(range.start - window_start..range.end - window_start);
    if text.is_empty() { span } else { span.label(text) }
}

/// The labels of a finding, gathered into windows of the text.
fn windows<'f>(finding: &'f Finding, source: &Source<'_>) -> Vec<(Range<usize>, Vec<Placed<'f>>)> {
    let mut placed: Vec<Placed<'f>> = finding
        .labels
        .iter()
        .enumerate()
        .map(|(at, label)| (at == 0, range(label, source.text), label.text.as_str()))
        .collect();
    let Some(first) = placed.iter().map(|(_, range, _)| range.start).min() else { return Vec::new() };
    let last = placed.iter().map(|(_, range, _)| range.end).max().unwrap_or(first);
    let together = source.lines(first..last);
    if together.len() <= MAX_WINDOW {
        return vec![(together, placed)];
    }
    placed.drain(..).map(|label| (source.lines(label.1.clone()), vec![label])).collect()
}

/// A label's range inside the text, on character boundaries.
fn range(label: &Label, text: &str) -> Range<usize> {
    let Range { start, end } = label.span.range();
    let start = text.floor_char_boundary(start.min(text.len()));
    start..text.ceil_char_boundary(end.clamp(start, text.len()))
}

/// A finding for programs.
pub(crate) fn to_json(finding: &Finding, source: &Source<'_>) -> Json {
    let place = |label: &Label| {
        let range = range(label, source.text);
        let (line, column) = source.position(range.start);
        let (end_line, end_column) = source.position(range.end);
        json!({
            "line": line, "column": column, "end_line": end_line, "end_column": end_column,
            "start": range.start, "end": range.end, "label": label.text,
        })
    };
    json!({
        "code": finding.lint.code,
        "severity": finding.lint.severity,
        "message": finding.what,
        "why": finding.lint.why,
        "try": finding.hint,
        "places": finding.labels.iter().map(place).collect::<Vec<_>>(),
    })
}

/// "2 errors, 1 warning", or that there is nothing.
pub(crate) fn summary(report: &Report) -> String {
    let plural = |count: u64, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut parts = Vec::new();
    if report.errors() > 0 {
        parts.push(plural(report.errors(), "error"));
    }
    if report.warnings() > 0 {
        parts.push(plural(report.warnings(), "warning"));
    }
    if report.hidden() > 0 {
        parts.push(format!("{} more of the same kinds not shown", report.hidden()));
    }
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}
