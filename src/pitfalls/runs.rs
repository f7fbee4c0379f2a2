//! Situations that only a run shows, over several looks or several targets.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::diagnose::diagnose;
use crate::exit_code::ExitCode;
use crate::model::Kind;
use crate::observation::{Observation, Observed, Stream, Want};
use crate::policy::{Expectations, Policy};
use crate::session::Session;
use crate::testing::World;

fn session(targets: &[Stream], policy: Policy) -> Session {
    Session::new("2026-11-24T10:00:00Z".parse().unwrap(), targets.to_vec(), policy)
}

fn deployment(namespace: &str, name: &str) -> Stream {
    Stream::of(Kind::Deployment, namespace, name)
}

/// The Deployment as the API server shows it at that second.
fn shows(session: &mut Session, at: u64, stream: &Stream, spec: Value, status: Value) {
    let name = stream.name().unwrap();
    let mut body = json!({
        "metadata": {"name": name, "namespace": stream.namespace, "generation": 1,
            "uid": format!("{}-{name}", stream.namespace)},
        "spec": {"selector": {"matchLabels": {"app": name}}},
        "status": status,
    });
    crate::testing::merge(&mut body["spec"], spec);
    let object = crate::model::decode_value(Kind::Deployment, body).unwrap();
    let what = Observed::Listed { stream: stream.clone(), objects: vec![object] };
    session.observe(Observation { at: Duration::from_secs(at), what });
}

fn tick(session: &mut Session, at: u64) -> bool {
    session.observe(Observation { at: Duration::from_secs(at), what: Observed::Tick });
    session.judge().done
}

fn reasons(session: &Session) -> Vec<&'static str> {
    let reason = |(verdict, _): (&crate::verdict::Verdict, Duration)| verdict.reason();
    session.guards.iter().map(|guard| guard.verdict().map_or("none", reason)).collect()
}

#[test]
fn pitfall_52_of_one_name_in_two_namespaces_both_are_judged() {
    let targets = [deployment("shop", "web"), deployment("test", "web")];
    let mut session = session(&targets, Policy::default());
    shows(&mut session, 0, &targets[0], json!({"replicas": 0}), json!({"observedGeneration": 1}));
    shows(&mut session, 0, &targets[1], json!({"paused": true}), json!({"observedGeneration": 1}));
    tick(&mut session, 0);
    assert!(tick(&mut session, 4));
    assert_eq!(reasons(&session), ["complete", "rollout-paused"]);
    assert_eq!(session.exit_code(), ExitCode::Failed);
}

#[test]
fn pitfall_57_two_hundred_targets_of_a_namespace_share_three_streams_and_ask_nothing_else() {
    let targets: Vec<Stream> = (0..200).map(|n| deployment("shop", &format!("web-{n}"))).collect();
    let mut session = session(&targets, Policy::default());
    for target in &targets {
        let what = Observed::Listed {
            stream: target.widened(),
            objects: targets
                .iter()
                .map(|target| {
                    let name = target.name().unwrap();
                    let body = json!({"metadata": {"name": name, "namespace": "shop", "uid": name, "generation": 1},
                        "spec": {"selector": {"matchLabels": {"app": name}}}, "status": {"observedGeneration": 1}});
                    crate::model::decode_value(Kind::Deployment, body).unwrap()
                })
                .collect(),
        };
        session.observe(Observation { at: Duration::ZERO, what });
    }
    session.observe(Observation { at: Duration::from_secs(1), what: Observed::Tick });
    let step = session.judge();
    let kinds: BTreeSet<Kind> = step
        .requests
        .iter()
        .map(|request| match &request.want {
            Want::Watch(stream) => stream.kind,
            want => panic!("{want:?}"),
        })
        .collect();
    assert_eq!(step.requests.len(), 3, "{:?}", step.requests);
    assert_eq!(kinds, BTreeSet::from([Kind::Deployment, Kind::ReplicaSet, Kind::Pod]));
}

