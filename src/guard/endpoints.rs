//! `--require-endpoints`: a rollout is worth little while no Service sends traffic to it.

use std::time::Duration;

use crate::model::{Kind, Rollout, Service};
use crate::observation::{Answer, Request, Want};
use crate::policy::Policy;
use crate::settle::Settled;

/// How often the Services are read while one of them lacks endpoints, in seconds. The controller of endpoint
/// slices needs about one.
const EVERY: u64 = 2;

/// What a settled rollout still waits for: every Service that selects its pods, and one of its own name, to have a
/// ready endpoint among them.
pub(super) fn served(
    rollout: &Rollout<'_>,
    settled: Settled,
    policy: &Policy,
    requests: &mut Vec<Request>,
) -> Settled {
    let workload = rollout.workload;
    let serves = matches!(workload.kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet);
    if !policy.require_endpoints || settled != Settled::Settled || !serves || workload.desired() == 0 {
        return settled;
    }
    let want = Want::Services { namespace: rollout.namespace().to_owned() };
    let answer = rollout.store().answer(&want);
    requests.push(Request::every(EVERY, want));
    let waiting = |reason: String| Settled::Waiting { until: rollout.now() + Duration::from_secs(1), reason };
    match answer {
        Some(Answer::Services(services)) => match lacking(rollout, services) {
            Some(reason) => waiting(reason),
            None => settled,
        },
        Some(Answer::Refused(refusal)) => waiting(format!("permission to {}", refusal.asked)),
        _ => waiting("the Services of the namespace to be read".to_owned()),
    }
}

/// The first Service without an endpoint, as a fragment after "waiting for".
fn lacking(rollout: &Rollout<'_>, services: &[Service]) -> Option<String> {
    let labels = &rollout.workload.spec.template.metadata.labels;
    let name = &rollout.workload.metadata.name;
    services.iter().find_map(|service| {
        if service.selects(labels) {
            let reached = rollout.live_pods().any(|pod| service.ready.contains(&pod.metadata.name));
            return (!reached)
                .then(|| format!("Service {} to have a ready endpoint among the new pods", service.name));
        }
        // Its namesake is meant for it, and a typo in the selector is what a Service without endpoints mostly has.
        let strays = service.name == *name && !service.selector.is_empty() && service.ready.is_empty();
        let selector: Vec<String> =
            service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
        strays.then(|| {
            format!("Service {} to select these pods; it selects {}", service.name, selector.join(","))
        })
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::json;

    use super::*;
    use crate::testing::World;

    fn service(name: &str, app: &str, ready: &[&str]) -> Service {
        Service {
            name: name.to_owned(),
            selector: BTreeMap::from([("app".to_owned(), app.to_owned())]),
            ready: ready.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(),
        }
    }

    #[test]
    fn a_service_without_a_new_pod_behind_it_is_waited_for() {
        let mut world = World::with_app(json!({}));
        world.pod("web-1", json!({}));
        let of = |services: &[Service]| lacking(&world.rollout(), services);
        assert_eq!(of(&[service("web", "web", &["web-1"]), service("db", "db", &[])]), None);
        assert_eq!(of(&[]), None);
        let behind = of(&[service("front", "web", &["web-old"])]).unwrap();
        assert_eq!(behind, "Service front to have a ready endpoint among the new pods");
        let typo = of(&[service("web", "wbe", &[])]).unwrap();
        assert_eq!(typo, "Service web to select these pods; it selects app=wbe");
    }
}
