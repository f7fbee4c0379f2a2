//! A page of text that grows line by line.

use crate::render::style::{Look, Tone, wrap};
use crate::untrusted::Untrusted;

/// Cells before the text of a piece of evidence: two, the label, two.
const EVIDENCE_COLUMN: usize = 10;

/// The page. Texts given to it are encoded already ([`Page::text`]), so that a label of ours cannot be forged.
pub(super) struct Page<'a> {
    pub(super) look: Look<'a>,
    out: String,
}

impl<'a> Page<'a> {
    pub(super) const fn new(look: Look<'a>) -> Self {
        Self { look, out: String::new() }
    }

    /// A text from the report, safe to put into a line.
    pub(super) fn text(&self, raw: &str) -> String {
        Untrusted::new(raw).for_terminal(self.look.redactor)
    }

    pub(super) fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// An empty line, unless there is one or nothing above.
    pub(super) fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// `label: text`, wrapped; under a short label the text is aligned. Under a long one it stands further right than
    /// the lines of ours that begin with two cells, so that no word of it can pass for one.
    pub(super) fn labelled(&mut self, label: &str, tone: Tone, text: &str) {
        let lead = label.chars().count() + 2;
        let hang = if lead <= EVIDENCE_COLUMN { lead } else { 4 };
        let text = wrap(text, self.look.width, lead, hang);
        let label = tone.paint(&format!("{label}:"), self.look.color);
        self.line(&format!("{label} {text}"));
    }

    /// A sentence of which the middle carries the tone, wrapped.
    pub(super) fn sentence(&mut self, before: &str, toned: &str, tone: Tone, after: &str) {
        let lead = before.chars().count() + toned.chars().count();
        let after = wrap(after, self.look.width, lead, 4);
        let toned = tone.paint(toned, self.look.color);
        self.line(&format!("{before}{toned}{after}"));
    }

    /// A piece of evidence behind the name of its source, wrapped and aligned.
    pub(super) fn evidence(&mut self, source: &str, text: &str) {
        let text = wrap(text, self.look.width, EVIDENCE_COLUMN, EVIDENCE_COLUMN);
        let source = Tone::Faint.paint(&format!("{source:<6}"), self.look.color);
        self.line(&format!("  {source}  {text}"));
    }

    /// Lines of a log under a piece of evidence. Never wrapped: a stack trace is read by its shape.
    pub(super) fn log(&mut self, lines: &[String]) {
        for line in lines {
            self.line(&format!("{:EVIDENCE_COLUMN$}{line}", ""));
        }
    }

    /// A command on its own line. Never wrapped, so that it can be pasted.
    pub(super) fn command(&mut self, command: &str) {
        let command = Untrusted::new(command).for_command(self.look.redactor);
        self.line(&format!("    {command}"));
    }

    /// The page, without an empty line at its end.
    pub(super) fn finish(mut self) -> String {
        if self.out.ends_with("\n\n") {
            self.out.pop();
        }
        self.out
    }
}
