//! A page of HTML that grows piece by piece.

use crate::untrusted::{Redactor, Untrusted};

/// The page. What is pushed is markup of ours, or text that [`Page::text`] and [`Page::lines`] have encoded.
pub(super) struct Page<'a> {
    redactor: &'a Redactor,
    out: String,
}

impl<'a> Page<'a> {
    pub(super) const fn new(redactor: &'a Redactor) -> Self {
        Self { redactor, out: String::new() }
    }

    /// A text from the report, safe in an element and in a quoted attribute.
    pub(super) fn text(&self, raw: &str) -> String {
        Untrusted::new(raw).for_html(self.redactor)
    }

    /// The same with its line breaks, for an element that keeps white space.
    pub(super) fn lines(&self, raw: &str) -> String {
        Untrusted::new(raw).for_html_lines(self.redactor)
    }

    pub(super) fn push(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    pub(super) fn finish(self) -> String {
        self.out
    }
}
