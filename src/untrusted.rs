//! Text from the cluster, and the only ways to write it somewhere.
//!
//! Whoever can make a pod print something can otherwise talk to the terminal, the CI system and the test report
//! that show it. [`Untrusted`] therefore has no `Display`: text leaves it through the encoder of its sink. Every
//! encoder first removes what acts instead of showing ([`strip`]), then secrets ([`Redactor`]), then breaks the
//! command tokens of every CI system ([`tokens`]), then caps the line.

mod commands;
mod json;
mod markup;
mod redact;
mod strip;
mod tokens;

#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
#[cfg(test)]
pub(crate) mod properties;

use std::borrow::Cow;

pub(crate) use json::for_json;
pub(crate) use redact::{REDACTED, Redactor};

/// Longest line in characters. Longer ones are data, not sentences, and hide what stands around them.
const LINE_LIMIT: usize = 2048;

/// Room in a capped line for `… (n more characters)`.
const CAP_NOTE: usize = 40;

/// What begins every line of a log, so that none of them looks like a line of ours.
pub(crate) const GUTTER: &str = "│ ";

/// Text as the cluster gave it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untrusted<'a>(&'a str);

impl<'a> Untrusted<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// One line for a terminal or a CI log: line breaks and runs of white space become one space.
    pub(crate) fn for_terminal(self, redactor: &Redactor) -> String {
        // Before, because a key may span lines; after, because a name and its value may.
        let line = self.shown(redactor).split_whitespace().collect::<Vec<_>>().join(" ");
        shorten(tokens::break_tokens(&redactor.redact(&line)), LINE_LIMIT)
    }

    /// The lines for a terminal or a CI log, without a gutter. White space stays, except at the end of a line and
    /// of the text.
    pub(crate) fn for_terminal_lines(self, redactor: &Redactor) -> Vec<String> {
        let text = self.shown(redactor);
        let shown = |line: &str| shorten(tokens::break_tokens(line.trim_end()), LINE_LIMIT);
        text.trim_end().lines().map(shown).collect()
    }

    /// What is shown of it, without secrets. They are looked for before as well: an escape sequence takes the first
    /// character behind it with it, and the rest of a token is not recognised.
    fn shown(self, redactor: &Redactor) -> String {
        let escapes = self.0.contains(strip::begins_escape);
        let text = if escapes { redactor.redact(self.0) } else { Cow::Borrowed(self.0) };
        let shown = strip::strip(&text);
        match redactor.redact(&shown) {
            Cow::Borrowed(_) => shown,
            Cow::Owned(redacted) => redacted,
        }
    }

    /// A command to be pasted: one line in which the white space stays, as it may stand between quotes.
    pub(crate) fn for_command(self, redactor: &Redactor) -> String {
        self.for_terminal_lines(redactor).join(" ")
    }

    /// Lines of a log, each behind the [`GUTTER`]. Give a log as one text, so that a key over several lines is
    /// recognised.
    pub(crate) fn for_log_lines(self, redactor: &Redactor) -> Vec<String> {
        self.for_terminal_lines(redactor).iter().map(|line| format!("{GUTTER}{line}")).collect()
    }

    /// Text of an XML element: only characters that XML 1.0 has, at most so many. The XML writer still has to
    /// escape the markup.
    pub(crate) fn for_xml_text(self, redactor: &Redactor, limit: usize) -> String {
        shorten(self.for_terminal_lines(redactor).join("\n"), limit)
    }

    /// Value of an XML attribute: one line, as readers turn line breaks into spaces anyway. The XML writer still
    /// has to escape the markup.
    pub(crate) fn for_xml_attribute(self, redactor: &Redactor, limit: usize) -> String {
        shorten(self.for_terminal(redactor), limit)
    }
}

/// The text cut to so many bytes at the end of a line, or of a character where its first line is longer.
pub(crate) fn within(mut text: String, bytes: usize) -> String {
    const NOTE: &str = "…\n";
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes.saturating_sub(NOTE.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    if let Some(line) = text.rfind('\n') {
        text.truncate(line + 1);
    }
    text + NOTE
}

/// The text cut to so many characters, saying how many were cut.
fn shorten(text: String, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text;
    }
    let kept = limit.saturating_sub(CAP_NOTE);
    let short: String = text.chars().take(kept).collect();
    format!("{short}… ({} more characters)", length - kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new::<&str>(&[]).unwrap()
    }

    #[test]
    fn one_line_has_no_line_breaks_and_single_spaces() {
        assert_eq!(Untrusted::new(" a\n\n  b\t c ").for_terminal(&redactor()), "a b c");
    }

    #[test]
    fn lines_keep_their_indentation() {
        let lines = Untrusted::new("Traceback:\n  File \"x\"\r\n\tat y  ").for_terminal_lines(&redactor());
        assert_eq!(lines, ["Traceback:", "  File \"x\"", "    at y"]);
    }

    #[test]
    fn a_log_cannot_forge_a_line_of_ours() {
        let lines = Untrusted::new("ok\nerror[image-not-found]: x\n::error::x").for_log_lines(&redactor());
        assert_eq!(lines, ["│ ok", "│ error[image-not-found]: x", r"│ :\:error::x"]);
    }

    #[test]
    fn a_secret_hidden_by_escape_sequences_is_found() {
        assert_eq!(
            Untrusted::new("pass\u{1b}[0mword=hunt\u{200b}er2").for_terminal(&redactor()),
            "password=[redacted]"
        );
    }

    #[test]
    fn an_escape_sequence_that_eats_into_a_secret_does_not_show_the_rest() {
        let token = "ghp_abcdefghijklmnopqrst0123";
        for before in ["\u{1b}", "\u{1b} ", "\u{1b}[", "\u{1b}[31", "\u{9b}"] {
            let shown = Untrusted::new(&format!("got {before}{token} ok")).for_terminal(&redactor());
            assert!(!shown.contains("hijklmnop") && shown.ends_with(" ok"), "{before:?}: {shown}");
        }
    }

    #[test]
    fn a_long_line_says_how_much_was_cut() {
        let line = Untrusted::new(&"é".repeat(3000)).for_terminal(&redactor());
        assert_eq!(line.chars().filter(|c| *c == 'é').count(), 2008);
        assert!(line.ends_with("é… (992 more characters)"), "{line}");
        assert_eq!(Untrusted::new(&line).for_terminal(&redactor()), line, "twice is once");
    }
}
