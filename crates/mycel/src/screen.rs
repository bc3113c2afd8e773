//! Where output goes: data to stdout, the rest to stderr, colour only where a
//! person looks.

use crate::cli::Color;
use crate::failure::Failure;
use annotate_snippets::Renderer;
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

pub(crate) mod finding;
pub(crate) mod table;

/// The two streams, and whether each takes colour.
#[derive(Debug)]
pub(crate) struct Screen {
    color_out: bool,
    color_err: bool,
    json: bool,
    hushed: bool,
}

impl Screen {
    pub(crate) fn new(color: Color, json: bool) -> Self {
        let wanted = |is_terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                is_terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        let (color_out, color_err) = (wanted(io::stdout().is_terminal()), wanted(io::stderr().is_terminal()));
        Self { color_out, color_err, json, hushed: false }
    }

    /// The same for a process that another one began and speaks for: it says
    /// nothing that is not data.
    pub(crate) const fn hushed(self) -> Self {
        Self { hushed: true, ..self }
    }

    /// Prints data.
    pub(crate) fn data(&self, text: impl Display) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    /// Whether a program reads the output.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints data as JSON.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
        writeln!(out)?;
        Ok(out.flush()?)
    }

    /// Says something that is not data. A closed stderr is nobody's problem.
    pub(crate) fn say(&self, text: impl Display) {
        if self.hushed {
            return;
        }
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Says why a command failed and what to try; to a program on stdout, where
    /// it reads.
    pub(crate) fn complain(&self, failure: &Failure) {
        if let (true, Failure::Told { what, hint }) = (self.json, failure) {
            let _ = self.json(&serde_json::json!({ "version": 1, "error": { "what": what, "try": hint } }));
        }
        let error = AnsiColor::BrightRed.on_default().bold();
        self.say(format_args!("{} {failure}", paint(self.color_err, error, "error:")));
        if let Failure::Told { hint, .. } = failure {
            self.say(format_args!("  {} {hint}", paint(self.color_err, Style::new().bold(), "try:")));
        }
    }

    pub(crate) const fn colors_notes(&self) -> bool {
        self.color_err
    }

    pub(crate) const fn colors_data(&self) -> bool {
        self.color_out
    }
}

fn set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// The painter of findings. Its width is fixed, so that the same file gives
/// the same bytes on every terminal.
pub(crate) fn renderer(color: bool) -> Renderer {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    renderer.term_width(100)
}

/// Breaks a sentence into lines that are pleasant to read.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// Text in a style, where there is colour.
pub(crate) fn paint(color: bool, style: Style, text: impl Display) -> String {
    if color { format!("{style}{text}{style:#}") } else { text.to_string() }
}
