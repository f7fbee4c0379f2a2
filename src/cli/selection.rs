//! What to gate, as a whole: names, files, or whatever matches.

use std::path::PathBuf;

use clap::Args;

use super::TypeName;
use super::{help, target};
use crate::error::Error;
use crate::model::{Kind, KindName};

pub(crate) use super::target::TargetName;

/// The flags that name targets.
#[derive(Debug, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct SelectionArguments {
    /// What to judge: deploy/NAME, sts/NAME, ds/NAME, job/NAME, deployment.apps/NAME, or a type followed by names
    ///
    /// With -l or --all: types only, for example deploy,sts.
    #[arg(value_name = "TARGET", conflicts_with = "filename")]
    pub(crate) targets: Vec<String>,
    /// Judge the workloads in this file or folder; - is standard input (repeatable)
    ///
    /// YAML or JSON, lists and several documents. Objects that are no rollouts are left out and counted, and so are the
    /// pods, ReplicaSets and Jobs that a workload has made; for kinds of your own see --include. What
    /// kubectl prints is understood too: with -o json it names the very object and generation that was applied, with
    /// -o name the objects.
    #[arg(short, long, value_name = "PATH", help_heading = help::TARGETS)]
    pub(crate) filename: Vec<PathBuf>,
    /// Read the folders in the folders of -f as well
    #[arg(short = 'R', long, help_heading = help::TARGETS)]
    pub(crate) recursive: bool,
    /// Of -f, judge objects of this kind too, by their conditions: certificate, rollout.argoproj.io (repeatable)
    ///
    /// Such an object is left out otherwise: whether it ever says that it is ready only its controller knows.
    #[arg(long, value_name = "TYPE", help_heading = help::TARGETS)]
    pub(crate) include: Vec<String>,
    /// Judge every workload with these labels: app=web,tier!=cache
    ///
    /// Deployments, StatefulSets, DaemonSets and Jobs (not those that a schedule made), unless TARGET names types. What
    /// matches is decided once, at the start.
    #[arg(short = 'l', long, value_name = "SELECTOR", value_parser = parse_selector, conflicts_with_all = ["filename", "all"], help_heading = help::TARGETS)]
    pub(crate) selector: Option<String>,
    /// Judge every workload of the namespace
    #[arg(long, conflicts_with = "filename", help_heading = help::TARGETS)]
    pub(crate) all: bool,
    /// With -l or --all: in all namespaces
    #[arg(short = 'A', long, help_heading = help::TARGETS)]
    pub(crate) all_namespaces: bool,
    /// Pass when nothing matches -f, -l or --all, instead of exit code 2
    #[arg(long, help_heading = help::TARGETS)]
    pub(crate) allow_empty: bool,
}

/// Which workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selection {
    /// At least one.
    Named(Vec<TargetName>),
    /// Those in files; `-` is standard input.
    Files { paths: Vec<PathBuf>, recursive: bool, include: Vec<KindName> },
    /// Those that a list of the API server shows.
    Matching { kinds: Vec<TypeName>, selector: Option<String>, all_namespaces: bool },
}

impl Selection {
    /// Refuses `--for` where the targets have rules of their own.
    pub(crate) fn check_goal(&self) -> Result<(), Error> {
        let of_files = "--for with -f: a manifest holds kinds that have rules of their own";
        let types: Vec<&TypeName> = match self {
            Self::Named(names) => names.iter().map(|name| &name.kind).collect(),
            Self::Matching { kinds, .. } => kinds.iter().collect(),
            Self::Files { .. } => {
                return Err(
                    Error::usage(of_files).hint("name the object: certificate/NAME --for condition=Ready")
                );
            }
        };
        match types.iter().find(|kind| matches!(kind, TypeName::Known(_))) {
            Some(kind) => Err(Error::usage(format!(
                "--for with a {kind}, which is judged by rules of its own"
            ))
            .hint("leave out --for; it is for kinds without such rules, for example certificate/NAME")),
            None => Ok(()),
        }
    }
}

/// What is judged where no type is named.
const ALL_KINDS: [Kind; 4] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Job];

