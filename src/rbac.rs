//! `rbac`: the least that the account which runs this must be allowed, as YAML for `kubectl apply`.
//!
//! What is asked of the API server is known ([`crate::source`]): the target by its name, what it owns and its pods
//! by their labels, and facts of a diagnosis one by one. A rule with `resourceNames` covers `list` and `watch` too
//! where the request selects `metadata.name`, as ours do (`RequestInfo` in apiserver/pkg/endpoints/request).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use clap::ValueEnum;

use crate::model::Kind;

/// What a Role may hold beyond what decides the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Extra {
    /// Logs of failing containers
    Logs,
    /// Events: failed probes and mounts, pods that were refused
    Events,
    /// ConfigMaps, claims, LimitRanges, ResourceQuotas, ServiceAccounts, Services, the namespace itself: what is missing
    /// or in the way
    Config,
    /// Names and key names of Secrets, and the pull secrets that --check-registry asks with; Kubernetes cannot allow
    /// them without the values
    Secrets,
    /// Nodes, volumes and storage classes: why no node takes a pod, which nodes a DaemonSet may do without; needs a ClusterRole
    Nodes,
    /// Dry runs of refused pods (--dry-run-pods); Kubernetes cannot allow them without allowing to create pods
    DryRun,
    /// `kubectl rollout undo` of the targets, for a pipeline that goes back by itself
    Undo,
    /// Nothing more
    None,
}

/// Whom to allow what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Permissions {
    /// Empty: every workload of a kind that can be gated.
    pub(crate) targets: Vec<(Kind, String)>,
    pub(crate) extras: BTreeSet<Extra>,
    /// The namespace of the account; empty leaves it to `kubectl apply -n`.
    pub(crate) namespace: String,
    /// The ServiceAccount.
    pub(crate) account: String,
}

/// The kinds whose meaning is known.
const GATED: [Kind; 6] =
    [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::Job, Kind::ReplicaSet, Kind::Pod];

const READ: &str = "get, list, watch";

struct Rule {
    group: &'static str,
    resources: Vec<&'static str>,
    names: BTreeSet<String>,
    verbs: &'static str,
    why: &'static str,
}

/// ServiceAccount, Role and RoleBinding, and where nodes are to be seen ClusterRole and ClusterRoleBinding.
pub(crate) fn rbac(permissions: &Permissions) -> String {
    let Permissions { account, namespace, extras, .. } = permissions;
    let place = if namespace.is_empty() { String::new() } else { format!(", namespace: {namespace}") };
    let mut out =
        format!("apiVersion: v1\nkind: ServiceAccount\nmetadata: {{ name: {account}{place} }}\n---\n");
    write_role(permissions, &place, &mut out);
    let subject = format!("subjects: [{{ kind: ServiceAccount, name: {account}{place} }}]\n");
    let _ = write!(
        out,
        "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {{ name: {account}{place} }}\n\
         roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: Role, name: {account} }}\n{subject}"
    );
    if extras.contains(&Extra::Nodes) {
        // The name is one of the whole cluster.
        let name = if namespace.is_empty() {
            format!("{account}-nodes")
        } else {
            format!("{account}-nodes-{namespace}")
        };
        let _ = write!(
            out,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{ name: {name} }}\nrules:\n"
        );
        for (group, resources, why) in [
            (
                "",
                vec!["nodes", "persistentvolumes"],
                "why no node takes a pod, which nodes a DaemonSet may do without",
            ),
            ("storage.k8s.io", vec!["storageclasses"], "why a claim has no volume"),
        ] {
            write_rule(&Rule { group, resources, names: BTreeSet::new(), verbs: "get, list", why }, &mut out);
        }
        // A ClusterRoleBinding has to name the namespace of its subject; kubectl does not fill it in.
        let subject_place = if namespace.is_empty() { ", namespace: default".to_owned() } else { place };
        let _ = write!(
            out,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {{ name: {name} }}\n\
             roleRef: {{ apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {name} }}\n\
             subjects: [{{ kind: ServiceAccount, name: {account}{subject_place} }}]\n"
        );
    }
    out
}

