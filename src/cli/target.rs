//! What to gate, in kubectl's grammar: `deploy/web`, `deployment.apps/web`, `deployment web api`.

use crate::diagnose::nearest;
use crate::error::Error;
use crate::model::Kind;

/// One workload as the user named it. The namespace is decided with the connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TargetName {
    pub(crate) kind: Kind,
    pub(crate) name: String,
}

/// A resource type that may be named.
struct ResourceType {
    kind: &'static str,
    /// What a person may write, the form to suggest first; all lower case.
    names: &'static [&'static str],
    group: &'static str,
    version: &'static str,
    /// `None`: known, but not gated by this version.
    gated: Option<Kind>,
}

/// Every type we know. A kind becomes gateable by filling in `gated` here.
const TYPES: &[ResourceType] = &[
    ResourceType {
        kind: "Deployment",
        names: &["deploy", "deployment", "deployments"],
        group: "apps",
        version: "v1",
        gated: Some(Kind::Deployment),
    },
    ResourceType {
        kind: "StatefulSet",
        names: &["sts", "statefulset", "statefulsets"],
        group: "apps",
        version: "v1",
        gated: Some(Kind::StatefulSet),
    },
    ResourceType {
        kind: "DaemonSet",
        names: &["ds", "daemonset", "daemonsets"],
        group: "apps",
        version: "v1",
        gated: Some(Kind::DaemonSet),
    },
    ResourceType { kind: "Job", names: &["job", "jobs"], group: "batch", version: "v1", gated: None },
    ResourceType {
        kind: "ReplicaSet",
        names: &["rs", "replicaset", "replicasets"],
        group: "apps",
        version: "v1",
        gated: None,
    },
    ResourceType { kind: "Pod", names: &["po", "pod", "pods"], group: "", version: "v1", gated: None },
    ResourceType {
        kind: "CronJob",
        names: &["cj", "cronjob", "cronjobs"],
        group: "batch",
        version: "v1",
        gated: None,
    },
    ResourceType {
        kind: "ReplicationController",
        names: &["rc", "replicationcontroller", "replicationcontrollers"],
        group: "",
        version: "v1",
        gated: None,
    },
];

const EXAMPLE: &str = "name targets as deploy/NAME, for example: rollout-guard wait deploy/web -n shop";

/// Reads the positional arguments: all `TYPE/NAME`, or one `TYPE` followed by names. Naming a target twice is
/// naming it once.
pub(crate) fn parse(arguments: &[String]) -> Result<Vec<TargetName>, Error> {
    let Some((first, names)) = arguments.split_first() else {
        return Err(Error::usage("no target named").hint(EXAMPLE));
    };
    if arguments.iter().any(|argument| argument.trim().is_empty()) {
        return Err(Error::usage("a target is empty")
            .hint("an unset variable in the pipeline does this; a target is written deploy/NAME"));
    }
    let mut targets = Vec::new();
    let mut add = |target: TargetName| {
        if !targets.contains(&target) {
            targets.push(target);
        }
    };
    if arguments.iter().any(|argument| argument.contains('/')) {
        for argument in arguments {
            add(type_and_name(argument)?);
        }
    } else {
        let kind = match resource_type(first) {
            Ok(kind) => kind,
            // `wait web`: far likelier a Deployment without its type than a misspelt type.
            Err(error) if names.is_empty() && nearest_types(first).is_empty() => {
                return Err(bare(first, error));
            }
            Err(error) => return Err(error),
        };
        if names.is_empty() {
            return Err(Error::usage(format!("{first:?} names a type but no object"))
                .hint(format!("name the object too: {first}/NAME")));
        }
        for name in names {
            add(TargetName { kind, name: object_name(name)? });
        }
    }
    Ok(targets)
}

fn bare(argument: &str, error: Error) -> Error {
    if object_name(argument).is_err() {
        return error;
    }
    Error::usage(format!("{argument:?} names no type"))
        .hint(format!("if it is a Deployment, write deploy/{argument}"))
}

