//! The encoders for HTML and Markdown.

use super::{Redactor, Untrusted};
use crate::planted::{self, Bug};

impl Untrusted<'_> {
    /// One line of text in HTML, also inside a quoted attribute.
    pub(crate) fn for_html(self, redactor: &Redactor) -> String {
        escape_html(&self.for_terminal(redactor))
    }

    /// Lines of text in an HTML element that keeps white space.
    pub(crate) fn for_html_lines(self, redactor: &Redactor) -> String {
        escape_html(&self.for_terminal_lines(redactor).join("\n"))
    }

    /// A sentence in Markdown, also in the cell of a table. A word of letters, digits and plain punctuation stands
    /// as it is; any other is a code span, where nothing but its end has a meaning. Names, images and paths are
    /// what needs it, and look right that way.
    pub(crate) fn for_markdown(self, redactor: &Redactor) -> String {
        let line = self.for_terminal(redactor);
        let words = line.split(' ').map(|word| {
            let rest = word.trim_start_matches(['(', '"']);
            let core = rest.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"']);
            let (before, end) =
                (word.strip_suffix(rest).unwrap_or_default(), rest.strip_prefix(core).unwrap_or_default());
            if is_plain(core, end) { word.to_owned() } else { format!("{before}{}{end}", code_span(core)) }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// One line as a code span of Markdown, also in the cell of a table.
    pub(crate) fn for_markdown_code(self, redactor: &Redactor) -> String {
        code_span(&self.for_terminal(redactor))
    }

    /// Lines as a fenced block of Markdown, on lines of its own.
    pub(crate) fn for_markdown_block(self, language: &str, redactor: &Redactor) -> String {
        let text = self.for_terminal_lines(redactor).join("\n");
        let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
        format!("{fence}{language}\n{text}\n{fence}\n")
    }
}

/// Whether a word means nothing to a reader of Markdown; `end` is the punctuation behind it.
fn is_plain(word: &str, end: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || !c.is_ascii();
    // `12. x` and `12) x` begin a list.
    let number = word.chars().all(|c| c.is_ascii_digit()) && end.starts_with(['.', ')']);
    let inner = |c: char| letter(c) || matches!(c, '-' | '\'' | ',');
    // GitHub makes a link to an issue of `GH-1`, and mentions it there.
    let issue = word.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("gh-"));
    !number && !issue && word.starts_with(letter) && word.chars().all(inner)
}

fn escape_html(text: &str) -> String {
    if planted::is(Bug::Markup) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A code span ends at a run of as many backticks as it began with. A `|` ends the cell of a table even inside of
/// one, and the backslash that saves it is shown outside of tables; so it becomes one that looks the same.
fn code_span(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = text.replace('|', "∣");
    let marks = "`".repeat(longest_run(&text, '`') + 1);
    // One space on each side is not part of the content where a backtick stands beside the marks.
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{marks}{pad}{text}{pad}{marks}")
}

fn longest_run(text: &str, of: char) -> usize {
    text.split(|c| c != of).map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new::<&str>(&[]).unwrap()
    }

    #[test]
    fn markup_becomes_text() {
        let text = Untrusted::new("<img src=x onerror='a'> & \"b\"").for_html(&redactor());
        assert_eq!(text, "&lt;img src=x onerror=&#39;a&#39;&gt; &amp; &quot;b&quot;");
    }

    #[test]
    fn names_in_a_sentence_become_code_and_words_stay() {
        for (text, shown) in [
            ("image shop/web:1.4.l does not exist", "image `shop/web:1.4.l` does not exist"),
            ("repository shop/web has no tag 1.4.l:", "repository `shop/web` has no tag `1.4.l`:"),
            ("1. first", "`1`. first"),
            ("see GH-12, or gh-12a", "see `GH-12`, or `gh-12a`"),
            ("- item # a > b", "`-` item `#` a `>` b"),
            ("died (general error): \"not found\" → 1) x", "died (general error): \"not found\" → `1`) x"),
            ("a|b `c` [x](http://y) @me <b>", "`a∣b` `` `c` `` `[x](http://y`) `@me` `<b>`"),
        ] {
            assert_eq!(Untrusted::new(text).for_markdown(&redactor()), shown);
        }
    }

    #[test]
    fn a_fence_is_longer_than_any_in_the_text() {
        let block = Untrusted::new("a\n````\nb").for_markdown_block("text", &redactor());
        assert_eq!(block, "`````text\na\n````\nb\n`````\n");
    }
}
