//! From what the user selects to the targets of a run.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

mod resolve;

use crate::cli::{Selection, TypeName};
use crate::error::{Error, ErrorKind};
use crate::manifest::{self, Declared, Manifest};
use crate::model::Kind;
use crate::observation::{Refusal, Stream, Target};
use crate::settings::Gate;
use crate::source::Live;

/// How often a list is repeated while nothing matches yet.
const AGAIN: Duration = Duration::from_secs(2);

/// What is known before there is a connection.
#[derive(Debug)]
pub(super) enum Chosen {
    Declared(Manifest),
    /// To be asked for.
    Matching {
        kinds: Vec<TypeName>,
        selector: Option<String>,
        all_namespaces: bool,
    },
}

/// Reads what has to be read. Standard input is read whole before anything else can take it: a credential plugin
/// would.
pub(super) fn choose(selection: &Selection, stdin: &mut dyn Read) -> Result<Chosen, Error> {
    Ok(match selection {
        Selection::Named(names) => {
            let declared = |name: &crate::cli::TargetName| Declared {
                kind: name.kind.clone(),
                namespace: None,
                name: name.name.clone(),
                uid: None,
                generation: None,
                origin: None,
            };
            Chosen::Declared(Manifest {
                workloads: names.iter().map(declared).collect(),
                ..Manifest::default()
            })
        }
        Selection::Files { paths, recursive, include } => {
            Chosen::Declared(manifest::read(paths, *recursive, include, stdin)?)
        }
        Selection::Matching { kinds, selector, all_namespaces } => Chosen::Matching {
            kinds: kinds.clone(),
            selector: selector.clone(),
            all_namespaces: *all_namespaces,
        },
    })
}

impl Chosen {
    /// The targets as far as they are known without the cluster.
    pub(super) fn declared(&self) -> &[Declared] {
        match self {
            Self::Declared(manifest) => &manifest.workloads,
            Self::Matching { .. } => &[],
        }
    }

    /// A note for stderr about what is not judged.
    pub(super) fn note(&self) -> Option<String> {
        let Self::Declared(manifest) = self else { return None };
        let left_out = manifest.left_out()?;
        let workloads = manifest.workloads.len();
        let plural = if workloads == 1 { "" } else { "s" };
        let how = manifest
            .could_include
            .as_ref()
            .map_or_else(String::new, |kind| format!(" (--include {kind} judges it by its conditions)"));
        Some(format!("-f: {workloads} workload{plural}; not rollouts and left out: {left_out}{how}\n"))
    }

    /// The targets, each once, in the order in which they were named or, where they were asked for, by name. What
    /// heals is asked again until the time is up.
    ///
    /// # Errors
    /// The API server refuses to list, or a file names another namespace than `-n`.
    pub(super) async fn targets(
        &self,
        gate: &Gate,
        live: &Live,
        namespace: &str,
        ends: Instant,
    ) -> Result<Vec<Target>, Error> {
        match self {
            Self::Declared(manifest) => {
                let mut workloads = Vec::new();
                for workload in &manifest.workloads {
                    workloads.push((resolve::kind(&workload.kind, live, ends).await?, workload));
                }
                let mut targets = declared(&workloads, gate.connection.namespace.as_deref(), namespace)?;
                for origin in targets.iter_mut().filter_map(|target| target.origin.as_mut()) {
                    let path = gate.reports.host.in_repository(Path::new(&origin.file));
                    origin.file = path.display().to_string();
                }
                Ok(targets)
            }
            Self::Matching { kinds, selector, all_namespaces } => {
                let namespace = if *all_namespaces { "" } else { namespace };
                let mut known = Vec::new();
                for kind in kinds {
                    known.push(resolve::kind(kind, live, ends).await?);
                }
                let until = ends.min(Instant::now() + gate.policy.wait_for_create);
                loop {
                    let targets = matching(live, &known, namespace, selector.as_deref(), ends).await?;
                    if !targets.is_empty() || Instant::now() >= until {
                        return Ok(targets);
                    }
                    tokio::time::sleep_until(until.min(Instant::now() + AGAIN)).await;
                }
            }
        }
    }

    /// Nothing to judge: what was looked for, and where.
    pub(super) fn nothing(&self, gate: &Gate, namespace: &str) -> Error {
        let empty = "--allow-empty makes this a pass";
        match self {
            Self::Declared(manifest) if manifest.left_out.is_empty() => {
                Error::usage("-f holds no object").hint(
                    "the command before the pipe may have failed (set -o pipefail); with kubectl, -o json prints what was applied",
                )
            }
            Self::Declared(manifest) => {
                let left_out = manifest.left_out().unwrap_or_default();
                Error::usage(format!("-f holds nothing to wait for, only {left_out}"))
                    .hint("workloads and pods are; of a kind of your own say so: --include TYPE")
                    .hint(empty)
            }
            Self::Matching { kinds, selector, all_namespaces } => {
                let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                let (last, others) = kinds
                    .split_last()
                    .map_or(("workload", [].as_slice()), |(last, others)| (last.as_str(), others));
                let mut kinds = others.join(", ");
                if !kinds.is_empty() {
                    kinds.push_str(" or ");
                }
                kinds.push_str(last);
                let place = if *all_namespaces {
                    "in any namespace".to_owned()
                } else {
                    format!("in namespace {namespace}")
                };
                let labels = selector.as_ref().map(|labels| format!(" with labels {labels}")).unwrap_or_default();
                let error = Error::usage(format!("there is no {kinds}{labels} {place}"));
                let error = match selector {
                    Some(_) => error.hint("the labels of the workload itself count, not those of its pods"),
                    None => error,
                };
                let error = if *all_namespaces || gate.connection.namespace.is_some() {
                    error
                } else {
                    error.hint("the namespace is the context's; -n names another one, -A asks for all")
                };
                error.hint("for what is still to be created: --wait-for-create 30s").hint(empty)
            }
        }
    }
}