fn type_and_name(argument: &str) -> Result<TargetName, Error> {
    let parts: Vec<&str> = argument.split('/').collect();
    match parts.as_slice() {
        [kind, name] if !kind.is_empty() => {
            Ok(TargetName { kind: resource_type(kind)?, name: object_name(name)? })
        }
        [name] => {
            Err(Error::usage(format!("{name:?} has no type, while other targets are written TYPE/NAME"))
                .hint(format!("write deploy/{name}")))
        }
        [namespace, kind, name] => Err(Error::usage(format!("target {argument:?} has too many parts"))
            .hint(format!("the namespace is a flag: {kind}/{name} -n {namespace}"))),
        _ => Err(Error::usage(format!("target {argument:?} is not of the form TYPE/NAME")).hint(EXAMPLE)),
    }
}

/// `deploy`, `Deployments`, `deployment.apps`, `deployment.v1.apps`.
pub(super) fn resource_type(written: &str) -> Result<Kind, Error> {
    let lower = written.to_ascii_lowercase();
    let (name, qualifier) = lower.split_once('.').unwrap_or((&lower, ""));
    let Some(found) = TYPES.iter().find(|known| known.names.contains(&name)) else {
        return Err(unknown_type(written, name));
    };
    let (group, version) = (found.group, found.version);
    let full = if group.is_empty() { version.to_owned() } else { format!("{version}.{group}") };
    if !["", group, &full].contains(&qualifier) {
        let short = found.names.first().copied().unwrap_or(name);
        return Err(Error::usage(format!("type {written:?}: {} is not of {qualifier:?}", found.kind))
            .hint(format!("it is {short}, or in full {name}.{full}")));
    }
    found.gated.ok_or_else(|| {
        let gated: Vec<String> =
            TYPES.iter().filter(|t| t.gated.is_some()).map(|t| format!("{}s", t.kind)).collect();
        let (last, others) =
            gated.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
        let gated = format!("{} and {last}", others.join(", "));
        Error::usage(format!("cannot gate a {}: this version gates only {gated}", found.kind))
            .hint(owner_hint(found.kind))
    })
}

/// Where a workload belongs to another one, that one is what to gate.
fn owner_hint(kind: &str) -> &'static str {
    match kind {
        "Pod" => "gate the workload it belongs to: deploy/NAME, sts/NAME or ds/NAME",
        "ReplicaSet" => "gate the Deployment it belongs to: deploy/NAME",
        "Job" => "until then: kubectl wait --for=condition=complete job/NAME",
        _ => "name a Deployment: deploy/NAME",
    }
}

fn unknown_type(written: &str, name: &str) -> Error {
    let error = Error::usage(format!("unknown type {written:?}"));
    let near = nearest_types(name);
    if near.is_empty() {
        error.hint(EXAMPLE)
    } else {
        error.hint(format!("did you mean {}?", near.join(" or ")))
    }
}

/// Short names are left out: everything short is near to them.
fn nearest_types(name: &str) -> Vec<&'static str> {
    let names = TYPES.iter().flat_map(|known| known.names.iter().copied()).filter(|name| name.len() > 3);
    let mut near = if name.len() > 3 { nearest(name, names) } else { Vec::new() };
    near.truncate(2);
    near
}

