use serde_json::{Value, json};

use super::*;
use crate::diagnose::diagnose;
use crate::model::Kind;
use crate::policy::Expectations;
use crate::testing::World;

fn world(spec: Value, status: Value) -> World {
    let mut world = World::of(Kind::Job);
    world.workload(spec, status);
    world
}

fn failed(reason: &str, message: &str) -> Value {
    json!({"failed": 1, "conditions": [
        {"type": "Failed", "status": "True", "reason": reason, "message": message}]})
}

fn ended(exit_code: i64, finished: &str) -> Value {
    json!({"phase": "Failed", "containerStatuses": [{"name": "app", "state": {"terminated":
        {"exitCode": exit_code, "reason": "Error", "startedAt": finished, "finishedAt": finished,
         "containerID": finished}}}]})
}

fn pod(world: &mut World, name: &str, status: Value) {
    world.job_pod(name, "Never", status);
}

fn headline(world: &World, code: CauseCode) -> String {
    diagnose(&world.rollout(), &Expectations::default()).the(code).headline.clone()
}

#[test]
fn a_failed_job_shows_the_end_of_its_last_pod() {
    let mut world = world(
        json!({"completions": 1, "backoffLimit": 1}),
        json!({"failed": 2, "conditions": [
        {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "limit"}]}),
    );
    pod(&mut world, "web-a", ended(5, "2026-11-24T10:00:01Z"));
    pod(&mut world, "web-b", ended(5, "2026-11-24T10:00:21Z"));
    world.log("web-b", false, 1, &["error: no such table"]);
    let found = diagnose(&world.rollout(), &Expectations::default());
    assert_eq!(found.codes(), ["job-failed"], "the crash is told by it");
    let finding = found.the(CauseCode::JobFailed);
    assert_eq!(
        finding.headline,
        "Job web failed, its backoffLimit of 1 is used up: container app ended 2 times with exit code 5 (error of the application) right at its start: \"error: no such table\""
    );
    assert_eq!((finding.hold, finding.subject.name.as_str()), (Hold::Ripe, "web-b"));
    assert!(finding.evidence.iter().any(|evidence| matches!(evidence, Evidence::Log { .. })));
}

#[test]
fn pitfall_46_while_the_controller_tries_again_nothing_is_decided() {
    let mut world = world(json!({"completions": 1}), json!({"active": 1, "failed": 5}));
    for (at, name) in ["web-a", "web-b", "web-c", "web-d", "web-e"].into_iter().enumerate() {
        pod(&mut world, name, ended(1, &format!("2026-11-24T10:00:0{at}Z")));
    }
    let found = diagnose(&world.rollout(), &Expectations::default());
    assert_eq!(found.codes(), ["container-crashing"]);
    assert_eq!(found.findings[0].hold, Hold::Announce);
    assert!(found.findings[0].headline.contains("ended 5 times"), "{}", found.findings[0].headline);
}

#[test]
fn what_no_try_heals_is_not_tried_to_the_end() {
    let mut world = world(json!({"completions": 1}), json!({"active": 1, "failed": 3}));
    for (at, name) in ["web-a", "web-b", "web-c"].into_iter().enumerate() {
        pod(&mut world, name, ended(127, &format!("2026-11-24T10:00:0{at}Z")));
    }
    assert_eq!(
        diagnose(&world.rollout(), &Expectations::default()).the(CauseCode::CommandNotFound).hold,
        Hold::Ripe
    );
}

#[test]
fn a_cause_that_says_more_comes_before_the_failed_job() {
    let mut world =
        world(json!({"completions": 1, "backoffLimit": 0}), failed("BackoffLimitExceeded", "limit"));
    let mut status = ended(137, "2026-11-24T10:00:01Z");
    status["containerStatuses"][0]["state"]["terminated"]["reason"] = json!("OOMKilled");
    pod(&mut world, "web-a", status);
    let found = diagnose(&world.rollout(), &Expectations::default());
    assert_eq!(found.codes(), ["memory-limit-exceeded", "job-failed"]);
    assert_eq!(found.findings[0].hold, Hold::Ripe);
}

