//! Events of a pod that are no cause by themselves, since healthy pods have them too, and that explain what its
//! application says.

use super::logs::Log;
use super::{Evidence, Finding};
use crate::model::{Event, Pod};

/// Kubelet has no address of a cluster DNS to give to pods; they get the node's name servers
/// (pkg/kubelet/network/dns).
const MISSING_CLUSTER_DNS: &str = "MissingClusterDNS";
/// Kubelet cut the pod's `resolv.conf` to its limits: name servers, search domains.
const DNS_CONFIG_FORMING: &str = "DNSConfigForming";
/// Kubelets before Kubernetes 1.34 leave out keys of `envFrom` that are no valid names of variables there.
const INVALID_VARIABLE_NAMES: &str = "InvalidEnvironmentVariableNames";

/// Words of a log about a host name that did not resolve, in lower case.
pub(super) const UNRESOLVED: &[&str] = &[
    "no such host",
    "name or service not known",
    "could not resolve",
    "name does not resolve",
    "enotfound",
    "getaddrinfo",
];

/// The finding with the event beside its log that the log alone does not explain: a name that did not resolve where
/// kubelet could not give the pod its name servers, and variables that kubelet has left out.
pub(super) fn with_companions(pod: &Pod, events: &[&Event], log: Log<'_>, finding: Finding) -> Finding {
    let of = |reason: &str| events.iter().copied().find(|event| event.reason == reason);
    let with = |finding: Finding, event: &Event, help: String| {
        finding.with_evidence(Evidence::event(pod.object_ref(), event)).with_first_help(help)
    };
    let finding = match of(INVALID_VARIABLE_NAMES) {
        Some(event) => {
            let help = "Kubelet left these keys of envFrom out, because their names are no names of variables in its \
                        version: give each a name of its own with env and valueFrom, or rename it.";
            with(finding, event, help.to_owned())
        }
        None => finding,
    };
    if !log.has_any(UNRESOLVED) {
        return finding;
    }
    let node = pod.node().unwrap_or("the node");
    match (of(MISSING_CLUSTER_DNS), of(DNS_CONFIG_FORMING)) {
        (Some(event), _) => {
            let help = format!(
                "Kubelet of {node} is told of no cluster DNS (clusterDNS of its configuration), so names of Services do not \
                 resolve in pods there."
            );
            with(finding, event, help)
        }
        (None, Some(event)) => {
            let help = format!(
                "Kubelet of {node} cut the pod's resolv.conf to its limits, as the event says: a search domain or name server \
                 that is left out may be the one that knows this name. Use the whole name, or set dnsConfig."
            );
            with(finding, event, help)
        }
        (None, None) => finding,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::diagnose::{CauseCode, Evidence, diagnose};
    use crate::model::Kind;
    use crate::policy::Expectations;
    use crate::testing::World;

    /// A crash with that line in its log, and an event of that reason.
    fn crash(line: &str, reason: &str) -> crate::diagnose::Finding {
        let mut world = World::with_app(json!({}));
        world.pod(
            "web-1",
            json!({"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 0,
                "state": {"terminated": {"exitCode": 1, "reason": "Error",
                    "startedAt": "2026-11-24T10:00:00Z", "finishedAt": "2026-11-24T10:00:01Z"}}}]}),
        );
        world.log("web-1", false, 1, &["starting", line]);
        world.events(
            Kind::Pod,
            "web-1",
            json!([{"reason": reason, "message": "as kubelet says", "count": 3}]),
        );
        diagnose(&world.rollout(), &Expectations::default()).the(CauseCode::ContainerCrashing).clone()
    }

    fn shows(finding: &crate::diagnose::Finding, wanted: &str) -> bool {
        finding
            .evidence
            .iter()
            .any(|piece| matches!(piece, Evidence::Event { reason, .. } if reason == wanted))
    }

    #[test]
    fn a_name_that_does_not_resolve_is_shown_beside_what_kubelet_says_of_name_servers() {
        for (reason, words) in
            [("MissingClusterDNS", "is told of no cluster DNS"), ("DNSConfigForming", "dnsConfig")]
        {
            let finding = crash("lookup db: no such host", reason);
            assert!(shows(&finding, reason), "{reason}");
            assert!(finding.help.concat().contains(words), "{:?}", finding.help);
            // Healthy pods have these events too.
            assert!(!shows(&crash("panic: no", reason), reason), "{reason}");
        }
    }

    #[test]
    fn variables_that_kubelet_left_out_are_told_beside_a_crash() {
        // Kubernetes 1.33.
        let reason = "InvalidEnvironmentVariableNames";
        let finding = crash("DB_URL is not set", reason);
        assert!(shows(&finding, reason));
        assert!(finding.help.concat().contains("keys of envFrom"));
        assert!(!crash("DB_URL is not set", "Pulled").help.concat().contains("keys of envFrom"));
    }
}
