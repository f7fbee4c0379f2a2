//! The arguments of the suite. Those of Rust's own harness that cargo's users type are accepted.

use std::path::PathBuf;

use crate::case::Case;

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Options {
    /// Parts of names; a case runs if one is part of its name, and all run if there are none.
    filters: Vec<String>,
    skips: Vec<String>,
    pub(crate) jobs: usize,
    pub(crate) list: bool,
    /// Print the manifest of this case and end.
    pub(crate) manifest: Option<String>,
    /// Run `kubectl rollout status` beside ours and print a table.
    pub(crate) compare: bool,
    /// Print a table of the codes that were named.
    pub(crate) codes: bool,
    /// Run what failed once more, alone: a machine that stalls for seconds is no fault of the product. What passes
    /// only then is named.
    pub(crate) retry: bool,
    /// Leave the namespaces, to look at them by hand.
    pub(crate) keep: bool,
    /// Show what the binary printed for passing cases as well.
    pub(crate) show: bool,
    /// Keep recordings in this folder.
    pub(crate) recordings: Option<PathBuf>,
}

impl Options {
    pub(crate) fn from_args(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            filters: Vec::new(),
            skips: Vec::new(),
            jobs: 8,
            list: false,
            manifest: None,
            compare: false,
            codes: false,
            keep: false,
            retry: false,
            show: false,
            recordings: std::env::var_os("ROLLOUT_GUARD_KEEP_RECORDINGS").map(PathBuf::from),
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
                _ => (arg, None),
            };
            let mut value = |what: &str| {
                inline.clone().or_else(|| args.next()).ok_or_else(|| format!("{flag} needs {what}"))
            };
            match flag.as_str() {
                "--list" => options.list = true,
                "--compare" => options.compare = true,
                "--codes" => options.codes = true,
                "--keep" => options.keep = true,
                "--retry" => options.retry = true,
                "--show" | "--nocapture" | "--no-capture" => options.show = true,
                "--manifest" => options.manifest = Some(value("the name of a case")?),
                "--skip" => options.skips.push(value("a part of a name")?),
                "--jobs" | "--test-threads" => {
                    let text = value("a number")?;
                    options.jobs = text.parse().map_err(|_| format!("{flag} needs a number, not {text}"))?;
                }
                "--color" | "--format" | "--logfile" | "-Z" => drop(value("a value")?),
                "-q" | "--quiet" | "--exact" | "--show-output" | "--include-ignored" => {}
                other if other.starts_with('-') => return Err(format!("unknown flag {other}")),
                _ => options.filters.push(flag),
            }
        }
        Ok(options)
    }

    pub(crate) fn selects(&self, case: &Case) -> bool {
        let id = case.id();
        let named = |parts: &[String]| parts.iter().any(|part| id.contains(part.as_str()));
        if self.manifest.as_ref().is_some_and(|wanted| *wanted != id) {
            return false;
        }
        (self.filters.is_empty() || named(&self.filters)) && !named(&self.skips)
    }
}
