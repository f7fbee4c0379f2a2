//! Breaks the commands that CI systems read out of a log, whichever CI this is: a log may be printed again
//! elsewhere.
//!
//! A visible backslash (a space between brackets) is put in, never an invisible character: some consumers ignore
//! those when they compare, and a person who copies the line gets them too.

/// One line in which no CI system finds a command.
///
/// `##[…]`, `##vso[…]`, `##teamcity[…]` and any other `##word` (GitHub and Azure look for them anywhere);
/// `::command::` where a line begins or could begin after wrapping; `[[ATTACHMENT|…]]` and its kind;
/// `SPINNAKER_…`; GitLab's `section_start:` and `section_end:`.
pub(super) fn break_tokens(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 8);
    let mut rest = line;
    let mut before = None;
    let mut at_start = true;
    while let Some(c) = rest.chars().next() {
        rest = rest.strip_prefix(c).unwrap_or_default();
        if c == '_' && completes_name(&out, rest) {
            out.push('\\');
        }
        out.push(c);
        let follows_space = before.is_none_or(char::is_whitespace);
        match c {
            '#' if is_hash_command(rest) => out.push('\\'),
            // Mid-line only what has a command's name: `::1` is an address.
            ':' if rest.starts_with(':') && (at_start || (follows_space && letter_at(rest, 1))) => {
                out.push('\\');
            }
            '[' if is_bracket_command(rest) => out.push(' '),
            _ => {}
        }
        at_start &= c.is_whitespace();
        before = Some(c);
    }
    out
}

fn letter_at(text: &str, at: usize) -> bool {
    text.as_bytes().get(at).is_some_and(u8::is_ascii_alphabetic)
}

/// After a `#`: `#[` or `#word`.
fn is_hash_command(rest: &str) -> bool {
    rest.starts_with("#[") || (rest.starts_with('#') && letter_at(rest, 1))
}

/// After a `[`: `[WORD|`.
fn is_bracket_command(rest: &str) -> bool {
    rest.strip_prefix('[').is_some_and(|word| {
        let end = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        end.len() < word.len() && end.starts_with('|')
    })
}

/// Whether an underscore between these two would complete a name that somebody looks for.
fn completes_name(written: &str, rest: &str) -> bool {
    ends_with_name(written, "SPINNAKER")
        || (ends_with_name(written, "section") && (rest.starts_with("start:") || rest.starts_with("end:")))
}

/// Whether the text ends in the name, in whatever case.
pub(super) fn ends_with_name(text: &str, name: &str) -> bool {
    let end = text.len().checked_sub(name.len()).and_then(|at| text.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_broken_wherever_their_reader_looks() {
        for (line, broken) in [
            ("x ##[error]no", r"x #\#[error]no"),
            ("###[group]", r"##\#[group]"),
            ("##vso[task.setvariable variable=x]y", r"#\#vso[task.setvariable variable=x]y"),
            ("##teamcity[testFailed]", r"#\#teamcity[testFailed]"),
            ("::error::no", r":\:error::no"),
            ("  ::add-mask::x", r"  :\:add-mask::x"),
            ("wraps to ::error::no", r"wraps to :\:error::no"),
            ("see [[ATTACHMENT|/etc/passwd]]", "see [ [ATTACHMENT|/etc/passwd]]"),
            ("SPINNAKER_PROPERTY_A=1", r"SPINNAKER\_PROPERTY_A=1"),
            ("section_start:1:x", r"section\_start:1:x"),
        ] {
            assert_eq!(break_tokens(line), broken);
            assert_eq!(break_tokens(broken), broken, "twice is once");
        }
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        for line in [
            "std::vector",
            "dial tcp [::1]:80",
            "listen on ::1",
            "## heading",
            "a[[1]]",
            "C# a:b",
            "[[ -f x ]]",
        ] {
            assert_eq!(break_tokens(line), line);
        }
    }
}