#[test]
fn pitfall_60_news_that_keeps_coming_does_not_move_the_end_of_time() {
    let target = deployment("shop", "web");
    let timeout = Duration::from_secs(120);
    let mut session = session(std::slice::from_ref(&target), Policy { timeout, ..Policy::default() });
    for at in 0..=130 {
        let spec = json!({"replicas": 1000});
        let status = json!({"observedGeneration": 1, "replicas": 1000, "updatedReplicas": at});
        shows(&mut session, at, &target, spec, status);
        // A moment of grace is for evidence that is on its way.
        if tick(&mut session, at) {
            assert!((120..=124).contains(&at), "{at}");
            assert_eq!(reasons(&session), ["progressing"]);
            return;
        }
    }
    panic!("it never ended");
}

#[test]
fn without_a_progress_deadline_ten_minutes_without_movement_are_the_end() {
    let target = deployment("shop", "web");
    let policy = Policy { timeout: Duration::from_secs(3600), ..Policy::default() };
    let mut session = session(std::slice::from_ref(&target), policy);
    let spec = json!({"replicas": 2, "progressDeadlineSeconds": i32::MAX});
    let counted = |available: i64| {
        json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": available,
            "availableReplicas": available})
    };
    shows(&mut session, 0, &target, spec.clone(), counted(0));
    tick(&mut session, 0);
    // What moves is not stuck.
    shows(&mut session, 400, &target, spec, counted(1));
    tick(&mut session, 400);
    assert!(!tick(&mut session, 999));
    tick(&mut session, 1000);
    assert!(tick(&mut session, 1004));
    assert_eq!(reasons(&session), ["stalled"]);
}

#[test]
fn pitfall_61_events_of_other_objects_have_no_influence() {
    let mut world = World::with_app(json!({}));
    world.waiting_pod(
        "web-1",
        "ImagePullBackOff",
        "Back-off pulling image \"registry.example/shop/web:1.2\"",
    );
    let failed = json!([{"reason": "Failed", "involvedObject": {"fieldPath": "spec.containers{app}"},
        "message": "Failed to pull image \"registry.example/shop/web:1.2\": rpc error: code = NotFound desc = failed to pull and unpack image \"registry.example/shop/web:1.2\": failed to resolve reference \"registry.example/shop/web:1.2\": registry.example/shop/web:1.2: not found"}]);
    world.events(Kind::Pod, "other-1", failed.clone());
    let codes = |world: &World| diagnose(&world.rollout(), &Expectations::default()).codes();
    assert_eq!(codes(&world), ["unknown"], "why it backs off is not known");
    // The same about a pod of its own is the cause.
    world.events(Kind::Pod, "web-1", failed);
    assert_eq!(codes(&world), ["image-not-found"]);
}

#[test]
fn what_stops_a_creation_half_way_is_told_though_some_pods_are_there_and_well() {
    let mut world = World::with_app(json!({}));
    let up = "2026-11-24T09:59:50Z";
    world.pod(
        "web-1",
        json!({"phase": "Running",
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": up}],
        "containerStatuses": [{"name": "app", "ready": true, "state": {"running": {"startedAt": up}}}]}),
    );
    let refused = json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"web-new-x\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1"}]);
    let set = json!({
        "metadata": {"name": "web-new", "namespace": "shop", "uid": "web-new", "labels": {"app": "web"},
            "annotations": {"deployment.kubernetes.io/revision": "1"}, "ownerReferences": super::owner()},
        "spec": {"replicas": 3, "template": {"metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "app", "image": "registry.example/shop/web:1.2"}]}}},
        "status": {"replicas": 1, "readyReplicas": 1, "conditions": refused}});
    super::show(&mut world, Kind::ReplicaSet, set);
    assert_eq!(diagnose(&world.rollout(), &Expectations::default()).codes(), ["quota-exceeded"]);
}
