//! The command behind `--`: run with our streams, its errors passed on and kept.
//!
//! What fails at apply changes nothing in the cluster, so these errors are the only evidence there is.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::error::Error;
use crate::observation::{CommandEnd, Signal};
use crate::signals::Signals;

/// Errors beyond this are passed on and not read.
const MOST_KEPT: usize = 256 << 10;
/// What it has left running may hold its errors open; so long after its end they are read.
const DRAINED_WITHIN: Duration = Duration::from_secs(1);
/// A command that was asked to end has that long.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// How the command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) end: CommandEnd,
    /// We were asked to end meanwhile, and so was the command.
    pub(crate) signal: Option<Signal>,
}

/// Runs the command to its end. Its standard input is ours; its standard output too, or our standard error where
/// a report has our standard output.
///
/// # Errors
/// It cannot be started.
pub(crate) async fn run(
    words: &[OsString],
    output_is_taken: bool,
    stderr: &mut dyn Write,
    signals: &mut Signals,
) -> Result<Ended, Error> {
    let (program, arguments) = words.split_first().ok_or_else(|| Error::usage("no command after --"))?;
    let shown = program.to_string_lossy().into_owned();
    let failed = |error: io::Error| {
        Error::usage(format!("cannot run {shown}: {error}"))
            .hint("what stands after -- is a command, for example: -- kubectl apply -f web.yaml")
    };
    let mut command = Command::new(program);
    command.args(arguments).stderr(Stdio::piped()).kill_on_drop(true);
    if output_is_taken {
        command.stdout(Stdio::from(io::stderr()));
    }
    let mut child = command.spawn().map_err(failed)?;
    let mut errors = child.stderr.take();
    let mut kept = Vec::new();
    let mut asked = None;
    let mut status = None;
    let mut drained_at = None;
    let mut buffer = [0_u8; 8192];
    loop {
        let read = async {
            match &mut errors {
                Some(errors) => errors.read(&mut buffer).await,
                None => std::future::pending().await,
            }
        };
        let drained = async {
            match drained_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = read => match read {
                // It may go on without a word.
                Ok(0) | Err(_) => errors = None,
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    drop(stderr.write_all(bytes).and_then(|()| stderr.flush()));
                    let room = MOST_KEPT.saturating_sub(kept.len()).min(length);
                    kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
                }
            },
            ended = child.wait(), if status.is_none() => {
                status = Some(ended.map_err(failed)?);
                drained_at = Some(Instant::now() + DRAINED_WITHIN);
            }
            () = drained => break,
            signal = signals.next(), if status.is_none() => {
                // A terminal sends it to the command as well.
                asked = Some(signal);
                end(&mut child).await;
            }
        }
        if asked.is_some() || (status.is_some() && errors.is_none()) {
            break;
        }
    }
    let status = match status {
        Some(status) => status,
        None => child.wait().await.map_err(failed)?,
    };
    let end = CommandEnd {
        command: name(words),
        exit_code: status.code(),
        stderr: String::from_utf8_lossy(&kept).into_owned(),
    };
    Ok(Ended { end, signal: asked })
}

/// Asks the command to end as we were asked, and ends it if it does not.
async fn end(child: &mut Child) {
    if let Some(id) = child.id() {
        let polite = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
        if polite.is_ok() && tokio::time::timeout(ENDS_WITHIN, child.wait()).await.is_ok() {
            return;
        }
    }
    drop(child.start_kill());
}

/// The program and its first word that is no flag: arguments may hold what must not be shown.
fn name(words: &[OsString]) -> String {
    let text = |word: &OsString| word.to_string_lossy().into_owned();
    let program = words.first().map(text).unwrap_or_default();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    match words.get(1).map(text) {
        Some(verb) if verb.bytes().all(|byte| byte.is_ascii_alphabetic()) => format!("{program} {verb}"),
        _ => program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_words(words: &[&str]) -> (Result<Ended, Error>, String) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let mut passed = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut signals = Signals::install().unwrap();
        let ended = runtime.block_on(run(&words, true, &mut passed, &mut signals));
        (ended, String::from_utf8(passed).unwrap())
    }

    #[test]
    fn errors_are_passed_on_and_kept_and_the_exit_code_is_told() {
        let (ended, passed) = run_words(&["sh", "-c", "echo no such field >&2; exit 3"]);
        let ended = ended.unwrap();
        assert_eq!(passed, "no such field\n");
        assert_eq!(ended.end.stderr, passed);
        assert_eq!((ended.end.exit_code, ended.signal), (Some(3), None));
        assert_eq!(ended.end.command, "sh");
        let (ended, _) = run_words(&["true"]);
        assert_eq!(ended.unwrap().end.exit_code, Some(0));
    }

    #[test]
    fn what_a_command_leaves_running_holds_nobody_up_and_silence_is_no_end() {
        let begun = Instant::now();
        let (ended, passed) = run_words(&["sh", "-c", "echo left >&2; sleep 20 & exit 0"]);
        assert_eq!((ended.unwrap().end.exit_code, passed.as_str()), (Some(0), "left\n"));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        let (ended, _) = run_words(&["sh", "-c", "exec 2>&-; sleep 0.2; exit 3"]);
        assert_eq!(ended.unwrap().end.exit_code, Some(3));
    }

    #[test]
    fn a_command_that_is_not_there_is_a_mistake_in_the_command_line() {
        let (ended, _) = run_words(&["/nonexistent/kubectl", "apply"]);
        let error = ended.unwrap_err();
        assert_eq!(error.exit_code().number(), 2);
        assert!(error.message.contains("/nonexistent/kubectl"), "{error:?}");
    }

    #[test]
    fn arguments_are_not_part_of_the_name() {
        let of = |words: &[&str]| name(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(of(&["/usr/bin/kubectl", "apply", "--token=x"]), "kubectl apply");
        assert_eq!(of(&["kubectl", "--token=x", "apply"]), "kubectl");
    }
}