/// The least Role for one target, of that kind as the API spells it. `None`: a kind that only its own group knows.
pub(crate) fn role(kind: &str, namespace: &str, name: &str) -> Option<String> {
    let kind = *GATED.iter().find(|gated| gated.as_str() == kind)?;
    let permissions = Permissions {
        targets: vec![(kind, name.to_owned())],
        extras: BTreeSet::new(),
        namespace: namespace.to_owned(),
        account: "rollout-guard".to_owned(),
    };
    let mut out = String::new();
    write_role(&permissions, &format!(", namespace: {namespace}"), &mut out);
    Some(out)
}

fn write_role(permissions: &Permissions, place: &str, out: &mut String) {
    let account = &permissions.account;
    let _ = write!(
        out,
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {{ name: {account}{place} }}\nrules:\n"
    );
    for rule in rules(permissions) {
        write_rule(&rule, out);
    }
}

/// The rules of the Role; the order is that of the reasons.
fn rules(permissions: &Permissions) -> Vec<Rule> {
    let Permissions { targets, extras, .. } = permissions;
    let kinds: BTreeSet<Kind> = if targets.is_empty() {
        GATED.into_iter().collect()
    } else {
        targets.iter().map(|(kind, _)| *kind).collect()
    };
    let mut rules = Vec::new();
    for kind in &kinds {
        if targets.is_empty() && *kind == Kind::Pod {
            continue;
        }
        let names: BTreeSet<String> =
            targets.iter().filter(|(of, _)| of == kind).map(|(_, name)| name.clone()).collect();
        rules.push(Rule {
            group: group(*kind),
            resources: vec![kind.plural()],
            names: names.clone(),
            verbs: READ,
            why: "the workload",
        });
        if extras.contains(&Extra::Undo) && history_of(*kind, extras).is_some() {
            rules.push(Rule {
                group: group(*kind),
                resources: vec![kind.plural()],
                names,
                verbs: "patch",
                why: "kubectl rollout undo",
            });
        }
    }
    let owned: BTreeSet<&'static str> = kinds.iter().filter_map(|kind| history_of(*kind, extras)).collect();
    if !owned.is_empty() {
        rules.push(Rule {
            group: "apps",
            resources: owned.into_iter().collect(),
            names: BTreeSet::new(),
            verbs: READ,
            why: "which pods are of the newest revision",
        });
    }
    let core = |resources: &[&'static str], verbs, why| Rule {
        group: "",
        resources: resources.to_vec(),
        names: BTreeSet::new(),
        verbs,
        why,
    };
    // A pod that is a target by itself is allowed by its name.
    let pods_are_named = !targets.is_empty() && kinds.iter().all(|kind| *kind == Kind::Pod);
    if !pods_are_named {
        rules.push(core(&["pods"], READ, "their pods"));
    }
    for extra in extras {
        rules.extend(match extra {
            Extra::Logs => Some(core(&["pods/log"], "get", "the last lines of a container that failed")),
            Extra::Events => Some(core(&["events"], "list", "failed probes, mounts, refused pods")),
            Extra::Config => Some(core(
                &[
                    "configmaps",
                    "persistentvolumeclaims",
                    "limitranges",
                    "resourcequotas",
                    "serviceaccounts",
                    "services",
                ],
                "get, list",
                "what a pod refers to and what limits it",
            )),
            Extra::Secrets => {
                Some(core(&["secrets"], "get, list", "whether a Secret and its keys are there"))
            }
            Extra::DryRun => Some(core(&["pods"], "create", "dry runs of refused pods")),
            Extra::Nodes | Extra::Undo | Extra::None => None,
        });
    }
    if extras.contains(&Extra::Config) {
        // The request for a namespace is one in that namespace, so a Role can allow it.
        rules.push(core(&["namespaces"], "get", "whether the namespace is being deleted"));
        rules.push(Rule {
            group: "discovery.k8s.io",
            resources: vec!["endpointslices"],
            names: BTreeSet::new(),
            verbs: "list",
            why: "whether Services send traffic to the new pods",
        });
    }
    rules
}

const fn group(kind: Kind) -> &'static str {
    match kind {
        Kind::Deployment
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::ReplicaSet
        | Kind::ControllerRevision => "apps",
        Kind::Job => "batch",
        _ => "",
    }
}