#[test]
fn pitfall_43_the_rule_by_which_it_failed_is_named() {
    let said = |spec: Value, status: Value| headline(&world(spec, status), CauseCode::JobFailed);
    let policy = failed("PodFailurePolicy", "Container app failed with exit code 42 matching FailJob rule");
    assert!(said(json!({}), policy).contains("by its podFailurePolicy"));
    let late = failed("DeadlineExceeded", "Job was active longer than specified deadline");
    assert!(
        said(json!({"activeDeadlineSeconds": 10}), late)
            .contains("not done within its activeDeadlineSeconds of 10")
    );
    let mut indexes = failed("FailedIndexes", "Job has failed indexes");
    indexes["failedIndexes"] = json!("1,3");
    assert!(said(json!({}), indexes).contains("its indexes 1,3 failed for good"));
    assert!(said(json!({}), failed("SomethingNew", "x")).contains("reason SomethingNew"));
}

#[test]
fn a_suspended_job_ends_the_wait_with_the_way_to_resume_it_unless_a_queue_will() {
    let suspended = world(json!({"suspend": true}), json!({}));
    let found = diagnose(&suspended.rollout(), &Expectations::default());
    let finding = found.the(CauseCode::JobSuspended);
    assert_eq!(finding.hold, Hold::Ripe);
    assert_eq!(finding.commands, [r#"kubectl -n shop patch job/web -p '{"spec":{"suspend":false}}'"#]);

    let mut queued = World::of(Kind::Job);
    queued.labelled_workload(
        json!({"kueue.x-k8s.io/queue-name": "batch"}),
        json!({"suspend": true}),
        json!({}),
    );
    assert_eq!(
        diagnose(&queued.rollout(), &Expectations::default()).the(CauseCode::JobSuspended).hold,
        Hold::Announce
    );

    let none = world(json!({"parallelism": 0}), json!({}));
    assert!(headline(&none, CauseCode::JobSuspended).contains("its parallelism is 0"));
}

#[test]
fn a_pod_that_was_disrupted_did_not_fail_by_itself() {
    let mut world = world(json!({"completions": 1}), json!({"active": 1, "failed": 1}));
    let mut status = ended(143, "2026-11-24T10:00:01Z");
    status["conditions"] = json!([{"type": "DisruptionTarget", "status": "True"}]);
    pod(&mut world, "web-a", status);
    assert!(diagnose(&world.rollout(), &Expectations::default()).codes().is_empty());
}

#[test]
fn readiness_of_a_job_is_nobodys_business() {
    let mut world = world(json!({"completions": 1}), json!({"active": 1}));
    world.job_pod(
        "web-a",
        "Never",
        json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-11-24T09:00:00Z"}}}]}),
    );
    world.events(
        Kind::Pod,
        "web-a",
        json!([{"reason": "Unhealthy", "message":
        "Readiness probe failed: HTTP probe failed with statuscode: 404", "count": 50,
        "involvedObject": {"fieldPath": "spec.containers{app}"}}]),
    );
    assert!(diagnose(&world.rollout(), &Expectations::default()).codes().is_empty());
}

#[test]
fn a_bare_pod_that_failed_shows_its_end_and_an_evicted_one_why() {
    let mut world = World::of(Kind::Pod);
    world.bare_pod(json!({"restartPolicy": "Never"}), ended(3, "2026-11-24T10:00:01Z"));
    let found = diagnose(&world.rollout(), &Expectations::default());
    assert_eq!(found.codes(), ["pod-failed"]);
    assert!(
        found.findings[0].headline.starts_with("pod web has failed: container app ended with exit code 3")
    );
    world.bare_pod(json!({}), json!({"phase": "Failed", "reason": "Evicted", "message": "low on memory"}));
    assert_eq!(
        headline(&world, CauseCode::PodFailed),
        "pod web has ended for good and nothing replaces it: Evicted: low on memory"
    );
}

#[test]
fn a_job_is_corrected_by_making_it_anew() {
    let mut world = world(json!({"completions": 1}), json!({"active": 1}));
    world.job_pod(
        "web-a",
        "Never",
        json!({"phase": "Pending", "containerStatuses": [{"name": "app",
        "state": {"waiting": {"reason": "ErrImageNeverPull", "message": "no"}}}]}),
    );
    let found = diagnose(&world.rollout(), &Expectations::default());
    let finding = found.the(CauseCode::ImageNeverPulled);
    assert!(finding.help.iter().any(|help| help.contains("cannot be changed")), "{:?}", finding.help);
    assert_eq!(finding.commands, ["kubectl -n shop delete job/web"]);
}
