//! Cases of the family `limits`, with the texts of Kubernetes 1.36.3 as recorded.

use serde_json::{Value, json};

use super::rules;
use crate::diagnose::{CauseCode, Confidence, Evidence, Hold};
use crate::model::Kind;
use crate::observation::{Answer, Want};
use crate::testing::World;

/// A world whose ReplicaSet has no pod.
fn world(resources: &Value) -> World {
    let mut world = World::with_app(json!({ "resources": resources }));
    world.replica_set("web-new", "1", json!({"replicas": 0}));
    world.at(5);
    world
}

fn refused(world: &mut World, message: &str) {
    world.events(
        Kind::ReplicaSet,
        "web-new",
        json!([{"reason": "FailedCreate", "count": 5,
        "lastTimestamp": "2026-11-24T10:00:04Z",
        "message": format!("(combined from similar events): Error creating: {message}")}]),
    );
}

fn ranges(world: &mut World, limits: &Value) {
    let ranges =
        serde_json::from_value(json!([{"metadata": {"name": "mem"}, "spec": {"limits": limits}}])).unwrap();
    world.answer(Want::LimitRanges { namespace: "shop".into() }, Answer::LimitRanges(ranges));
}

const TODAY: &str = "Pod \"web-new-dxgpk\" is invalid: spec.containers[0].resources.requests: Invalid value: \"5Gi\": must be less than or equal to memory limit of 100Mi";

#[test]
fn the_articles_example_names_the_limit_range_behind_the_limit() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}}));
    refused(&mut world, TODAY);
    ranges(
        &mut world,
        &json!([{"type": "Container", "max": {"memory": "100Mi"}, "default": {"memory": "100Mi"}}]),
    );
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["limit-range-default-conflict"]);
    let finding = diagnosis.the(CauseCode::LimitRangeDefaultConflict);
    assert_eq!(
        finding.headline,
        "container app asks for 5Gi memory, 51 times the limit: it has no limit of its own, and LimitRange mem of namespace shop gives it a limit of 100Mi"
    );
    assert_eq!((finding.hold, finding.confidence), (Hold::Tolerance, Confidence::Certain));
    assert!(
        finding.help[0].contains("raise max.memory of LimitRange mem from 100Mi to at least 5Gi"),
        "{:?}",
        finding.help
    );
    assert!(finding.help.iter().any(|help| help.contains("16m40s")));
    assert!(finding.commands.contains(&"kubectl -n shop edit limitrange mem".to_owned()));
    assert!(finding.commands.contains(&"kubectl -n shop rollout restart deployment/web".to_owned()));
    assert!(
        finding.evidence.iter().any(
            |evidence| matches!(evidence, Evidence::Absence { what } if what.contains("kubectl get pods"))
        )
    );
}

#[test]
fn a_default_without_a_maximum_is_answered_by_a_limit_of_ones_own() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}}));
    refused(&mut world, TODAY);
    ranges(&mut world, &json!([{"type": "Container", "default": {"memory": "100Mi"}}]));
    let help = world.run(rules).the(CauseCode::LimitRangeDefaultConflict).help.clone();
    assert!(
        help[0].starts_with("Give container app a memory limit of its own, at least its request of 5Gi"),
        "{help:?}"
    );
}

#[test]
fn a_default_request_above_the_limit_is_the_other_way_round() {
    let mut world = world(&json!({"limits": {"memory": "50Mi"}}));
    refused(
        &mut world,
        "Pod \"x\" is invalid: spec.containers[0].resources.requests: Invalid value: \"80Mi\": must be less than or equal to memory limit of 50Mi",
    );
    ranges(&mut world, &json!([{"type": "Container", "defaultRequest": {"memory": "80Mi"}}]));
    let diagnosis = world.run(rules);
    assert_eq!(
        diagnosis.the(CauseCode::LimitRangeDefaultConflict).headline,
        "container app has a memory limit of 50Mi and no request of its own, and LimitRange mem of namespace shop gives it a request of 80Mi"
    );
}

#[test]
fn without_the_limit_ranges_the_cause_is_likely() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}}));
    refused(&mut world, TODAY);
    let diagnosis = world.run(rules);
    let finding = diagnosis.the(CauseCode::LimitRangeDefaultConflict);
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(finding.headline.contains("a LimitRange of namespace shop"), "{}", finding.headline);
}

