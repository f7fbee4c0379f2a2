//! Reading `-f`: which workloads files, folders or a pipe name, without keeping anything else of them.
//!
//! Only kind, name, namespace, uid and generation of an object are decoded, so that a Secret in the stream is
//! never in memory as such, never in an error, and never printed. What `kubectl apply -o json` answers has uid and
//! generation too, which pin the rollout to the one that was applied.

mod files;
mod json;
mod names;
mod object;
mod yaml;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::cli::TypeName;
use crate::error::Error;
use crate::model::KindName;
use crate::observation::Origin;

/// A manifest larger than this is not one of workloads. Files are read one after the other, so this bounds the
/// memory as well.
const MOST_BYTES: u64 = 32 << 20;

/// What the files of `-f` hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Manifest {
    pub(crate) workloads: Vec<Declared>,
    /// Objects that are no rollouts, by kind.
    pub(crate) left_out: BTreeMap<String, usize>,
    /// One of them of a kind that somebody has added to Kubernetes: what `--include` would have to say.
    pub(crate) could_include: Option<String>,
}

/// A workload of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) kind: TypeName,
    /// Absent: the namespace of the connection.
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// Only an answer of the API server has it.
    pub(crate) uid: Option<String>,
    /// As `uid`.
    pub(crate) generation: Option<i64>,
    pub(crate) origin: Option<Origin>,
}

/// Reads all of `-f`; `-` is `stdin`. Objects of the kinds to `include` count too, although we have no rules for them.
///
/// # Errors
/// A path that cannot be read, text that is neither JSON nor YAML, an object without a name, or two of one name.
pub(crate) fn read(
    paths: &[PathBuf],
    recursive: bool,
    include: &[KindName],
    stdin: &mut dyn Read,
) -> Result<Manifest, Error> {
    let mut manifest = Manifest::default();
    if paths.iter().filter(|path| *path == Path::new("-")).count() > 1 {
        return Err(Error::usage("-f - is given twice").hint("standard input can be read only once"));
    }
    for path in paths {
        if path == Path::new("-") {
            let text = files::text(stdin, "standard input")?;
            match names::read(&text, include) {
                Some(names) => names.into_iter().for_each(|name| manifest.add(name)),
                None => manifest.read_text("standard input", None, &text, include)?,
            }
            continue;
        }
        for file in files::below(path, recursive)? {
            let shown = file.display().to_string();
            let text = files::open(&file)?;
            manifest.read_text(&shown, Some(&shown), &text, include)?;
        }
    }
    manifest.refuse_twins()?;
    Ok(manifest)
}

/// An object as it was found.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Workload(Declared),
    /// Something that is not a rollout, by the name of its kind; and what `--include` would have to say of it.
    Other(String, Option<String>),
}

impl Manifest {
    fn add(&mut self, found: Found) {
        match found {
            Found::Workload(workload) => self.workloads.push(workload),
            Found::Other(kind, included_by) => {
                *self.left_out.entry(kind).or_default() += 1;
                self.could_include = self.could_include.take().or(included_by);
            }
        }
    }

    /// Takes in one text. `shown` names it in errors; `file` is where its objects come from.
    fn read_text(
        &mut self,
        shown: &str,
        file: Option<&str>,
        text: &str,
        include: &[KindName],
    ) -> Result<(), Error> {
        let objects = if text.trim_start().starts_with(['{', '[']) {
            json::objects(shown, text)?
        } else {
            yaml::objects(shown, text)?
        };
        for object in objects {
            if let Some(found) = object.found(shown, file, include)? {
                self.add(found);
            }
        }
        Ok(())
    }

    /// The later of two objects would win with kubectl, and which one is judged would be left to chance.
    fn refuse_twins(&self) -> Result<(), Error> {
        let mut seen: BTreeMap<(&TypeName, Option<&str>, &str), &Declared> = BTreeMap::new();
        for workload in &self.workloads {
            let key = (&workload.kind, workload.namespace.as_deref(), workload.name.as_str());
            if let Some(first) = seen.insert(key, workload) {
                let place = |workload: &Declared| {
                    workload.origin.as_ref().map(|origin| format!("{}:{}", origin.file, origin.line))
                };
                let mut message = format!("two objects are named {} {}", workload.kind, workload.name);
                if let (Some(first), Some(second)) = (place(first), place(workload)) {
                    let _ = write!(message, ": {first} and {second}");
                }
                return Err(Error::config(message).hint("the second overwrites the first; keep one of them"));
            }
        }
        Ok(())
    }

    /// What was left out, for a person: `2 ConfigMaps, 1 Secret`. `None` where nothing was.
    pub(crate) fn left_out(&self) -> Option<String> {
        let plural = |kind: &str| if kind.ends_with('s') { format!("{kind}es") } else { format!("{kind}s") };
        let counted = |(kind, count): (&String, &usize)| match (kind.is_empty(), *count) {
            (true, count) => format!("{count} without a kind"),
            (false, 1) => format!("1 {kind}"),
            (false, count) => format!("{count} {}", plural(kind)),
        };
        let all: Vec<String> = self.left_out.iter().map(counted).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

#[cfg(test)]
mod tests;
