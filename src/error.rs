//! Our own failures. A rollout that fails is not one of them: that is a verdict.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::exit_code::ExitCode;

/// Why the program could not do what it was asked to, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) kind: ErrorKind,
    /// A lower-case fragment without final period that names the input.
    pub(crate) message: String,
    /// What was expected, and the next step.
    pub(crate) hints: Vec<String>,
}

/// Whose fault it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The command line, or nothing matched it.
    Usage,
    /// Something the command line points to: kubeconfig, a path, a recording.
    Config,
    /// The API server, or the way to it.
    Cluster,
    /// A report or the terminal could not be written.
    Output,
    /// The command before the wait failed.
    Refused,
    /// Ours.
    Internal,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hints: Vec::new() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn output(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Output, message)
    }

    /// Adds a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) const fn exit_code(&self) -> ExitCode {
        match self.kind {
            ErrorKind::Usage | ErrorKind::Config => ExitCode::Usage,
            ErrorKind::Cluster | ErrorKind::Internal => ExitCode::Indeterminate,
            ErrorKind::Refused => ExitCode::Failed,
            ErrorKind::Output => ExitCode::ReportNotWritten,
        }
    }

    /// `error: …` and `hint: …`, ending in a newline.
    ///
    /// Control characters are shown escaped: a message may quote an argument or an answer of the server.
    pub(crate) fn render(&self, color: bool) -> String {
        let (red, cyan) = if color {
            (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default().bold())
        } else {
            (Style::new(), Style::new())
        };
        let mut text = format!("{red}error:{red:#} {}\n", visible(&self.message));
        for hint in &self.hints {
            let _ = writeln!(text, "{cyan}hint:{cyan:#} {}", visible(hint));
        }
        text
    }
}

/// Line breaks stay, indented below their label; any other control character becomes its escape.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\n  "),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_message_then_hints() {
        let error = Error::usage("unknown type \"deplyo\"").hint("did you mean deploy");
        assert_eq!(error.render(false), "error: unknown type \"deplyo\"\nhint: did you mean deploy\n");
        assert!(error.render(true).starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m "));
    }

    #[test]
    fn control_characters_in_a_message_cannot_reach_the_terminal() {
        let error = Error::usage("bad \u{1b}[2J name\r");
        assert_eq!(error.render(false), "error: bad \\u{1b}[2J name\\r\n");
    }

    #[test]
    fn the_kind_decides_the_exit_code() {
        let code = |kind| Error::new(kind, "x").exit_code().number();
        assert_eq!(code(ErrorKind::Usage), 2);
        assert_eq!(code(ErrorKind::Config), 2);
        assert_eq!(code(ErrorKind::Cluster), 4);
        assert_eq!(code(ErrorKind::Output), 5);
        assert_eq!(code(ErrorKind::Internal), 4);
    }
}
