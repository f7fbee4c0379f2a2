//! Reading a recording.

use thiserror::Error;

use super::line::{Entry, FORMAT, Format, Header};
use crate::observation::Observation;

/// Why a recording cannot be replayed.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    /// It has no lines.
    #[error("the recording is empty")]
    Empty,
    /// The first line is not a header.
    #[error("the first line is not the header of a recording: {0}")]
    NoHeader(serde_json::Error),
    /// A version this program does not know.
    #[error("the recording has format {}.{}, and this program reads {}.x", .0.major, .0.minor, FORMAT.major)]
    Version(Format),
    /// A line in the middle is broken.
    #[error("line {line} is not an observation: {error}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
}

/// A recording that has been read.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) header: Header,
    pub(crate) observations: Vec<Observation>,
    /// The last line was cut off, as when the recording process was killed; everything before it is there.
    pub(crate) truncated: bool,
}

/// Reads a whole recording.
///
/// # Errors
/// No header, another major version, or a broken line that is not the last one.
pub(crate) fn read(text: &str) -> Result<Recording, ReadError> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    let (_, first) = lines.next().ok_or(ReadError::Empty)?;
    let header: Header = serde_json::from_str(first).map_err(ReadError::NoHeader)?;
    if header.format.major != FORMAT.major {
        return Err(ReadError::Version(header.format));
    }
    let mut recording = Recording { header, observations: Vec::new(), truncated: false };
    while let Some((number, line)) = lines.next() {
        let read = serde_json::from_str::<Entry>(line).and_then(Entry::into_observation);
        match read {
            Ok(observation) => recording.observations.push(observation),
            Err(_) if lines.peek().is_none() => recording.truncated = true,
            Err(error) => return Err(ReadError::Line { line: number + 1, error }),
        }
    }
    Ok(recording)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::{Writer, redact};
    use super::*;
    use crate::model::{Kind, decode_value};
    use crate::observation::{Answer, Observed, Stream, Want};
    use crate::policy::Policy;
    use crate::untrusted::Redactor;

    fn recorded() -> String {
        let target = Stream::of(Kind::Deployment, "shop", "web");
        let mut out = Vec::new();
        let started = "2026-11-24T10:00:00Z".parse().unwrap();
        let mut writer =
            Writer::new(&mut out, started, &[target.clone().into()], Policy::default(), Redactor::default());
        let mut raw = json!({"metadata": {"name": "web", "uid": "d-1", "managedFields": [{"manager": "x"}]},
            "spec": {"futureField": 7}});
        redact(&Redactor::default(), Kind::Deployment, &mut raw);
        let object = decode_value(Kind::Deployment, raw.clone()).unwrap();
        let applied = Observed::Applied { stream: target, object };
        writer.write(Duration::from_millis(1500), &applied, &[raw]);
        writer.write(Duration::from_millis(1500), &Observed::Tick, &[]);
        writer.finish().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_the_user_hides_and_our_own_credentials_are_not_written() {
        let redactor = Redactor::new(&["cust-[0-9]+"]).unwrap();
        redactor.learn("opaque-7");
        let mut pod = json!({"status": {"message": "opaque-7 of cust-4711"},
            "spec": {"containers": [{"name": "app", "args": ["--customer=cust-4711"]}]}});
        redact(&redactor, Kind::Pod, &mut pod);
        let mut out = Vec::new();
        let started = "2026-11-24T10:00:00Z".parse().unwrap();
        let mut writer = Writer::new(&mut out, started, &[], Policy::default(), redactor);
        let log = Answer::Logs(vec!["cust-4711 sent opaque-7".to_owned()]);
        let want = Want::Services { namespace: "shop".to_owned() };
        writer.write(Duration::ZERO, &Observed::Answered { want, answer: log }, &[]);
        writer.finish().unwrap();
        let written = format!("{pod}{}", String::from_utf8(out).unwrap());
        assert!(!written.contains("4711") && !written.contains("opaque"), "{written}");
        assert_eq!(written.matches("[redacted]").count(), 5, "{written}");
    }

    #[test]
    fn what_is_written_is_read_and_fields_we_ignore_are_kept() {
        let text = recorded();
        assert!(text.contains("futureField") && !text.contains(r#"[{"manager""#));
        let recording = read(&text).unwrap();
        assert_eq!(recording.header.policy.to_policy(), Policy::default());
        assert_eq!(recording.observations.len(), 2);
        assert!(matches!(recording.observations[1].what, Observed::Tick));
        assert!(!recording.truncated);
    }

    #[test]
    fn a_cut_last_line_is_tolerated_and_a_broken_one_in_the_middle_is_not() {
        let text = recorded();
        let cut = text.get(..text.len() - 5).unwrap();
        assert!(read(cut).unwrap().truncated);
        let broken = text.replacen("\"applied\"", "\"appl", 1);
        assert!(matches!(read(&broken), Err(ReadError::Line { line: 2, .. })));
    }

    #[test]
    fn another_major_version_is_refused_by_name() {
        let text = recorded().replacen("\"major\":1", "\"major\":9", 1);
        let error = read(&text).unwrap_err();
        assert_eq!(error.to_string(), "the recording has format 9.4, and this program reads 1.x");
        assert!(matches!(read(""), Err(ReadError::Empty)));
        assert!(matches!(read("{}"), Err(ReadError::NoHeader(_))));
    }
}