fn declared(
    workloads: &[(Kind, &Declared)],
    flag: Option<&str>,
    default: &str,
) -> Result<Vec<Target>, Error> {
    let mut seen = BTreeSet::new();
    let mut targets = Vec::new();
    for (kind, workload) in workloads {
        let Declared { kind: _, namespace, name, uid, generation, origin } = workload;
        if let (Some(own), Some(flag)) = (namespace, flag)
            && own != flag
        {
            let place = origin.as_ref().map(|origin| format!("{}:{}: ", origin.file, origin.line));
            return Err(Error::config(format!(
                "{}{kind} {name} is of namespace {own}, and -n says {flag}",
                place.unwrap_or_default()
            ))
            .hint(format!("leave out -n, or say -n {own}")));
        }
        let namespace = namespace.as_deref().unwrap_or(default);
        let stream = Stream::of(*kind, if kind.is_namespaced() { namespace } else { "" }, name);
        if seen.insert(stream.clone()) {
            targets.push(Target {
                stream,
                uid: uid.clone(),
                generation: *generation,
                origin: origin.clone(),
            });
        }
    }
    Ok(targets)
}

async fn matching(
    live: &Live,
    kinds: &[Kind],
    namespace: &str,
    selector: Option<&str>,
    ends: Instant,
) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    for kind in kinds {
        let found = live
            .select(*kind, namespace, selector, ends)
            .await
            .map_err(|refusal| refused(*kind, &refusal, selector))?;
        targets.extend(
            found.into_iter().map(|(namespace, name)| Target::from(Stream::of(*kind, &namespace, &name))),
        );
    }
    Ok(targets)
}

fn refused(kind: Kind, refusal: &Refusal, selector: Option<&str>) -> Error {
    let Refusal { code, asked, message } = refusal;
    match (code, selector) {
        (400, Some(selector)) => Error::usage(format!("-l {selector:?} is not a selector: {message}"))
            .hint("a selector reads app=web,tier!=cache or 'tier in (front,back)'"),
        (401 | 403, _) => Error::new(ErrorKind::Cluster, format!("cannot {asked}: {message}"))
            .hint(format!("grant the verb list on {}, or name only types that may be listed", kind.plural())),
        _ => Error::new(ErrorKind::Cluster, format!("cannot {asked}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Origin;

    fn web(namespace: Option<&str>) -> Declared {
        Declared {
            kind: TypeName::Known(Kind::Deployment),
            namespace: namespace.map(str::to_owned),
            name: "web".to_owned(),
            uid: Some("u-1".to_owned()),
            generation: Some(4),
            origin: Some(Origin { file: "k8s/web.yaml".to_owned(), line: 7 }),
        }
    }

    #[test]
    fn a_namespace_in_the_file_counts_and_may_not_contradict_the_flag() {
        let (here, there) = (web(None), web(Some("shop")));
        let both = [(Kind::Deployment, &here), (Kind::Deployment, &there)];
        let targets = declared(&both, None, "shop").unwrap();
        assert_eq!(targets.len(), 1, "the same object twice is one target");
        let target = targets.first().unwrap();
        assert_eq!(target.stream, Stream::of(Kind::Deployment, "shop", "web"));
        assert_eq!((target.uid.as_deref(), target.generation), (Some("u-1"), Some(4)));
        let error = declared(&[(Kind::Deployment, &there)], Some("test"), "test").unwrap_err();
        assert_eq!(error.message, "k8s/web.yaml:7: Deployment web is of namespace shop, and -n says test");
        assert_eq!(error.exit_code().number(), 2);
    }

    #[test]
    fn pitfall_50_nothing_found_is_an_error_that_says_what_was_looked_for() {
        let gate = |line: &str| {
            let (env, _, _) = crate::env::Env::by_hand(&[]);
            let words: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
            let arguments = crate::cli::parse(&words, &env).unwrap();
            match crate::settings::Settings::resolve(arguments, &env).unwrap().command {
                crate::settings::Command::Gate(gate) => *gate,
                other => panic!("{other:?}"),
            }
        };
        let gate = gate("rollout-guard wait sts,ds -l app=web");
        let chosen = choose(&gate.selection, &mut "".as_bytes()).unwrap();
        let error = chosen.nothing(&gate, "shop");
        assert_eq!(
            error.message,
            "there is no StatefulSet or DaemonSet with labels app=web in namespace shop"
        );
        assert_eq!(error.exit_code().number(), 2);
        let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        let files = Selection::Files { paths: vec!["-".into()], recursive: false, include: Vec::new() };
        let error = choose(&files, &mut text.as_bytes()).unwrap().nothing(&gate, "shop");
        assert_eq!(error.message, "-f holds nothing to wait for, only 1 ConfigMap");
        assert_eq!(error.exit_code().number(), 2);
    }
}