/// A name that an object can have (RFC 1123 subdomain), so that a typo is an error here and not a `not found`.
fn object_name(name: &str) -> Result<String, Error> {
    let error = || Error::usage(format!("{name:?} cannot be the name of an object"));
    if name.is_empty() {
        return Err(Error::usage("the name after the type is empty")
            .hint("an unset variable in the pipeline does this; a target is written deploy/NAME"));
    }
    if name.contains(['$', '{', '}']) {
        return Err(error().hint("it looks like a variable that was not expanded"));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = name.len() <= 253
        && name.split('.').all(|label| {
            label.starts_with(fits) && label.ends_with(fits) && label.chars().all(|c| fits(c) || c == '-')
        });
    if valid {
        return Ok(name.to_owned());
    }
    Err(error()
        .hint("names have lower-case letters, digits, '-' and '.', and begin and end with a letter or digit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<Vec<String>, Error> {
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        let targets = parse(&arguments)?;
        Ok(targets.into_iter().map(|t| format!("{}/{}", t.kind, t.name)).collect())
    }

    #[test]
    fn every_form_of_kubectl_names_a_deployment() {
        for written in [
            "deploy/web",
            "deployment/web",
            "deployments/web",
            "Deployment/web",
            "DEPLOY/web",
            "deploy.apps/web",
            "deployment.apps/web",
            "deployments.apps/web",
            "deployment.v1.apps/web",
            "deployment web",
            "deploy web",
            "deployments.apps web",
            "deploy/web deployment.apps/web",
        ] {
            assert_eq!(read(written).unwrap(), ["Deployment/web"], "{written}");
        }
        assert_eq!(read("deploy web api").unwrap(), ["Deployment/web", "Deployment/api"]);
        assert_eq!(read("deploy/web deploy/api.v2").unwrap(), ["Deployment/web", "Deployment/api.v2"]);
    }

    #[test]
    fn stateful_sets_and_daemon_sets_are_named_alike() {
        let written =
            "sts/db statefulset/db StatefulSets.apps/db statefulset.v1.apps/db ds/agent DaemonSet/agent";
        assert_eq!(read(written).unwrap(), ["StatefulSet/db", "DaemonSet/agent"]);
        assert_eq!(read("ds agent proxy").unwrap(), ["DaemonSet/agent", "DaemonSet/proxy"]);
    }

    #[test]
    fn what_names_nothing_is_refused_with_the_fix() {
        for (written, message, hint) in [
            ("deplyo/web", "unknown type \"deplyo\"", "did you mean deploy?"),
            ("service/web", "unknown type \"service\"", "deploy/NAME"),
            ("web", "\"web\" names no type", "write deploy/web"),
            ("deplyo", "unknown type", "did you mean deploy"),
            ("deploy", "names a type but no object", "deploy/NAME"),
            ("deploy/", "name after the type is empty", "unset variable"),
            ("/web", "not of the form TYPE/NAME", "deploy/NAME"),
            ("deploy/web api", "\"api\" has no type", "deploy/api"),
            ("shop/deploy/web", "too many parts", "deploy/web -n shop"),
            ("deploy/Web", "\"Web\" cannot be the name", "lower-case"),
            ("deploy/-web", "cannot be the name", "begin and end"),
            ("deploy/web_1", "cannot be the name", "lower-case"),
            ("deploy/${APP}", "cannot be the name", "not expanded"),
            ("deployment.extensions/web", "Deployment is not of \"extensions\"", "deployment.v1.apps"),
            ("deployment.v1beta1.apps/web", "not of \"v1beta1.apps\"", "deployment.v1.apps"),
        ] {
            let error = read(written).unwrap_err();
            assert!(error.message.contains(message), "{written}: {}", error.message);
            assert!(error.hints.iter().any(|text| text.contains(hint)), "{written}: {:?}", error.hints);
            assert_eq!(error.exit_code().number(), 2);
        }
        assert!(parse(&[]).unwrap_err().message.contains("no target"));
        assert!(parse(&[String::new()]).unwrap_err().message.contains("empty"));
    }

    #[test]
    fn other_workload_kinds_are_known_but_not_gated() {
        for (written, kind) in [
            ("job/migrate", "Job"),
            ("rs/web-1", "ReplicaSet"),
            ("pod/web-1-x", "Pod"),
            ("pods.v1/web-1-x", "Pod"),
            ("cronjob.batch/nightly", "CronJob"),
            ("rc/old", "ReplicationController"),
        ] {
            let error = read(written).unwrap_err();
            assert_eq!(
                error.message,
                format!(
                    "cannot gate a {kind}: this version gates only Deployments, StatefulSets and DaemonSets"
                )
            );
            assert_eq!(error.hints.len(), 1, "{written}");
        }
    }
}
