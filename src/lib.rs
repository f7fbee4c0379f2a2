//! Waits for Kubernetes rollouts, judges them, says why they failed.

mod apply;
mod cli;
mod demo;
mod diagnose;
mod duration;
mod env;
mod error;
mod exit_code;
mod explain;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gate;
mod guard;
mod history;
mod host;
#[cfg(test)]
mod invariants;
mod ledger;
mod manifest;
mod model;
mod observation;
mod outputs;
#[cfg(test)]
mod pitfalls;
mod planted;
mod policy;
mod progress;
mod rbac;
mod recording;
mod render;
mod report;
mod run;
mod session;
mod settings;
mod settle;
mod signals;
#[cfg(test)]
mod simulation;
mod source;
mod status;
#[cfg(test)]
mod testing;
mod trace;
mod ui;
mod undo;
mod untrusted;
mod verdict;

use std::ffi::OsString;

pub use env::Env;
pub use exit_code::ExitCode;

use crate::error::{Error, ErrorKind};
use crate::settings::{Command, Display, Settings};
use crate::untrusted::Redactor;

/// The whole program as a function: the arguments, the program's name first, to the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, env: &mut Env) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = match cli::parse(&arguments, env) {
        Ok(parsed) => parsed,
        Err(early) if early.code == ExitCode::Complete => {
            return env.print(&early.text).map_or_else(|error| fail(&error, false, env), |()| early.code);
        }
        Err(early) => {
            env.complain(&early.text);
            return early.code;
        }
    };
    for warning in &parsed.warnings {
        env.complain(&format!("warning: {warning}\n"));
    }
    let color = Display::new(parsed.color, env).stderr_color;
    let ended = Settings::resolve(parsed, env).and_then(|settings| dispatch(settings, env));
    let code = ended.unwrap_or_else(|error| fail(&error, color, env));
    // What libraries said last has been waited for by nobody.
    env.complain("");
    code
}

/// From now on a fault of ours ends the process like every other error: one clear text, and the exit code for what
/// could not be judged. Reports on disk stay what they were: valid, and without a verdict.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" ({place})"));
        let error = Error::new(
            ErrorKind::Internal,
            format!("rollout-guard stopped on a fault of its own{place}; nothing was judged"),
        )
        .hint("run it again with --record FILE and report the fault with that file");
        env::last_words(&error.render(false));
        error.exit_code().end_process()
    }));
}

fn dispatch(settings: Settings, env: &mut Env) -> Result<ExitCode, Error> {
    let display = settings.display;
    let nothing = Redactor::default();
    let redactor = settings.command.redactor().unwrap_or(&nothing);
    trace::start(settings.verbosity, redactor, env.diagnostics());
    outputs::survive_file_size_limit();
    match settings.command {
        Command::Gate(gate) => return run::gate(&gate, display, env),
        Command::Replay { source, reports } => return run::replay(&source, &reports, display, env),
        Command::Explain { code } => {
            env.print(&explain::explain(code.as_deref(), display.width, display.stdout_color)?)?;
        }
        Command::Rbac(permissions) => env.print(&rbac::rbac(&permissions))?,
        Command::Completions { shell } => env.print(&cli::completions(shell))?,
        Command::Man => env.print(&cli::man())?,
    }
    Ok(ExitCode::Complete)
}

fn fail(error: &Error, color: bool, env: &mut Env) -> ExitCode {
    env.complain(&error.render(color));
    error.exit_code()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_line(line: &str) -> (ExitCode, String, String) {
        let (mut env, out, err) = Env::by_hand(&[]);
        let code = run(line.split(' ').map(OsString::from), &mut env);
        (code, out.text(), err.text())
    }

    #[test]
    fn help_is_on_stdout_and_what_is_wrong_on_stderr() {
        let (code, out, err) = run_line("rollout-guard --version");
        assert_eq!((code, err.as_str()), (ExitCode::Complete, ""));
        assert_eq!(out, concat!("rollout-guard ", env!("CARGO_PKG_VERSION"), "\n"));
        for line in ["rollout-guard wiat", "rollout-guard wait", "rollout-guard explain nothing-of-that-name"]
        {
            let (code, out, err) = run_line(line);
            assert_eq!((code, out.as_str()), (ExitCode::Usage, ""), "{line}");
            assert!(err.starts_with("error: "), "{line}: {err}");
        }
    }

    #[test]
    fn an_explanation_is_plain_text_where_there_is_no_terminal() {
        let (code, out, _) = run_line("rollout-guard explain stalled");
        assert_eq!(code, ExitCode::Complete);
        assert!(out.starts_with("stalled  (Rollout)\n"), "{out}");
        assert!(!out.contains('\u{1b}'));
        let (_, out, _) = run_line("rollout-guard explain stalled --color always");
        assert!(out.contains('\u{1b}'));
    }
}
