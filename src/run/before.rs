//! The command before the wait, and what follows from its failure.

use std::io::{self, Write};
use std::time::Duration;

use super::stopped;
use crate::apply;
use crate::env::Env;
use crate::error::{Error, ErrorKind};
use crate::observation::{CommandEnd, Observation, Observed};
use crate::recording::Writer;
use crate::session::Session;
use crate::settings::{Document, Gate};
use crate::signals::Signals;

/// Runs the command, if there is one. What comes back ends the run: it failed.
///
/// # Errors
/// It cannot be run, or we were asked to end meanwhile.
pub(super) async fn command(
    gate: &Gate,
    env: &mut Env,
    signals: &mut Signals,
) -> Result<Option<CommandEnd>, Error> {
    if gate.command.is_empty() {
        return Ok(None);
    }
    let output_is_taken = gate.reports.stdout != Document::Text;
    let ended = apply::run(&gate.command, output_is_taken, &mut env.stderr, signals).await?;
    if let Some(signal) = ended.signal {
        return Err(stopped(signal));
    }
    if ended.end.exit_code == Some(0) {
        return Ok(None);
    }
    let stderr = without_objects(&ended.end.stderr);
    let stderr = gate.reports.redactor.redact(&stderr).into_owned();
    Ok(Some(CommandEnd { stderr, ..ended.end }))
}

/// Judges a run that ended before its wait.
pub(super) fn judge<W: Write>(
    session: &mut Session,
    mut recorder: Option<Writer<W>>,
    end: CommandEnd,
) -> io::Result<()> {
    for what in [Observed::Command(end), Observed::Tick] {
        if let Some(recorder) = &mut recorder {
            recorder.write(Duration::ZERO, &what, &[]);
        }
        session.observe(Observation { at: Duration::ZERO, what });
    }
    session.judge();
    recorder.map_or(Ok(()), Writer::finish)
}

/// It failed, and there is no target that a report could be about.
pub(super) fn failed(gate: &Gate) -> Error {
    let program = gate.command.first().map(|word| word.to_string_lossy().into_owned()).unwrap_or_default();
    Error::new(ErrorKind::Refused, format!("{program} failed, and nothing that matches is there to wait for"))
        .hint("its own words are above")
}

/// Without the objects that kubectl quotes in some errors, with all values of their variables: `Invalid value:
/// "map[…]": field is immutable`. An object whose end cannot be told takes the rest of its line with it.
fn without_objects(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(without_object).collect();
    lines.join("\n")
}

fn without_object(line: &str) -> String {
    const SIGN: &str = "Invalid value: ";
    let ends = |rest: &str| match rest {
        _ if rest.starts_with("\"map[") => Some("]\": "),
        _ if rest.starts_with("\"{") => Some("}\": "),
        _ if rest.starts_with('{') => Some("}: "),
        _ if rest.starts_with('[') => Some("]: "),
        _ => None,
    };
    let object = line.match_indices(SIGN).find_map(|(at, _)| {
        let (before, rest) = line.split_at_checked(at + SIGN.len())?;
        Some((before, rest, ends(rest)?))
    });
    match object {
        None => line.to_owned(),
        Some((before, rest, end)) => match rest.rsplit_once(end) {
            Some((_, after)) => format!("{before}(an object): {after}"),
            None => format!("{before}(an object)"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_in_errors_are_left_out_with_their_values() {
        // kubectl 1.36.3, shortened.
        let of = |text: &str| {
            let shown = without_objects(text);
            assert!(!shown.contains("canary"), "{shown}");
            shown
        };
        assert_eq!(
            of(
                "The request is invalid: patch: Invalid value: \"map[metadata:map[a:{\\\"value\\\":\\\"canary\\\"}]]\": strict decoding error: unknown field \"spec.x\""
            ),
            "The request is invalid: patch: Invalid value: (an object): strict decoding error: unknown field \"spec.x\""
        );
        assert_eq!(
            of(
                "The Deployment \"web\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"canary\"}}: field is immutable"
            ),
            "The Deployment \"web\" is invalid: spec.selector: Invalid value: (an object): field is immutable"
        );
        assert_eq!(of("x: Invalid value: \"map[canary"), "x: Invalid value: (an object)");
        let plain = "spec.replicas: Invalid value: -1: must be greater";
        assert_eq!(of(plain), plain);
    }
}
