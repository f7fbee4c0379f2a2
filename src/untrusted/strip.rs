//! Removes what a terminal, a CI log or an XML reader would act on instead of show.

use std::iter::Peekable;
use std::str::Chars;

use crate::planted::{self, Bug};

/// The text with nothing left in it but printable characters, spaces and newlines.
///
/// Escape sequences go, also cut-off ones; so do the control characters, those that reorder or hide text, and
/// the code points that XML 1.0 does not have. A tab becomes four spaces. `\r\n` is a newline; after a lone
/// `\r` a terminal would overwrite the line, so only what follows the last one is kept.
pub(super) fn strip(text: &str) -> String {
    if planted::is(Bug::Unescaped) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut line_start = 0;
    let mut overwrite = false;
    while let Some(c) = chars.next() {
        let shown = match c {
            '\n' => {
                out.push('\n');
                line_start = out.len();
                overwrite = false;
                continue;
            }
            // Not at once: a line that ends in `\r` is still to be seen.
            '\r' => {
                overwrite = true;
                continue;
            }
            '\u{1b}' => {
                skip_escape(&mut chars);
                continue;
            }
            '\u{9b}' => {
                skip_control_sequence(&mut chars);
                continue;
            }
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => {
                skip_control_string(&mut chars);
                continue;
            }
            // Line breaks to JavaScript and to some editors, not to a terminal.
            '\u{2028}' | '\u{2029}' => ' ',
            '\t' => '\t',
            c if acts_or_hides(c) => continue,
            c => c,
        };
        if overwrite {
            out.truncate(line_start);
            overwrite = false;
        }
        match shown {
            '\t' => out.push_str("    "),
            c => out.push(c),
        }
    }
    out
}

/// What makes characters behind it part of a sequence.
pub(super) const fn begins_escape(c: char) -> bool {
    matches!(c, '\u{1b}' | '\u{90}' | '\u{98}' | '\u{9b}' | '\u{9d}'..='\u{9f}')
}

/// After an ESC: what belongs to it (ECMA-48 §5.4, §5.6).
fn skip_escape(chars: &mut Peekable<Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            skip_control_sequence(chars);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            chars.next();
            skip_control_string(chars);
        }
        Some(' '..='/') => {
            while chars.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '0'..='~'));
        }
        Some('0'..='~') => {
            chars.next();
        }
        _ => {}
    }
}

/// After a CSI: parameters, intermediates and the final character, as far as they are there.
fn skip_control_sequence(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    chars.next_if(|c| matches!(c, '@'..='~'));
}

/// After OSC, DCS, SOS, PM or APC: up to its terminator.
///
/// A sequence without one ends with its line: a terminal would go on, but then a cut-off window title would
/// hide the rest of a log. The ESC of `ESC \` is left to the caller, as it may as well begin something else.
fn skip_control_string(chars: &mut Peekable<Chars<'_>>) {
    while let Some(c) = chars.next_if(|c| !matches!(c, '\n' | '\u{1b}')) {
        if matches!(c, '\u{7}' | '\u{9c}') {
            break;
        }
    }
}

/// Controls, bidirectional and invisible characters, and noncharacters.
///
/// The invisible ones go because some consumers' search for a command ignores them, so that `#`, zero-width
/// joiner, `#vso[` would be found as `##vso[`.
pub(super) const fn acts_or_hides(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' | '\u{fdd0}'..='\u{fdef}')
        || (c as u32) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_of_every_kind_go() {
        for (text, shown) in [
            ("\u{1b}[1;31mred\u{1b}[0m", "red"),
            ("\u{1b}[?25lhidden cursor", "hidden cursor"),
            ("\u{9b}31mC1", "C1"),
            ("\u{1b}]0;title\u{7}after", "after"),
            ("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("\u{1b}P1;2|data\u{9c}after", "after"),
            ("\u{1b}(Bcharset", "charset"),
            ("\u{1b}7saved", "saved"),
            ("\u{1b}\u{1b}[2Jtwice", "twice"),
        ] {
            assert_eq!(strip(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_cut_off_sequence_hides_no_other_line() {
        assert_eq!(strip("a\u{1b}[31"), "a");
        assert_eq!(strip("a\u{1b}"), "a");
        assert_eq!(strip("a\u{1b}]0;no end\nb"), "a\nb");
        assert_eq!(strip("a\u{1b}[3\nb"), "a\nb");
    }

    #[test]
    fn a_carriage_return_overwrites_and_a_trailing_one_does_not() {
        assert_eq!(strip("10%\r55%\r100%\nok"), "100%\nok");
        assert_eq!(strip("a\r\nb\r\r\nc\r"), "a\nb\nc");
    }

    #[test]
    fn characters_that_act_or_hide_go_and_tabs_stay_visible() {
        assert_eq!(strip("a\0\u{8}b\u{7f}c\u{85}d\u{fffe}e\u{ffff}f\u{1ffff}"), "abcdef");
        assert_eq!(strip("\u{202e}drow\u{2066}ssap\u{200b}#\u{200d}#"), "drowssap##");
        assert_eq!(strip("\tat main.go:3\u{2028}x"), "    at main.go:3 x");
        assert_eq!(strip("naïve 日本語 🦀 \u{fffd}"), "naïve 日本語 🦀 \u{fffd}");
    }
}
