//! Waits for Kubernetes rollouts, judges them, says why they failed.

mod cli;
mod diagnose;
mod env;
mod error;
mod exit_code;
mod explain;
mod guard;
mod history;
mod ledger;
mod model;
mod observation;
mod outputs;
mod policy;
mod progress;
mod recording;
mod report;
mod session;
mod settings;
mod settle;
mod status;
#[cfg(test)]
mod testing;
mod ui;
mod verdict;

use std::ffi::OsString;

pub use env::Env;
pub use exit_code::ExitCode;

use crate::error::{Error, ErrorKind};
use crate::settings::{Command, Settings};

/// The whole program as a function: the arguments, the program's name first, to the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, env: &mut Env) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = match cli::parse(&arguments, env) {
        Ok(parsed) => parsed,
        Err(early) if early.code == ExitCode::Complete => {
            return env.print(&early.text).map_or_else(|error| fail(&error, env), |()| early.code);
        }
        Err(early) => {
            env.complain(&early.text);
            return early.code;
        }
    };
    let settings = match Settings::resolve(parsed, env) {
        Ok(settings) => settings,
        Err(error) => return fail(&error, env),
    };
    dispatch(settings, env).unwrap_or_else(|error| fail(&error, env))
}

fn dispatch(settings: Settings, env: &mut Env) -> Result<ExitCode, Error> {
    let display = settings.display;
    match settings.command {
        Command::Gate(_) | Command::Replay { .. } => {
            return Err(Error::new(ErrorKind::Internal, "this command is not connected yet"));
        }
        Command::Explain { code } => {
            env.print(&explain::explain(code.as_deref(), display.width, display.stdout_color)?)?;
        }
        Command::Completions { shell } => env.print(&cli::completions(shell))?,
        Command::Man => env.print(&cli::man())?,
    }
    Ok(ExitCode::Complete)
}

fn fail(error: &Error, env: &mut Env) -> ExitCode {
    let color = settings::color_without_flag(env, env.stderr_is_terminal);
    env.complain(&error.render(color));
    error.exit_code()
}
