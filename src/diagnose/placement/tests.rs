//! Cases of the family `placement`, with the texts of Kubernetes 1.36.3 as recorded.

use serde_json::{Value, json};

use super::rules;
use crate::diagnose::{CauseCode, Finding, Hold, Prognosis};
use crate::model::Kind;
use crate::observation::{Answer, Want};
use crate::testing::{World, merge};

const TAIL: &str = ". no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.";

/// A world with one pod that the scheduler has refused with those reasons.
fn world(pod_spec: Value, container: Value, reasons: &str) -> World {
    let mut app = json!({"name": "app", "image": "registry.example/shop/web:1.2"});
    merge(&mut app, container);
    let mut spec = json!({"containers": [app]});
    merge(&mut spec, pod_spec);
    let mut world = World::new(spec);
    waits(&mut world, &format!("0/1 nodes are available: {reasons}{TAIL}"));
    world
}

fn waits(world: &mut World, message: &str) {
    world.pod(
        "web-1",
        json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}),
    );
}

fn node(world: &mut World, fields: Value) {
    let mut node = json!({"metadata": {"name": "node-1", "labels": {"kubernetes.io/os": "linux", "disk": "hdd"}},
        "status": {"allocatable": {"cpu": "2", "memory": "24Gi", "pods": "110"}}});
    merge(&mut node, fields);
    world.answer(Want::Nodes, Answer::Nodes(vec![serde_json::from_value(node).unwrap()]));
}

fn only(world: &World, code: CauseCode) -> Finding {
    let diagnosis = world.run(rules);
    assert_eq!(diagnosis.codes(), [code.as_str()]);
    diagnosis.the(code).clone()
}

fn cpu(amount: &str) -> Value {
    json!({"resources": {"requests": {"cpu": amount}}})
}

#[test]
fn a_request_above_the_largest_node_never_fits() {
    let mut world = world(json!({}), cpu("1k"), "1 Insufficient cpu");
    let before = only(&world, CauseCode::InsufficientResources);
    assert_eq!(before.headline, "the only node has too little cpu free: a pod asks for 1000 cpu");
    assert!(world.run(rules).requests.iter().any(|request| request.want == Want::Nodes));
    node(&mut world, json!({}));
    let finding = only(&world, CauseCode::InsufficientResources);
    assert_eq!(
        finding.headline,
        "a pod asks for 1000 cpu, and the largest node has 2 cpu in all: no node can ever take it"
    );
    assert_eq!(finding.prognosis, Prognosis::Permanent);
    assert!(finding.help[0].starts_with("Lower the cpu request of the pods below 2"), "{:?}", finding.help);
}

#[test]
fn a_resource_that_no_node_offers_is_mistyped_or_lacks_its_plugin() {
    let asks = json!({"resources": {"requests": {"nvidia.com/gpus": "1"}}});
    let mut world = world(json!({}), asks, "1 Insufficient nvidia.com/gpus");
    node(&mut world, json!({"status": {"allocatable": {"cpu": "2", "nvidia.com/gpu": "4"}}}));
    let finding = only(&world, CauseCode::InsufficientResources);
    assert_eq!(finding.headline, "no node offers nvidia.com/gpus, which a pod asks for");
    assert_eq!(finding.help[0], "Did you mean nvidia.com/gpu?");
}

#[test]
fn pod_slots_are_a_resource_that_nobody_asks_for() {
    let finding = only(&world(json!({}), json!({}), "1 Too many pods"), CauseCode::InsufficientResources);
    assert!(finding.headline.contains("the number of pods per node is limited"), "{}", finding.headline);
}

#[test]
fn the_other_node_groups_are_told_too() {
    let mut world = World::with_app(cpu("1"));
    waits(
        &mut world,
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 x.",
    );
    let finding = only(&world, CauseCode::InsufficientResources);
    assert_eq!(
        finding.headline,
        "2 of 3 nodes have too little cpu free: a pod asks for 1 cpu (the others: 1 node(s) had untolerated taint(s))"
    );
}

