//! What is promised of every word of a command line. Used by fuzzing.

use std::ffi::OsString;

use serde_json::{Value, json};

use super::{TypeName, expect, parse, target};
use crate::duration;
use crate::env::Env;
use crate::exit_code::ExitCode;
use crate::model::Goal;
use crate::policy::MinAvailable;

/// A value of a flag or an argument, read as each kind of value: an error is text, and what was accepted is accepted
/// again as it was understood.
pub(crate) fn values(text: &str) {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    if let Ok(targets) = target::parse(&words) {
        for named in targets {
            let kind = match &named.kind {
                TypeName::Known(kind) => kind.as_str().to_owned(),
                TypeName::Other(other) => other.written.clone(),
            };
            let again = target::parse(&[format!("{kind}/{}", named.name)]);
            assert_eq!(again.unwrap_or_default(), [named]);
        }
    }
    if let Ok(goal) = Goal::parse(text) {
        assert_eq!(Goal::parse(&goal.written), Ok(goal.clone()));
        for document in documents() {
            let missing = goal.missing(&document);
            assert!(missing.is_none_or(|missing| !missing.is_empty()));
        }
    }
    if let Ok(expected) = expect::parse_image(text) {
        assert!(!expected.value.is_empty());
        assert!(!expected.value.chars().any(char::is_whitespace), "{expected:?}");
    }
    if let Ok(expected) = expect::parse_digest(text) {
        assert_eq!(expect::parse_digest(&expected.value).map(|again| again.value), Ok(expected.value));
    }
    if let Ok(read) = duration::parse(text) {
        let whole = std::time::Duration::from_secs(read.as_secs());
        assert_eq!(duration::parse(&duration::short(read)), Ok(whole));
    }
    if let Ok(min) = MinAvailable::parse(text) {
        assert_eq!(MinAvailable::parse(&min.to_string()), Ok(min));
        assert!((1..=10).contains(&min.of(10)));
    }
}

/// Objects in the form that a goal is asked of.
fn documents() -> [Value; 3] {
    let condition = json!({"type": "Ready", "status": "True", "observedGeneration": 2, "message": "m"});
    let list = json!([{"name": "a", "ready": true}, {"name": "b", "deep": [[1], [2]]}]);
    [
        json!({"metadata": {"generation": 2}, "status": {"conditions": [condition], "phase": "Ready", "list": list}}),
        json!({"metadata": {"labels": {"app.kubernetes.io/name": "x"}}, "status": []}),
        Value::Null,
    ]
}

/// A whole command line, one word on each line: it is understood, or refused with the code for usage and a text.
pub(crate) fn line(text: &str) {
    let words = ["rollout-guard"].into_iter().chain(text.lines()).map(OsString::from);
    let words: Vec<OsString> = words.collect();
    let (env, ..) = Env::by_hand(&[]);
    if let Err(early) = parse(&words, &env) {
        assert!(matches!(early.code, ExitCode::Usage | ExitCode::Complete), "{}", early.text);
        assert!(!early.text.trim().is_empty());
    }
}