#[test]
fn a_maximum_is_told_with_its_factor_and_the_other_bounds() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}, "limits": {"memory": "5Gi"}}));
    refused(
        &mut world,
        "pods \"web-new-vjc7q\" is forbidden: [maximum memory usage per Container is 100Mi, but limit is 5Gi, maximum memory usage per Pod is 150Mi, but limit is 5368709120]",
    );
    ranges(
        &mut world,
        &json!([{"type": "Container", "max": {"memory": "100Mi"}}, {"type": "Pod", "max": {"memory": "150Mi"}}]),
    );
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), ["limit-range-exceeded"]);
    let finding = diagnosis.the(CauseCode::LimitRangeExceeded);
    assert_eq!(
        finding.headline,
        "container app has a memory limit of 5Gi, 51 times the maximum: LimitRange mem of namespace shop allows 100Mi per Container (and one more bound is not kept)"
    );
    assert!(
        finding.help[0].starts_with("Also: the pod has a memory limit of 5368709120 (5Gi)"),
        "{:?}",
        finding.help
    );
    assert!(
        finding.commands[0].ends_with("-c app --limits=memory=100Mi --requests=memory=100Mi"),
        "{:?}",
        finding.commands
    );
}

#[test]
fn a_minimum_and_a_ratio_are_told() {
    let mut world = world(&json!({"requests": {"memory": "1Mi", "cpu": "10m"}, "limits": {"cpu": "2"}}));
    refused(
        &mut world,
        "pods \"x\" is forbidden: minimum memory usage per Container is 5Mi, but request is 1Mi",
    );
    let finding = world.run(rules).the(CauseCode::LimitRangeExceeded).clone();
    assert!(
        finding.headline.contains(
            "container app has a memory request of 1Mi, and a LimitRange of namespace shop wants at least 5Mi"
        ),
        "{}",
        finding.headline
    );
    refused(
        &mut world,
        "pods \"x\" is forbidden: cpu max limit to request ratio per Container is 4, but provided ratio is 200.000000",
    );
    let finding = world.run(rules).the(CauseCode::LimitRangeExceeded).clone();
    assert!(finding.headline.contains("200 times its request"), "{}", finding.headline);
    assert!(
        finding.help[1].contains("from 10m to at least 500m, or lower its limit from 2 to at most 40m"),
        "{:?}",
        finding.help
    );
}

#[test]
fn a_pods_sum_shows_its_parts() {
    let container = |name: &str| json!({"name": name, "resources": {"requests": {"memory": "90Mi"}, "limits": {"memory": "90Mi"}}});
    let mut world = World::new(json!({"containers": [container("app"), container("side")]}));
    world.replica_set("web-new", "1", json!({"replicas": 0}));
    refused(&mut world, "pods \"x\" is forbidden: maximum memory usage per Pod is 150Mi, but limit is 180Mi");
    let finding = world.run(rules).the(CauseCode::LimitRangeExceeded).clone();
    assert!(finding.headline.contains("(app 90Mi + side 90Mi)"), "{}", finding.headline);
}

#[test]
fn the_event_outranks_the_condition_which_keeps_the_first_error() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}}));
    let stale = "pods \"x\" is forbidden: maximum memory usage per Container is 1Gi, but request is 5Gi";
    let conditions =
        json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": stale}]);
    world.replica_set("web-new", "1", json!({"replicas": 0, "conditions": conditions}));
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.the(CauseCode::LimitRangeExceeded).confidence, Confidence::Likely);
    refused(&mut world, TODAY);
    assert_eq!(world.run(rules).codes(), ["limit-range-default-conflict"]);
}

#[test]
fn a_refusal_before_the_latest_success_is_past() {
    let mut world = world(&json!({}));
    world.events(Kind::ReplicaSet, "web-new", json!([
        {"reason": "FailedCreate", "lastTimestamp": "2026-11-24T10:00:01Z", "message": "Error creating: pods \"x\" is forbidden: no"},
        {"reason": "SuccessfulCreate", "lastTimestamp": "2026-11-24T10:00:03Z", "message": "Created pod: web-1"}]));
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn a_replica_set_with_its_pods_is_not_asked_about() {
    let mut world = World::with_app(json!({}));
    refused(&mut world, TODAY);
    let diagnosis = world.run(rules);
    assert!(diagnosis.codes().is_empty() && diagnosis.requests.is_empty());
}

#[test]
fn the_copy_of_an_old_replica_sets_failure_is_not_ours() {
    let mut world = world(&json!({}));
    let conditions = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"old\" is forbidden: no"}]);
    world.replica_set("web-old", "0", json!({"replicas": 0, "conditions": conditions}));
    world.deployment(json!({"observedGeneration": 1, "conditions": conditions}));
    assert!(world.run(rules).codes().is_empty());
}

#[test]
fn an_unknown_refusal_is_given_verbatim_and_keyed_without_the_pods_name() {
    let mut world = world(&json!({}));
    refused(
        &mut world,
        "Pod \"web-new-aaaaa\" is invalid: spec.containers[0].ports[0].name: Invalid value: \"UP\": must match",
    );
    let first = world.run(rules).the(CauseCode::PodInvalid).clone();
    assert_eq!(
        first.headline,
        "the API server refuses the pods: spec.containers[0].ports[0].name: Invalid value: \"UP\": must match"
    );
    refused(
        &mut world,
        "Pod \"web-new-bbbbb\" is invalid: spec.containers[0].ports[0].name: Invalid value: \"UP\": must match",
    );
    assert_eq!(world.run(rules).the(CauseCode::PodInvalid).key, first.key);
}

