//! `.rollout-guard.yaml`: defaults of a repository, weaker than variables and flags.
//!
//! Its keys are the flags without their dashes. The file belongs to whoever can change the checkout, so it cannot say
//! which kubeconfig is used (that can name programs to run) nor as whom the API server is asked.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::diagnose::nearest;
use crate::error::Error;

/// Read from the working folder where `--config` names no other.
const DEFAULT: &str = ".rollout-guard.yaml";
/// A file of settings that is larger is not one.
const MOST_BYTES: u64 = 256 << 10;
/// Flags that a file cannot set.
const NEVER: &[&str] = &["config", "kubeconfig", "as", "as-group"];

/// Whether a file must not set this flag.
pub(super) fn is_refused(flag: &str) -> bool {
    NEVER.contains(&flag)
}

/// What the file says.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    values: BTreeMap<String, String>,
}

impl ConfigFile {
    /// Reads the file that was named, or the default one if it is there. `flags` are all that exist.
    pub(super) fn read(named: Option<&Path>, flags: &[&str]) -> Result<Self, Error> {
        let path = named.unwrap_or(Path::new(DEFAULT));
        let text = match read_some(path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(Error::config(format!("cannot read the settings {}: {error}", path.display()))
                    .hint("name a file with --config, or remove that flag"));
            }
        };
        let values = parse(&text, flags).map_err(|mut error| {
            error.message = format!("{}: {}", path.display(), error.message);
            error
        })?;
        Ok(Self { path: path.to_owned(), values })
    }

    /// The value of a flag, as its variable would have it.
    pub(super) fn get(&self, flag: &str) -> Option<&str> {
        self.values.get(flag).map(String::as_str)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

fn read_some(path: &Path) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    fs::File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str, flags: &[&str]) -> Result<BTreeMap<String, String>, Error> {
    // An empty file, or one of comments, is no document.
    let read: Option<BTreeMap<String, Value>> = serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().map_or_else(String::new, |at| format!(" in line {}", at.line()));
        Error::config(format!("not valid YAML{place}"))
            .hint("write one setting a line, for example: timeout: 5m")
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in read.unwrap_or_default() {
        if is_refused(&key) {
            return Err(Error::config(format!("{key} cannot be set in a file")).hint(format!(
                "give the flag --{key} instead: whoever can change a checkout must not decide that"
            )));
        }
        if !flags.contains(&key.as_str()) {
            let known = flags.iter().copied().filter(|flag| !is_refused(flag));
            let near = nearest(&key, known);
            let hint = near.first().map_or_else(
                || "the keys are the flags of rollout-guard wait without their dashes".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            return Err(Error::config(format!("there is no setting {key:?}")).hint(hint));
        }
        let Some(text) = as_text(&value) else {
            return Err(Error::config(format!("{key} has a value that no flag can have"))
                .hint("expected a text, a number, true, false, or a list of texts"));
        };
        values.insert(key, text);
    }
    Ok(values)
}

/// A value as a variable would have it: items of a list one a line.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(items) => {
            let items: Option<Vec<String>> =
                items.iter().map(|item| as_text(item).filter(|_| !item.is_array())).collect();
            items.map(|items| items.join("\n"))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[&str] = &["timeout", "follow", "redact", "kubeconfig", "patience"];

    fn refused(text: &str) -> (String, String) {
        let error = parse(text, FLAGS).unwrap_err();
        (error.message, error.hints.concat())
    }

    #[test]
    fn values_of_every_shape_become_what_a_variable_would_be() {
        let values =
            parse("timeout: 5m\nfollow: true\nredact:\n  - a+\n  - b+\npatience: 2\n", FLAGS).unwrap();
        let get = |key: &str| values.get(key).map(String::as_str);
        assert_eq!((get("timeout"), get("follow")), (Some("5m"), Some("true")));
        assert_eq!((get("redact"), get("patience")), (Some("a+\nb+"), Some("2")));
        assert!(parse("# nothing\n", FLAGS).unwrap().is_empty());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_suggests_the_nearest() {
        let (message, hint) = refused("timeuot: 5m");
        assert_eq!(
            (message.as_str(), hint.as_str()),
            ("there is no setting \"timeuot\"", "did you mean timeout?")
        );
        assert!(refused("zzzzzzzz: 1").1.contains("the flags of rollout-guard wait"));
    }

    #[test]
    fn a_checkout_cannot_say_who_we_are_or_which_programs_run() {
        assert_eq!(refused("kubeconfig: /tmp/evil").0, "kubeconfig cannot be set in a file");
    }

    #[test]
    fn what_is_no_setting_is_named() {
        assert_eq!(refused("timeout: {a: 1}").0, "timeout has a value that no flag can have");
        assert!(refused("timeout: [[a]]").0.contains("no flag can have"));
        assert!(refused("a: b: c").0.starts_with("not valid YAML"));
        assert!(refused("timeout: 5m\ntimeout: 6m").0.starts_with("not valid YAML"));
    }

    #[test]
    fn a_file_that_was_named_must_be_there_and_the_default_need_not() {
        let error = ConfigFile::read(Some(Path::new("/nonexistent/x.yaml")), FLAGS).unwrap_err();
        assert!(
            error.message.starts_with("cannot read the settings /nonexistent/x.yaml: "),
            "{}",
            error.message
        );
        assert!(ConfigFile::read(None, FLAGS).unwrap().values.is_empty());
    }
}