#[test]
fn a_taint_is_read_from_the_nodes_and_comes_with_its_toleration() {
    let mut world = world(json!({}), json!({}), "1 node(s) had untolerated taint(s)");
    assert_eq!(
        only(&world, CauseCode::UntoleratedTaint).headline,
        "the only node has a taint the pods do not tolerate"
    );
    let taints = json!([{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"},
        {"key": "soft", "effect": "PreferNoSchedule"}]);
    node(&mut world, json!({"spec": { "taints": taints }}));
    let finding = only(&world, CauseCode::UntoleratedTaint);
    assert_eq!(
        finding.headline,
        "the only node has a taint the pods do not tolerate: dedicated=gpu:NoSchedule"
    );
    assert!(
        finding.commands[0].contains(
            r#""path":"/spec/template/spec/tolerations","value":[{"effect":"NoSchedule","key":"dedicated","operator":"Equal","value":"gpu"}]"#
        ),
        "{}",
        finding.commands[0]
    );
}

#[test]
fn the_taint_of_a_chosen_pool_is_the_cause_and_the_other_nodes_are_not() {
    let mut world = World::new(json!({"containers": [{"name": "app"}], "nodeSelector": {"pool": "gpu"}}));
    waits(
        &mut world,
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector.",
    );
    assert_eq!(world.run(rules).codes(), ["node-selector-unmatched"]);
    let node = |name: &str, pool: &str, key: &str| {
        json!({"metadata": {"name": name, "labels": {"pool": pool}},
            "spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}})
    };
    let nodes =
        json!([node("a", "web", "web-only"), node("b", "web", "web-only"), node("c", "gpu", "gpu-only")]);
    world.answer(Want::Nodes, Answer::Nodes(serde_json::from_value(nodes).unwrap()));
    let headline = only(&world, CauseCode::UntoleratedTaint).headline;
    assert!(
        headline.starts_with("1 of 3 nodes has a taint the pods do not tolerate: gpu-only:NoSchedule"),
        "{headline}"
    );
}

#[test]
fn a_cordoned_node_is_no_matter_of_tolerations() {
    let finding =
        only(&world(json!({}), json!({}), "1 node(s) were unschedulable"), CauseCode::UntoleratedTaint);
    assert_eq!(finding.headline, "the only node is cordoned, so no pod is placed there");
    assert!(finding.commands.iter().any(|command| command.contains("uncordon")));
}

const SELECTOR: &str = "1 node(s) didn't match Pod's node affinity/selector";

#[test]
fn the_label_that_no_node_has_is_named_with_what_nodes_have() {
    let selector = json!({"nodeSelector": {"disk": "hddd", "kubernetes.io/os": "linux"}});
    let mut world = world(selector, json!({}), SELECTOR);
    assert_eq!(
        only(&world, CauseCode::NodeSelectorUnmatched).headline,
        "no node has all the labels that the pods ask for: disk=hddd, kubernetes.io/os=linux"
    );
    node(&mut world, json!({}));
    let finding = only(&world, CauseCode::NodeSelectorUnmatched);
    assert_eq!(finding.headline, "no node has the label disk=hddd that the pods ask for");
    assert_eq!(finding.help[0], "Values of the label disk that nodes have: hdd.");
    assert_eq!(finding.help[1], "Did you mean disk=hdd?");
    assert!(!finding.commands.iter().any(|command| command.contains("label node")), "{:?}", finding.commands);
}

#[test]
fn node_affinity_is_read_like_a_selector() {
    let affinity = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
        {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a", "b"]}]}]}}}});
    let mut world = world(affinity, json!({}), SELECTOR);
    node(&mut world, json!({}));
    let finding = only(&world, CauseCode::NodeSelectorUnmatched);
    assert_eq!(finding.headline, "no node has the label zone in (a, b) that the pods ask for");
    assert_eq!(finding.commands[0], "kubectl label node node-1 zone=a");
}

fn near(field: &str, app: &str) -> Value {
    json!({"affinity": {field: {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}]}}})
}

#[test]
fn an_absent_neighbour_is_named() {
    let world = world(near("podAffinity", "cache"), json!({}), "1 node(s) didn't match pod affinity rules");
    let finding = only(&world, CauseCode::PodAffinityUnmatched);
    assert!(finding.headline.contains("pods with app=cache"), "{}", finding.headline);
}

const APART: &str = "1 node(s) didn't match pod anti-affinity rules";

#[test]
fn pods_kept_apart_from_each_other_need_a_node_each() {
    let world = world(near("podAntiAffinity", "web"), json!({}), APART);
    let finding = only(&world, CauseCode::PodAntiAffinityConflict);
    assert!(finding.headline.starts_with("no node is left: only one pod of deployment/web"), "{finding:?}");
}

fn with_old_pod(mut world: World) -> World {
    world.replica_set("web-old", "0", json!({"replicas": 1}));
    world.pod_of(
        "web-old",
        "old-1",
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
    );
    world
}

#[test]
fn old_pods_of_the_same_deployment_in_the_way_are_a_deadlock() {
    let world = with_old_pod(world(near("podAntiAffinity", "web"), json!({}), APART));
    let finding = only(&world, CauseCode::PodAntiAffinityConflict);
    assert!(finding.headline.starts_with("the rollout blocks itself"), "{}", finding.headline);
    assert!(finding.commands[0].contains(r#""maxSurge":0,"maxUnavailable":1"#), "{:?}", finding.commands);

    let port = json!({"ports": [{"containerPort": 8080, "hostPort": 18099}]});
    let reasons = "1 node(s) didn't have free ports for the requested pod ports";
    let world = with_old_pod(self::world(json!({}), port.clone(), reasons));
    let finding = only(&world, CauseCode::HostPortConflict);
    assert!(finding.headline.contains("hold host port 18099"), "{}", finding.headline);

    // Nodes of others do not make it a matter of taints.
    let reasons = &format!("{reasons}, 3 node(s) had untolerated taint(s)");
    let mut world = with_old_pod(self::world(json!({}), port.clone(), reasons));
    for nodes_are_known in [false, true] {
        if nodes_are_known {
            node(&mut world, json!({}));
        }
        let finding = only(&world, CauseCode::HostPortConflict);
        assert!(finding.headline.starts_with("the rollout blocks itself"), "{}", finding.headline);
    }
    only(&self::world(json!({}), port.clone(), reasons), CauseCode::UntoleratedTaint);
    let reasons = "1 node(s) didn't have free ports for the requested pod ports";
    let alone = self::world(json!({}), port, reasons);
    assert_eq!(
        only(&alone, CauseCode::HostPortConflict).headline,
        "host port 18099 is taken on every node that could take the pods"
    );
}

#[test]
fn a_spread_over_a_label_that_nodes_lack_is_told_as_that() {
    let spread = json!({"topologySpreadConstraints": [{"maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}]});
    let lacking = "1 node(s) didn't match pod topology spread constraints (missing required label)";
    let finding = only(&world(spread.clone(), json!({}), lacking), CauseCode::TopologySpreadUnsatisfied);
    assert_eq!(
        finding.headline,
        "the pods must be spread over topology.kubernetes.io/zone, and the only node lacks that label"
    );
    let uneven = "1 node(s) didn't match pod topology spread constraints";
    let finding = only(&world(spread, json!({}), uneven), CauseCode::TopologySpreadUnsatisfied);
    assert!(finding.help.iter().any(|help| help.contains("matchLabelKeys")), "{:?}", finding.help);
}

#[test]
fn a_cluster_without_nodes_is_told_as_that() {
    let mut world = World::with_app(json!({}));
    waits(&mut world, "no nodes available to schedule pods");
    only(&world, CauseCode::NoNodes);
}

#[test]
fn gates_are_announced_and_end_nothing() {
    let mut world = World::new(json!({"schedulingGates": [{"name": "example.com/wait"}],
        "containers": [{"name": "app"}]}));
    world.pod(
        "web-1",
        json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False",
            "reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates"}]}),
    );
    let finding = only(&world, CauseCode::SchedulingGated);
    assert_eq!(finding.headline, "the pods wait for scheduling gate example.com/wait to be taken away");
    assert_eq!(finding.hold, Hold::Announce);
}

#[test]
fn a_scheduler_that_nobody_knows_says_nothing() {
    let of = |name: &str| {
        let mut world = World::new(json!({"schedulerName": name, "containers": [{"name": "app"}]}));
        world.pod("web-1", json!({"phase": "Pending"}));
        world
    };
    assert_eq!(
        only(&of("nope"), CauseCode::SchedulerMissing).headline,
        "no scheduler named nope has taken the pods up"
    );
    assert!(of("default-scheduler").run(rules).codes().is_empty());
}

fn says(world: &mut World, events: Value) {
    world.events(Kind::Pod, "web-1", events);
}

#[test]
fn an_autoscaler_that_acts_is_waited_for_and_one_that_refuses_is_quoted() {
    let mut world = world(json!({}), cpu("1"), "1 Insufficient cpu");
    world.at(20);
    let acting = json!({"reason": "TriggeredScaleUp", "lastTimestamp": "2026-11-24T10:00:10Z",
        "message": "pod triggered scale-up: [{ng-a 1->2 (max: 7)}]"});
    let refusing = json!({"reason": "NotTriggerScaleUp", "lastTimestamp": "2026-11-24T10:00:15Z",
        "message": "pod didn't trigger scale-up: 2 max node group size reached"});
    says(&mut world, json!([acting]));
    assert_eq!(only(&world, CauseCode::InsufficientResources).hold, Hold::Announce);
    says(&mut world, json!([acting, refusing]));
    let finding = only(&world, CauseCode::AutoscalerRefused);
    assert_eq!(
        finding.headline,
        "no node has room, and the autoscaler makes none: 2 max node group size reached"
    );
    assert!(finding.help[0].contains("maximum size of a node group"), "{:?}", finding.help);
}

#[test]
fn a_node_promised_by_preemption_is_waited_for() {
    let mut world = World::with_app(cpu("1"));
    world.pod(
        "web-1",
        json!({"phase": "Pending", "nominatedNodeName": "node-1", "conditions": [{"type": "PodScheduled",
            "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available: 1 Insufficient cpu."}]}),
    );
    assert_eq!(only(&world, CauseCode::InsufficientResources).hold, Hold::Announce);
}

#[test]
fn words_that_no_rule_reads_are_shown() {
    let mut world = World::with_app(json!({}));
    waits(&mut world, "0/1 nodes are available: 1 node(s) are too far away.");
    let finding = only(&world, CauseCode::Unknown);
    assert_eq!(finding.headline, "no node takes the pods: node(s) are too far away");
}

#[test]
fn a_pod_that_has_its_node_is_not_ours() {
    let mut world = World::with_app(json!({}));
    world.pod(
        "web-1",
        json!({"phase": "Running", "conditions": [{"type": "PodScheduled", "status": "True"}]}),
    );
    let diagnosis = world.run(rules);
    assert!(diagnosis.codes().is_empty() && diagnosis.requests.is_empty());
}

#[test]
fn a_pod_of_a_group_waits_for_the_others_of_it() {
    let spec = json!({"containers": [{"name": "app"}], "schedulingGroup": {"podGroupName": "train"}});
    let mut world = World::new(spec);
    // Kubernetes 1.36: what keeps a pod out of the queue is in no condition.
    world.pod("web-1", json!({"phase": "Pending"}));
    let finding = only(&world, CauseCode::SchedulingGated);
    assert_eq!(
        finding.headline,
        "the pods wait for others of their pod group train: it is placed as a whole or not at all"
    );
    assert_eq!(finding.hold, Hold::Announce);
    assert_eq!(finding.commands[0], "kubectl -n shop get podgroup train -o yaml");
    // Once it is in the queue, the scheduler's own words decide.
    waits(&mut world, "pod group is unschedulable");
    assert_eq!(only(&world, CauseCode::SchedulingGated).hold, Hold::Announce);
    waits(&mut world, "0/1 nodes are available: 1 Insufficient cpu.");
    only(&world, CauseCode::InsufficientResources);
}

#[test]
fn a_pod_without_a_group_and_without_a_word_of_the_scheduler_shows_nothing() {
    let mut world = World::new(json!({"containers": [{"name": "app"}]}));
    world.pod("web-1", json!({"phase": "Pending"}));
    assert!(world.run(rules).findings.is_empty());
}

fn scheduler_error(message: &str) -> World {
    let mut world = World::new(json!({"containers": [{"name": "app"}]}));
    world.pod(
        "web-1",
        json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "SchedulerError", "message": message}]}),
    );
    world
}

#[test]
fn an_error_of_the_scheduler_is_shown_and_given_time() {
    let finding = only(
        &scheduler_error(
            "binding rejected: Post \"https://api:6443/api/v1/bindings\": context deadline exceeded",
        ),
        CauseCode::Unknown,
    );
    assert!(finding.headline.starts_with("the scheduler fails to place the pods: binding rejected: "));
    assert_eq!(
        (finding.prognosis, finding.tolerance),
        (Prognosis::Transient, Some(std::time::Duration::from_secs(120)))
    );
}

#[test]
fn an_error_of_the_scheduler_about_a_volume_is_a_matter_of_the_volume() {
    let world = scheduler_error(
        "running PreBind plugin \"VolumeBinding\": binding volumes: context deadline exceeded",
    );
    assert!(!world.run(rules).codes().contains(&"unknown"));
    assert!(!world.run(rules).findings.is_empty());
}
