//! What a reader is told about a planet file: findings, and the report that
//! collects them.

use crate::file::span::Span;
use crate::lint::Lint;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the planet works as written.
    Warning,
    /// The planet contradicts itself or cannot work.
    Error,
}

/// A place in the file with a word about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

/// One thing that is wrong, or looks wrong.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The lint that found it: its code, its severity and its reasons.
    pub lint: &'static Lint,
    /// What is wrong, with the values that are wrong.
    pub what: String,
    /// Where; the first is the cause, the others are what it clashes with.
    pub labels: Vec<Label>,
    /// What to try, for these values.
    pub hint: String,
}

impl Finding {
    /// Names a place; the first one named is the finding's own. A default of a
    /// section that the file leaves out has no place, so it is not shown.
    pub(crate) fn at(&mut self, span: Span, text: impl Into<String>) -> &mut Self {
        if span != Span::default() {
            self.labels.push(Label { span, text: text.into() });
        }
        self
    }

    /// Says what to try, where the values allow better advice than the lint's.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = hint.into();
        self
    }
}

/// The same mistake is shown this often; the rest is counted. A planet of
/// 10,000 regions may make one mistake 10,000 times.
const MAX_OF_ONE_KIND: usize = 8;

/// All findings of one file.
#[derive(Debug, Default)]
pub struct Report {
    findings: Vec<Finding>,
    hidden: u64,
    errors: u64,
    warnings: u64,
    /// Where a finding goes that is counted but not shown.
    overflow: Option<Box<Finding>>,
}

impl Report {
    /// The findings in the order of the file.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// How many errors, shown or not.
    #[must_use]
    pub const fn errors(&self) -> u64 {
        self.errors
    }

    /// How many warnings, shown or not.
    #[must_use]
    pub const fn warnings(&self) -> u64 {
        self.warnings
    }

    /// How many findings were counted and not shown, because there were
    /// enough of their kind already.
    #[must_use]
    pub const fn hidden(&self) -> u64 {
        self.hidden
    }

    /// Adds a finding of `lint`; its places and advice are set on the result.
    pub(crate) fn add(&mut self, lint: &'static Lint, what: impl Into<String>) -> &mut Finding {
        match lint.severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        let finding = Finding { lint, what: what.into(), labels: Vec::new(), hint: lint.hint.to_owned() };
        let of_this_kind = self.findings.iter().filter(|f| f.lint.code == lint.code).count();
        if of_this_kind >= MAX_OF_ONE_KIND {
            self.hidden += 1;
            return self.overflow.insert(Box::new(finding));
        }
        self.findings.push(finding);
        let last = self.findings.len() - 1;
        &mut self.findings[last]
    }

    pub(crate) fn sort(&mut self) {
        self.findings.sort_by_key(|f| (f.labels.first().map(|label| label.span), f.lint.code));
    }
}