impl SelectionArguments {
    /// `-f -`.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.filename.iter().any(|path| path.as_os_str() == "-")
    }

    /// What the flags mean together.
    pub(crate) fn selection(&self) -> Result<Selection, Error> {
        let Self { targets, filename, recursive, include, selector, all, all_namespaces, allow_empty: _ } =
            self;
        let matching = selector.is_some() || *all;
        if *all_namespaces && !matching {
            return Err(Error::usage("-A without -l or --all").hint(
                "in all namespaces, targets are chosen by labels (-l app=web) or all of them (--all)",
            ));
        }
        if !filename.is_empty() {
            if filename.iter().any(|path| path.as_os_str().is_empty()) {
                return Err(Error::usage("-f is empty").hint("an unset variable in the pipeline does this"));
            }
            let mut others = Vec::new();
            for written in include.iter().flat_map(|types| types.split(',')) {
                // A kind with rules of its own counts as it is.
                if let TypeName::Other(name) = TypeName::parse(written)? {
                    others.push(name);
                }
            }
            return Ok(Selection::Files { paths: filename.clone(), recursive: *recursive, include: others });
        }
        if !matching {
            return target::parse(targets).map(Selection::Named);
        }
        let mut kinds = Vec::new();
        for written in targets.iter().flat_map(|types| types.split(',')) {
            let flag = if *all { "--all" } else { "-l" };
            if written.contains('/') {
                return Err(Error::usage(format!(
                    "{flag} chooses by itself, and {written:?} names an object"
                ))
                .hint(format!("name types only, for example: deploy,sts {flag}; or leave out {flag}")));
            }
            let kind = TypeName::parse(written)?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            kinds = ALL_KINDS.map(TypeName::Known).to_vec();
        }
        Ok(Selection::Matching { kinds, selector: selector.clone(), all_namespaces: *all_namespaces })
    }
}

/// The API server judges a selector; only what would mean "everything" is caught here.
fn parse_selector(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty, which would match everything; for everything there is --all".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(targets: &[&str], change: impl FnOnce(&mut SelectionArguments)) -> Result<Selection, Error> {
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        let mut arguments = SelectionArguments { targets, ..SelectionArguments::default() };
        change(&mut arguments);
        arguments.selection()
    }

    #[test]
    fn types_narrow_what_matches() {
        let matching = |kinds: &[Kind], selector: Option<&str>| Selection::Matching {
            kinds: kinds.iter().copied().map(TypeName::Known).collect(),
            selector: selector.map(str::to_owned),
            all_namespaces: false,
        };
        assert_eq!(of(&[], |flags| flags.all = true).unwrap(), matching(&ALL_KINDS, None));
        let by_label = |flags: &mut SelectionArguments| flags.selector = Some("app=web".to_owned());
        let expected = matching(&[Kind::Deployment, Kind::StatefulSet], Some("app=web"));
        assert_eq!(of(&["deploy,sts", "deployments"], by_label).unwrap(), expected);
    }

    #[test]
    fn a_goal_is_for_kinds_without_rules() {
        assert!(of(&["certificate/web"], |_| ()).unwrap().check_goal().is_ok());
        let error = of(&["certificate/web", "deploy/web"], |_| ()).unwrap().check_goal().unwrap_err();
        assert!(error.message.starts_with("--for with a Deployment"), "{error:?}");
        assert!(of(&[], |flags| flags.all = true).unwrap().check_goal().is_err());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let error = of(&["deploy/web"], |flags| flags.all = true).unwrap_err();
        assert!(error.message.contains("\"deploy/web\" names an object"), "{error:?}");
        let error = of(&["deploy/web"], |flags| flags.all_namespaces = true).unwrap_err();
        assert_eq!(error.message, "-A without -l or --all");
        let error = of(&["cronjobs"], |flags| flags.all = true).unwrap_err();
        assert!(error.message.contains("a CronJob is a schedule"), "{error:?}");
        assert!(parse_selector(" ").unwrap_err().contains("--all"));
    }
}