/// What keeps the revisions of a kind, as [`crate::model::streams`] has it. Of a StatefulSet only going back needs it, and
/// a diagnosis that tells what a rollout changed.
fn history_of(kind: Kind, extras: &BTreeSet<Extra>) -> Option<&'static str> {
    match kind {
        Kind::Deployment => Some("replicasets"),
        Kind::DaemonSet => Some("controllerrevisions"),
        Kind::StatefulSet if extras.contains(&Extra::Undo) || extras.contains(&Extra::Config) => {
            Some("controllerrevisions")
        }
        _ => None,
    }
}

fn write_rule(rule: &Rule, out: &mut String) {
    let Rule { group, resources, names, verbs, why } = rule;
    let group = if group.is_empty() { "\"\"" } else { group };
    let _ = write!(out, "  # {why}\n  - apiGroups: [{group}]\n    resources: [{}]\n", resources.join(", "));
    if !names.is_empty() {
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let _ = writeln!(out, "    resourceNames: [{}]", names.join(", "));
    }
    let _ = writeln!(out, "    verbs: [{verbs}]");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permissions(targets: &[(Kind, &str)], extras: &[Extra]) -> Permissions {
        Permissions {
            targets: targets.iter().map(|(kind, name)| (*kind, (*name).to_owned())).collect(),
            extras: extras.iter().copied().collect(),
            namespace: "shop".to_owned(),
            account: "rollout-guard".to_owned(),
        }
    }

    #[test]
    fn the_least_role_of_a_deployment_reads_it_its_replica_sets_and_pods() {
        let expected = "\
apiVersion: v1
kind: ServiceAccount
metadata: { name: rollout-guard, namespace: shop }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: rollout-guard, namespace: shop }
rules:
  # the workload
  - apiGroups: [apps]
    resources: [deployments]
    resourceNames: [\"web\"]
    verbs: [get, list, watch]
  # which pods are of the newest revision
  - apiGroups: [apps]
    resources: [replicasets]
    verbs: [get, list, watch]
  # their pods
  - apiGroups: [\"\"]
    resources: [pods]
    verbs: [get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: rollout-guard, namespace: shop }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: rollout-guard }
subjects: [{ kind: ServiceAccount, name: rollout-guard, namespace: shop }]
";
        assert_eq!(rbac(&permissions(&[(Kind::Deployment, "web")], &[Extra::None])), expected);
    }

    #[test]
    fn the_role_alone_is_that_of_the_three_documents() {
        let whole = rbac(&permissions(&[(Kind::Deployment, "web")], &[Extra::None]));
        let role = role("Deployment", "shop", "web").unwrap();
        assert!(whole.contains(&format!("---\n{role}---\n")), "{role}");
        assert_eq!(super::role("Certificate", "shop", "web"), None);
    }

    #[test]
    fn each_kind_gets_what_keeps_its_revisions_and_no_more() {
        let said = |kind| rbac(&permissions(&[(kind, "x")], &[]));
        assert!(said(Kind::DaemonSet).contains("[controllerrevisions]"));
        let set = said(Kind::StatefulSet);
        assert!(!set.contains("controllerrevisions") && !set.contains("replicasets"), "{set}");
        assert!(
            rbac(&permissions(&[(Kind::StatefulSet, "x")], &[Extra::Undo])).contains("[controllerrevisions]")
        );
    }

    #[test]
    fn nodes_are_of_the_whole_cluster_and_going_back_is_a_patch_of_the_target_alone() {
        let text = rbac(&permissions(&[(Kind::Deployment, "web")], &[Extra::Nodes, Extra::Undo]));
        assert!(text.contains("kind: ClusterRole\nmetadata: { name: rollout-guard-nodes-shop }"), "{text}");
        assert!(text.contains("    resourceNames: [\"web\"]\n    verbs: [patch]\n"), "{text}");
        assert!(!rbac(&permissions(&[], &[])).contains("Cluster"));
        assert_eq!(rbac(&permissions(&[], &[Extra::Secrets])).matches("secrets").count(), 1);
        assert!(
            rbac(&permissions(&[], &[Extra::DryRun])).contains("resources: [pods]\n    verbs: [create]\n")
        );
        assert!(!rbac(&permissions(&[], &[])).contains("create"));
    }
}
