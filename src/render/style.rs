//! How text is laid out: width, colour, wrapping, numbers.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use crate::report::VerdictName;
use crate::untrusted::Redactor;

/// Narrowest width that is respected: below it, hanging indents leave no room for words.
const MIN_WIDTH: usize = 40;

/// How a report is to look. Nothing in it changes what the report says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look<'a> {
    /// Terminal cells in a line. Sentences are wrapped at it; commands, log lines and long words are not.
    pub(crate) width: usize,
    pub(crate) color: bool,
    pub(crate) redactor: &'a Redactor,
}

impl<'a> Look<'a> {
    /// For a file: no colour, the width of a wide terminal.
    pub(crate) const fn plain(redactor: &'a Redactor) -> Self {
        Self { width: 100, color: false, redactor }
    }
}

/// What a coloured word means. The word itself says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Bad,
    Good,
    Caution,
    Advice,
    Faint,
    Strong,
}

impl Tone {
    pub(super) const fn of(verdict: VerdictName) -> Self {
        match verdict {
            VerdictName::Complete => Self::Good,
            VerdictName::Failed => Self::Bad,
            VerdictName::TimedOut
            | VerdictName::Indeterminate
            | VerdictName::Superseded
            | VerdictName::Interrupted => Self::Caution,
        }
    }

    fn style(self) -> Style {
        let bold = Style::new().bold();
        match self {
            Self::Bad => bold.fg_color(Some(AnsiColor::Red.into())),
            Self::Good => bold.fg_color(Some(AnsiColor::Green.into())),
            Self::Caution => bold.fg_color(Some(AnsiColor::Yellow.into())),
            Self::Advice => bold.fg_color(Some(AnsiColor::Cyan.into())),
            Self::Faint => Style::new().dimmed(),
            Self::Strong => bold,
        }
    }

    /// The text in this tone, or as it is where colour is off.
    pub(super) fn paint(self, text: &str, color: bool) -> String {
        if color {
            let style = self.style();
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// Breaks a sentence at spaces. The first line has `lead` cells before it, the others an indent of `hang`; words
/// are never broken, so that names and addresses can be copied.
pub(super) fn wrap(text: &str, width: usize, lead: usize, hang: usize) -> String {
    let width = width.max(MIN_WIDTH);
    let mut out = String::new();
    let mut used = lead;
    let mut fresh = true;
    for word in text.split(' ') {
        let cells = word.width();
        if fresh {
            fresh = false;
        } else if used + 1 + cells > width {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', hang));
            used = hang;
        } else {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += cells;
    }
    out
}

/// `failed after`: what stands between the name and the time.
pub(super) const fn after(verdict: VerdictName) -> &'static str {
    match verdict {
        VerdictName::Complete => "complete in",
        VerdictName::Failed => "failed after",
        VerdictName::TimedOut => "timed out after",
        VerdictName::Indeterminate => "could not be judged after",
        VerdictName::Superseded => "superseded after",
        VerdictName::Interrupted => "interrupted after",
    }
}

/// A duration as people say it: `0.4s`, `45s`, `2m 5s`, `1h 2m`.
pub(super) fn spoken(seconds: f64) -> String {
    // Something always took some time; `max` also takes care of a NaN.
    let seconds = seconds.max(0.1);
    if seconds < 1.0 {
        return format!("{seconds:.1}s");
    }
    let whole = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, 0) => format!("{minutes}m"),
        (0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (hours, 0, _) => format!("{hours}h"),
        (hours, minutes, _) => format!("{hours}h {minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_wrap_at_the_width_in_cells_and_long_words_stay_whole() {
        let text = "one two 三三三三 four registry.example.com/a/very/long/reference:1.2.3-with-more end";
        assert_eq!(
            wrap(text, 40, 30, 4),
            "one two\n    三三三三 four\n    registry.example.com/a/very/long/reference:1.2.3-with-more\n    end"
        );
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (seconds, text) in [
            (f64::NAN, "0.1s"),
            (-3.0, "0.1s"),
            (0.0, "0.1s"),
            (0.42, "0.4s"),
            (12.9, "12s"),
            (125.0, "2m 5s"),
            (660.0, "11m"),
            (3725.0, "1h 2m"),
            (7200.0, "2h"),
        ] {
            assert_eq!(spoken(seconds), text);
        }
    }
}
