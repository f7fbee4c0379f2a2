//! Our own failures. A rollout that fails is not one of them: that is a verdict.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::exit_code::ExitCode;
use crate::observation::Signal;
use crate::signals;
use crate::untrusted::{Redactor, Untrusted};

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
    /// A signal came before there was anything to judge.
    Stopped(Signal),
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
            ErrorKind::Stopped(signal) => signals::code(signal),
        }
    }

    /// Without what the user calls a secret.
    #[must_use]
    pub(crate) fn without_secrets(self, redactor: &Redactor) -> Self {
        let Self { kind, message, hints } = self;
        let hidden = |text: String| redactor.redact(&text).into_owned();
        Self { kind, message: hidden(message), hints: hints.into_iter().map(hidden).collect() }
    }

    /// `error: …` and `hint: …`, ending in a newline.
    ///
    /// A message may quote an argument, a page of a balancer, what a credential plugin said: it can command neither
    /// the terminal nor a CI system, and known secrets are hidden.
    pub(crate) fn render(&self, color: bool) -> String {
        let (red, cyan) = if color {
            (AnsiColor::Red.on_default().bold(), AnsiColor::Cyan.on_default().bold())
        } else {
            (Style::new(), Style::new())
        };
        let redactor = Redactor::default();
        let shown = |text: &str| visible(text, &redactor);
        let mut text = format!("{red}error:{red:#} {}\n", shown(&self.message));
        for hint in &self.hints {
            let _ = writeln!(text, "{cyan}hint:{cyan:#} {}", shown(hint));
        }
        text
    }
}

/// Line breaks stay, indented below their label.
fn visible(text: &str, redactor: &Redactor) -> String {
    Untrusted::new(text).for_terminal_lines(redactor).join("\n  ")
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
        assert_eq!(error.render(false), "error: bad  name\n");
    }

    #[test]
    fn words_of_a_server_or_a_plugin_command_no_ci_system_and_show_no_secret() {
        let error = Error::usage(
            "it said: ##vso[task.setvariable variable=a]b\n::error::c\npassword: hunter2hunter2",
        )
        .hint("##[error]d")
        .render(false);
        assert_eq!(
            error,
            "error: it said: #\\#vso[task.setvariable variable=a]b\n  :\\:error::c\n  password: [redacted]\n\
             hint: #\\#[error]d\n"
        );
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