#[test]
fn a_request_above_a_limit_that_is_all_the_templates_own_is_no_default() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}, "limits": {"memory": "100Mi"}}));
    refused(&mut world, TODAY);
    assert_eq!(world.run(rules).codes(), ["pod-invalid"]);
}

#[test]
fn trouble_of_the_api_server_only_announces_and_other_families_have_their_own() {
    let mut world = world(&json!({}));
    for text in [
        "Internal error occurred: resource quota evaluation timed out",
        // plugin/pkg/admission/limitranger: the LimitRanges could not be read.
        "pods \"x\" is forbidden: unable to CREATE pods at this time because there was an error enforcing limit ranges",
    ] {
        refused(&mut world, text);
        let found = world.run(rules);
        let finding = found.the(CauseCode::PodInvalid);
        assert_eq!(finding.hold, Hold::Announce, "{text}");
        assert!(
            finding.headline.starts_with("the API server cannot take the pods now: "),
            "{}",
            finding.headline
        );
        assert!(!finding.help.concat().contains("Correct"), "{:?}", finding.help);
        assert!(
            finding.commands.iter().any(|command| command.contains("annotate")),
            "{:?}",
            finding.commands
        );
    }
    for theirs in [
        "Internal error occurred: failed calling webhook \"w\": failed to call webhook: Post \"https://w\": connection refused",
        "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2",
    ] {
        refused(&mut world, theirs);
        assert!(world.run(rules).codes().is_empty(), "{theirs}");
    }
}

#[test]
fn a_refusal_is_found_on_whatever_makes_the_pods() {
    let refused =
        "pods \"web-0\" is forbidden: maximum memory usage per Container is 100Mi, but limit is 5Gi";
    for (kind, text, status) in [
        (
            Kind::StatefulSet,
            format!("create Pod web-0 in StatefulSet web failed error: {refused}"),
            json!({"observedGeneration": 1, "updateRevision": "web-new", "replicas": 0}),
        ),
        (
            Kind::DaemonSet,
            format!("Error creating: {refused}"),
            json!({"observedGeneration": 1, "desiredNumberScheduled": 1, "currentNumberScheduled": 0}),
        ),
    ] {
        let mut world = World::of(kind);
        world.workload(json!({"replicas": 1}), status);
        world.events(kind, "web", json!([{"type": "Warning", "reason": "FailedCreate", "message": text}]));
        let found = world.run(rules);
        let finding = found.the(CauseCode::LimitRangeExceeded);
        assert_eq!(finding.subject.to_string(), format!("{kind} shop/web"));
        assert!(finding.commands.iter().any(|command| command.contains("rollout restart")), "{kind}");
    }
}

#[test]
fn a_bound_that_is_gone_is_waited_for() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}, "limits": {"memory": "5Gi"}}));
    refused(
        &mut world,
        "pods \"x\" is forbidden: maximum memory usage per Container is 100Mi, but limit is 5Gi",
    );
    world.at(20);
    ranges(&mut world, &json!([{"type": "Container", "max": {"memory": "100Mi"}}]));
    assert_eq!(world.run(rules).the(CauseCode::LimitRangeExceeded).hold, Hold::Tolerance);
    ranges(&mut world, &json!([{"type": "Container", "max": {"memory": "8Gi"}}]));
    let finding = world.run(rules).the(CauseCode::LimitRangeExceeded).clone();
    assert_eq!(finding.hold, Hold::Announce);
    assert_eq!(
        finding.headline,
        "no LimitRange of namespace shop has the memory maximum of 100Mi per Container any more that the pods were refused for"
    );
}

#[test]
fn a_default_that_was_corrected_is_waited_for_and_one_that_nobody_has_is_not() {
    let mut world = world(&json!({"requests": {"memory": "5Gi"}}));
    refused(&mut world, TODAY);
    world.at(20);
    let hold = |world: &World| world.run(rules).the(CauseCode::LimitRangeDefaultConflict).hold;
    for (limits, expected) in [
        (json!([{"type": "Container", "default": {"memory": "100Mi"}}]), Hold::Tolerance),
        (json!([{"type": "Container", "default": {"memory": "8Gi"}}]), Hold::Announce),
        (json!([{"type": "Container", "default": {"cpu": "1"}}]), Hold::Tolerance),
    ] {
        ranges(&mut world, &limits);
        assert_eq!(hold(&world), expected, "{limits}");
    }
}
