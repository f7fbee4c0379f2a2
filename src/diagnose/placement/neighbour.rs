//! Other pods that must, or must not, be near: affinity, anti-affinity, spread and host ports.

use super::{Waiting, kubectl};
use crate::diagnose::place::command;
use crate::diagnose::{CauseCode, Evidence, Finding};
use crate::model::PodAffinityTerm;

/// `pods with app=cache in the same kubernetes.io/hostname`.
fn said(term: &PodAffinityTerm) -> String {
    format!("pods with {} in the same {}", term.label_selector.to_query(), term.topology_key)
}

fn all(terms: &[PodAffinityTerm]) -> String {
    terms.iter().map(said).collect::<Vec<_>>().join(" and ")
}

fn with_terms(
    waiting: &Waiting<'_, '_>,
    field: &str,
    terms: &[PodAffinityTerm],
    finding: Finding,
) -> Finding {
    terms.iter().fold(finding, |finding, term| {
        let path = format!("spec.template.spec.affinity.{field}");
        finding.with_evidence(Evidence::field(waiting.template_ref(), path, said(term)))
    })
}

/// `pod-affinity-unmatched`.
pub(super) fn affinity(waiting: &Waiting<'_, '_>) -> Finding {
    let terms = &waiting.pod.spec.affinity.pod_affinity.required;
    let headline = format!("the pods must be placed beside {}, and no node has such a neighbour", all(terms));
    let finding = waiting.finding(CauseCode::PodAffinityUnmatched, all(terms), headline);
    let mut finding = with_terms(waiting, "podAffinity", terms, finding)
        .with_help("Start the pods it must be beside, or correct their labels in the affinity rule.")
        .with_help("Or make it a preference: `preferredDuringSchedulingIgnoredDuringExecution` keeps no pod waiting.");
    for term in terms {
        let selector = term.label_selector.to_query();
        finding = finding.with_command(kubectl(
            waiting.rollout.namespace(),
            &["get", "pods", "-l", &selector, "-o", "wide"],
        ));
    }
    finding
}

/// `pod-anti-affinity-conflict`.
pub(super) fn anti_affinity(waiting: &Waiting<'_, '_>) -> Finding {
    let terms = &waiting.pod.spec.affinity.pod_anti_affinity.required;
    let own = terms.iter().any(|term| term.label_selector.matches(&waiting.pod.metadata.labels));
    let workload = waiting.rollout.workload;
    let desired = workload.desired();
    let blocked = waiting.blocked_by_own().filter(|_| own);
    let domain = terms.first().map_or("node", |term| match term.topology_key.as_str() {
        "kubernetes.io/hostname" => "node",
        key => key,
    });
    let headline = match blocked {
        Some(_) => format!(
            "the rollout blocks itself: only one pod of {} may be on a {domain}, old pods hold every {domain}, and maxUnavailable 0 keeps them until a new pod is ready",
            workload.command_target()
        ),
        None if own => format!(
            "no {domain} is left: only one pod of {} may be on each, {desired} are wanted, and there {} {}",
            workload.command_target(),
            if waiting.sentence.nodes == Some(1) { "is" } else { "are" },
            waiting.sentence.nodes.map_or_else(|| "too few".to_owned(), |n| if n == 1 { "1 node".to_owned() } else { format!("{n} nodes") }),
        ),
        None if terms.is_empty() => {
            "pods that are there already keep these away: their anti-affinity matches the labels of the new pods".to_owned()
        }
        None => format!("the pods must not be placed beside {}, and every node has some", all(terms)),
    };
    let finding = waiting.finding(CauseCode::PodAntiAffinityConflict, all(terms), headline);
    let mut finding = with_terms(waiting, "podAntiAffinity", terms, finding);
    if blocked.is_some() {
        finding = waiting.with_strategy(finding);
    } else if own {
        finding = finding.with_help(format!(
            "Add nodes, or run fewer than {desired} replicas: there must be one {domain} for each."
        ));
    }
    finding = finding
        .with_help("Or make it a preference: `preferredDuringSchedulingIgnoredDuringExecution` spreads pods and keeps none waiting.");
    match terms.first() {
        Some(term) => finding.with_command(kubectl(
            waiting.rollout.namespace(),
            &["get", "pods", "-l", &term.label_selector.to_query(), "-o", "wide"],
        )),
        None => finding.with_command(command(&["kubectl", "get", "pods", "-A", "-o", "wide"])),
    }
}

