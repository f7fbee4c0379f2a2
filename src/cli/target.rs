//! What to gate, in kubectl's grammar: `deploy/web`, `deployment.apps/web`, `deployment web api`.

use super::resource_type::{TypeName, is_near_a_known_type, unknown_type};
use crate::error::Error;

/// One object as the user named it. The namespace is decided with the connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TargetName {
    pub(crate) kind: TypeName,
    pub(crate) name: String,
}

pub(super) const EXAMPLE: &str =
    "name targets as deploy/NAME, for example: rollout-guard wait deploy/web -n shop";

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
        let kind = TypeName::parse(first)?;
        if names.is_empty() && matches!(kind, TypeName::Other(_)) {
            // `wait web`: far likelier a Deployment without its type than a misspelt type.
            return Err(if is_near_a_known_type(first) { unknown_type(first) } else { bare(first) });
        }
        if names.is_empty() {
            return Err(Error::usage(format!("{first:?} names a type but no object"))
                .hint(format!("name the object too: {first}/NAME")));
        }
        for name in names {
            add(TargetName { kind: kind.clone(), name: object_name(name)? });
        }
    }
    Ok(targets)
}

fn bare(argument: &str) -> Error {
    if object_name(argument).is_err() {
        return unknown_type(argument);
    }
    Error::usage(format!("{argument:?} names no type"))
        .hint(format!("if it is a Deployment, write deploy/{argument}"))
}

fn type_and_name(argument: &str) -> Result<TargetName, Error> {
    let parts: Vec<&str> = argument.split('/').collect();
    match parts.as_slice() {
        [kind, name] if !kind.is_empty() => {
            Ok(TargetName { kind: TypeName::parse(kind)?, name: object_name(name)? })
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
        let kind = |kind| match kind {
            TypeName::Known(kind) => kind.to_string(),
            TypeName::Other(other) => other.written,
        };
        Ok(targets.into_iter().map(|target| format!("{}/{}", kind(target.kind), target.name)).collect())
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
    fn a_type_that_only_the_server_can_know_is_a_target_too() {
        let written = "certificate.cert-manager.io/web job/migrate";
        assert_eq!(read(written).unwrap(), ["certificate.cert-manager.io/web", "Job/migrate"]);
        assert_eq!(read("widget a b").unwrap(), ["widget/a", "widget/b"]);
    }

    #[test]
    fn what_names_nothing_is_refused_with_the_fix() {
        for (written, message, hint) in [
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
}