/// `topology-spread-unsatisfied`.
pub(super) fn spread(waiting: &Waiting<'_, '_>) -> Finding {
    let hard: Vec<_> = waiting
        .pod
        .spec
        .topology_spread_constraints
        .iter()
        .filter(|constraint| constraint.when_unsatisfiable != "ScheduleAnyway")
        .collect();
    let keys =
        hard.iter().map(|constraint| constraint.topology_key.as_str()).collect::<Vec<_>>().join(" and ");
    let unlabelled = waiting.sentence.groups.iter().any(super::Group::lacks_label);
    let skew = hard.first().map_or(1, |constraint| constraint.max_skew);
    let headline = if unlabelled {
        format!("the pods must be spread over {keys}, and {} that label", waiting.nodes("lacks", "lack"))
    } else {
        format!(
            "no node keeps the pods spread over {keys}: it would put more than {skew} more pods in one than in another"
        )
    };
    let mut finding = waiting.finding(CauseCode::TopologySpreadUnsatisfied, keys, headline);
    for constraint in &hard {
        finding = finding.with_evidence(Evidence::field(
            waiting.template_ref(),
            "spec.template.spec.topologySpreadConstraints",
            format!(
                "maxSkew {} over {}, {}",
                constraint.max_skew, constraint.topology_key, constraint.when_unsatisfiable
            ),
        ));
    }
    if unlabelled {
        finding = finding.with_help("Give the nodes the label, or spread over one that they have: kubernetes.io/hostname is on every node.");
    } else {
        if waiting.blocked_by_own().is_some() {
            finding = waiting.with_strategy(finding);
        }
        finding = finding
            .with_help("Pods of the old revision count too, unless the constraint says `matchLabelKeys: [pod-template-hash]`.")
            .with_help("Add nodes where pods are missing, or raise maxSkew.");
    }
    finding
        .with_help("Or make it a preference: `whenUnsatisfiable: ScheduleAnyway`.")
        .with_command(command(&["kubectl", "get", "nodes", "--show-labels"]))
}

/// `host-port-conflict`.
pub(super) fn host_port(waiting: &Waiting<'_, '_>) -> Finding {
    let workload = waiting.rollout.workload;
    let mut ports = Vec::new();
    for container in waiting.pod.spec.all_containers() {
        for port in &container.ports {
            if let Some(host) = port.host_port.filter(|host| *host > 0) {
                ports.push((container.name.as_str(), host));
            }
        }
    }
    let words = ports.iter().map(|(_, port)| port.to_string()).collect::<Vec<_>>().join(" and ");
    let desired = workload.desired();
    let own = waiting.rollout.pods.iter().chain(&waiting.rollout.old_pods).filter(|pod| pod.node().is_some());
    let holders: Vec<_> = own.collect();
    let blocked = waiting.blocked_by_own();
    let headline = if blocked.is_some() {
        format!(
            "the rollout blocks itself: old pods of {} hold host port {words} on every node, and maxUnavailable 0 keeps them until a new pod is ready",
            workload.command_target()
        )
    } else if holders.is_empty() {
        format!("host port {words} is taken on every node that could take the pods")
    } else {
        format!(
            "host port {words} is taken on every node: {desired} replicas are wanted, and each node can have one"
        )
    };
    let mut finding = waiting.finding(CauseCode::HostPortConflict, words, headline);
    for (container, port) in &ports {
        let path = format!("spec.template.spec.containers[{container}].ports.hostPort");
        finding = finding.with_evidence(Evidence::field(waiting.template_ref(), path, port.to_string()));
    }
    for holder in holders.iter().take(2) {
        finding = finding.with_evidence(Evidence::field(
            holder.object_ref(),
            "spec.nodeName",
            format!("{} (there it holds the port)", holder.node().unwrap_or_default()),
        ));
    }
    if blocked.is_some() {
        finding = waiting.with_strategy(finding);
    } else if !holders.is_empty() {
        finding = finding.with_help(format!(
            "Add nodes, or run fewer than {desired} replicas: there must be one node for each."
        ));
    }
    finding
        .with_help("Do without a host port, if a Service or an Ingress can bring traffic to the pods.")
        .with_command(command(&[
            "kubectl",
            "get",
            "pods",
            "-A",
            "-o",
            "custom-columns=NAMESPACE:.metadata.namespace,POD:.metadata.name,NODE:.spec.nodeName,HOSTPORT:.spec.containers[*].ports[*].hostPort",
        ]))
}
