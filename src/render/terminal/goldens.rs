//! Whole texts as a person sees them, each judged by reading it.

use super::terminal;
use crate::render::sample::{
    POD, absence, cause, event, field, kitchen_sink, log, not_seen, pod, redactor, report, strings, target,
    warning,
};
use crate::render::style::Look;
use crate::report::{Affected, Cause, Report, Target, VerdictName};

fn shown(report: &Report) -> String {
    terminal(report, &Look::plain(&redactor()))
}

fn failed(root: Cause, seconds: f64) -> Target {
    let mut target = target("web", VerdictName::Failed, &root.code.clone(), seconds);
    target.impact.summary = "3 old pods still serve".to_owned();
    target.causes = vec![root];
    target
}

fn one(target: Target) -> Report {
    let (verdict, exit_code) = (target.verdict, u8::from(target.verdict == VerdictName::Failed));
    report(verdict, exit_code, vec![target])
}

pub(in crate::render) fn image_not_found() -> Target {
    let mut root = cause(
        "image-not-found",
        "docker.io/shop/web:1.4.2 does not exist, or reading it needs credentials: the registry does not say which",
    );
    root.evidence = vec![
        field("spec.containers[app].image", "shop/web:1.4.2"),
        event(
            "Failed",
            3,
            "Failed to pull image \"shop/web:1.4.2\": rpc error: code = NotFound desc = failed to pull and unpack \
             image \"docker.io/shop/web:1.4.2\": failed to resolve image: docker.io/shop/web:1.4.2: not found",
        ),
    ];
    root.help = strings(&[
        "push the tag 1.4.2, or deploy one that exists: the old pods run shop/web:1.4.1",
        "if the repository is private, name a pull secret in spec.imagePullSecrets; there is none",
    ]);
    root.commands =
        strings(&["docker pull docker.io/shop/web:1.4.2", "kubectl -n shop rollout undo deployment/web"]);
    let mut target = failed(root, 14.2);
    target.changes = strings(&["image of container app: shop/web:1.4.1 -> shop/web:1.4.2"]);
    target
}

#[test]
fn image_not_found_with_old_pods_serving() {
    assert_eq!(
        shown(&one(image_not_found())),
        r#"deployment/web failed after 14s: 0 of 3 updated replicas are ready

error[image-not-found]: docker.io/shop/web:1.4.2 does not exist, or reading it needs credentials:
    the registry does not say which
  --> Pod shop/web-7c9d5f6b8-x2x4z (1 of 1 new pod)
  field   spec.containers[app].image = shop/web:1.4.2
  event   Failed ×3: Failed to pull image "shop/web:1.4.2": rpc error: code = NotFound desc = failed
          to pull and unpack image "docker.io/shop/web:1.4.2": failed to resolve image:
          docker.io/shop/web:1.4.2: not found

help: push the tag 1.4.2, or deploy one that exists: the old pods run shop/web:1.4.1
help: if the repository is private, name a pull secret in spec.imagePullSecrets; there is none
try:
    docker pull docker.io/shop/web:1.4.2
    kubectl -n shop rollout undo deployment/web

changed: image of container app: shop/web:1.4.1 -> shop/web:1.4.2
impact: 3 old pods still serve
more: rollout-guard explain image-not-found
"#
    );
}

#[test]
fn crash_with_a_log() {
    let mut root = cause(
        "container-crashing",
        "container app terminated 4 times with exit code 1, the last time 2s after it started",
    );
    root.affected = Affected { pods: 3, of: 3 };
    root.evidence = vec![
        log(
            true,
            &[
                "2026-11-23T20:00:31Z starting web 1.4.2",
                "panic: connect to database: dial tcp: lookup db.shop.svc: no such host",
                "",
                "goroutine 1 [running]:",
                "main.main()",
                "\t/src/cmd/web/main.go:42 +0x1d",
                "\u{1b}[31m::error::exit status 2\u{1b}[0m",
            ],
        ),
        field("status.containerStatuses[app].lastState.terminated.exitCode", "1"),
    ];
    root.help =
        strings(&["read the lines above; the application ended by itself, Kubernetes only restarted it"]);
    root.commands = strings(&["kubectl -n shop logs web-7c9d5f6b8-x2x4z -c app --previous"]);
    let text = shown(&one(failed(root, 36.0)));
    assert_eq!(
        text,
        r"deployment/web failed after 36s: 0 of 3 updated replicas are ready

error[container-crashing]: container app terminated 4 times with exit code 1, the last time 2s after
    it started
  --> Pod shop/web-7c9d5f6b8-x2x4z (3 of 3 new pods)
  log     last lines of the previous container's log (container app):
          │ 2026-11-23T20:00:31Z starting web 1.4.2
          │ panic: connect to database: dial tcp: lookup db.shop.svc: no such host
          │
          │ goroutine 1 [running]:
          │ main.main()
          │     /src/cmd/web/main.go:42 +0x1d
          │ :\:error::exit status 2
  field   status.containerStatuses[app].lastState.terminated.exitCode = 1

help: read the lines above; the application ended by itself, Kubernetes only restarted it
try:
    kubectl -n shop logs web-7c9d5f6b8-x2x4z -c app --previous

impact: 3 old pods still serve
more: rollout-guard explain container-crashing
"
    );
}

#[test]
fn crash_without_a_log() {
    let mut root =
        cause("container-crashing", "container app terminated 4 times with exit code 3 and logged nothing");
    root.evidence = vec![
        field("status.containerStatuses[app].lastState.terminated.exitCode", "3"),
        absence("container app wrote nothing to its log before it ended"),
    ];
    root.help = strings(&["run the image by hand and look at what it does before it writes its first line"]);
    root.commands = strings(&["docker run --rm -it docker.io/shop/web:1.4.2"]);
    let mut target = failed(root, 36.0);
    target.impact.summary = "nothing serves".to_owned();
    assert_eq!(
        shown(&one(target)),
        r"deployment/web failed after 36s: 0 of 3 updated replicas are ready

error[container-crashing]: container app terminated 4 times with exit code 3 and logged nothing
  --> Pod shop/web-7c9d5f6b8-x2x4z (1 of 1 new pod)
  field   status.containerStatuses[app].lastState.terminated.exitCode = 3
  absent  container app wrote nothing to its log before it ended

help: run the image by hand and look at what it does before it writes its first line
try:
    docker run --rm -it docker.io/shop/web:1.4.2

impact: nothing serves
more: rollout-guard explain container-crashing
"
    );
}

#[test]
fn config_map_key_missing_with_near_names() {
    let mut root = cause(
        "config-map-key-missing",
        "ConfigMap shop/web-config has no key DB_HOTS, which container app reads as variable DATABASE_HOST",
    );
    root.subject = "ConfigMap shop/web-config".to_owned();
    root.evidence = vec![
        event("Failed", 5, "Error: couldn't find key DB_HOTS in ConfigMap shop/web-config"),
        field("spec.containers[app].env[DATABASE_HOST].valueFrom.configMapKeyRef.key", "DB_HOTS"),
    ];
    root.help = strings(&[
        "did you mean DB_HOST? The ConfigMap has the keys DB_HOST, DB_PORT",
        "or add the key to the ConfigMap; the pods start by themselves within a minute",
    ]);
    root.commands = strings(&["kubectl -n shop edit configmap web-config"]);
    assert_eq!(
        shown(&one(failed(root, 32.0))),
        r"deployment/web failed after 32s: 0 of 3 updated replicas are ready

error[config-map-key-missing]: ConfigMap shop/web-config has no key DB_HOTS, which container app
    reads as variable DATABASE_HOST
  --> ConfigMap shop/web-config (affects 1 of 1 new pod)
  event   Pod shop/web-7c9d5f6b8-x2x4z: Failed ×5: Error: couldn't find key DB_HOTS in ConfigMap
          shop/web-config
  field   Pod shop/web-7c9d5f6b8-x2x4z
          spec.containers[app].env[DATABASE_HOST].valueFrom.configMapKeyRef.key = DB_HOTS

help: did you mean DB_HOST? The ConfigMap has the keys DB_HOST, DB_PORT
help: or add the key to the ConfigMap; the pods start by themselves within a minute
try:
    kubectl -n shop edit configmap web-config

impact: 3 old pods still serve
more: rollout-guard explain config-map-key-missing
"
    );
}

#[test]
fn liveness_probe_with_a_second_cause() {
    let mut root = cause(
        "liveness-probe-failing",
        "the kubelet killed container app 2 times because GET http://:8080/healthz answered 404",
    );
    root.evidence = vec![
        event("Unhealthy", 6, "Liveness probe failed: HTTP probe failed with statuscode: 404"),
        event("Killing", 2, "Container app failed liveness probe, will be restarted"),
        event("Killing", 2, "Container app failed liveness probe, will be restarted"),
    ];
    root.help = strings(&["serve /healthz on port 8080, or correct livenessProbe.httpGet.path"]);
    let mut target = failed(root, 62.0);
    target.causes.push(cause("readiness-probe-failing", "GET http://:8080/ready answered 503 for 58s"));
    assert_eq!(
        shown(&one(target)),
        r"deployment/web failed after 1m 2s: 0 of 3 updated replicas are ready

error[liveness-probe-failing]: the kubelet killed container app 2 times because GET
    http://:8080/healthz answered 404
  --> Pod shop/web-7c9d5f6b8-x2x4z (1 of 1 new pod)
  event   Unhealthy ×6: Liveness probe failed: HTTP probe failed with statuscode: 404
  event   Killing ×2: Container app failed liveness probe, will be restarted

help: serve /healthz on port 8080, or correct livenessProbe.httpGet.path

also[readiness-probe-failing]: GET http://:8080/ready answered 503 for 58s
impact: 3 old pods still serve
more: rollout-guard explain liveness-probe-failing
"
    );
}

#[test]
fn limit_range_with_no_pod_at_all() {
    let mut root = cause(
        "limit-range-exceeded",
        "container app asks for 5Gi of memory, LimitRange shop/small allows at most 100Mi (51 times less)",
    );
    root.subject = "ReplicaSet shop/web-7c9d5f6b8".to_owned();
    root.affected = Affected::default();
    root.evidence = vec![
        crate::report::Evidence::Event {
            object: root.subject.clone(),
            reason: "FailedCreate".to_owned(),
            message: "Error creating: Pod \"web-7c9d5f6b8-l8kzm\" is invalid: \
                      spec.containers[0].resources.requests: Invalid value: \"5Gi\": must be less than or equal to \
                      memory limit of 100Mi"
                .to_owned(),
            count: 9,
        },
        crate::report::Evidence::Field {
            object: "LimitRange shop/small".to_owned(),
            path: "spec.limits[Container].max.memory".to_owned(),
            value: "100Mi".to_owned(),
        },
        absence("the ReplicaSet has created no pod, so kubectl get pods shows none"),
    ];
    root.help = strings(&[
        "ask for 100Mi or less in spec.template.spec.containers[app].resources",
        "raise the maximum of the LimitRange, or deploy to a namespace without it",
        "after the limits have changed, restart the rollout: the controller waits up to 17m before it tries again",
    ]);
    root.commands = strings(&[
        "kubectl -n shop describe limitrange small",
        "kubectl -n shop rollout restart deployment/web",
    ]);
    let mut target = failed(root, 11.0);
    target.summary = "0 of 3 pods could be created".to_owned();
    assert_eq!(
        shown(&one(target)),
        r#"deployment/web failed after 11s: 0 of 3 pods could be created

error[limit-range-exceeded]: container app asks for 5Gi of memory, LimitRange shop/small allows at
    most 100Mi (51 times less)
  --> ReplicaSet shop/web-7c9d5f6b8
  event   FailedCreate ×9: Error creating: Pod "web-7c9d5f6b8-l8kzm" is invalid:
          spec.containers[0].resources.requests: Invalid value: "5Gi": must be less than or equal to
          memory limit of 100Mi
  field   LimitRange shop/small spec.limits[Container].max.memory = 100Mi
  absent  the ReplicaSet has created no pod, so kubectl get pods shows none

help: ask for 100Mi or less in spec.template.spec.containers[app].resources
help: raise the maximum of the LimitRange, or deploy to a namespace without it
help: after the limits have changed, restart the rollout: the controller waits up to 17m before it
      tries again
try:
    kubectl -n shop describe limitrange small
    kubectl -n shop rollout restart deployment/web

impact: 3 old pods still serve
more: rollout-guard explain limit-range-exceeded
"#
    );
}

#[test]
fn timeout_with_a_cause_says_the_cause_once() {
    let mut target = image_not_found();
    target.verdict = VerdictName::TimedOut;
    target.summary =
        format!("1 of 3 replicas updated, 3 available; likely cause: {}", target.causes[0].headline);
    let text = shown(&one(target));
    assert!(
        text.starts_with(
            "deployment/web timed out after 14s: 0 of 3 updated replicas are ready\n\nerror[image-not-found]: "
        ),
        "{text}"
    );
}

#[test]
fn an_unknown_target_is_one_sentence() {
    let mut target = target("wbe", VerdictName::Indeterminate, "not-found", 0.2);
    target.summary = "there is no Deployment wbe in namespace shop; did you mean web".to_owned();
    assert_eq!(
        shown(&one(target)),
        "deployment/wbe was not found within 0.2s: there is no Deployment wbe in namespace shop; did you mean\n    web\n"
    );
}

#[test]
fn a_common_failure_fits_into_thirty_lines() {
    let mut target = image_not_found();
    target.causes[0].evidence.insert(0, log(true, &["line"; 10]));
    assert!(shown(&one(target)).lines().count() <= 30);
}

#[test]
fn a_command_keeps_what_stands_between_its_quotes() {
    let mut target = image_not_found();
    target.causes[0].commands = strings(&["kubectl -n shop patch deployment/web -p '{\"a\":  \"b\"}'"]);
    assert!(shown(&one(target)).contains("    kubectl -n shop patch deployment/web -p '{\"a\":  \"b\"}'\n"));
}

#[test]
fn one_look_at_what_is_not_complete_is_no_timeout() {
    let mut look = target("web", VerdictName::TimedOut, "progressing", 0.2);
    look.single_look = true;
    look.summary =
        "0 of 3 replicas updated, 3 available; still waiting for 3 of 3 replicas to be updated".to_owned();
    let shown = shown(&one(look));
    assert!(shown.starts_with("deployment/web is not complete yet: 0 of 3 replicas updated"), "{shown}");
    assert!(
        shown.contains("rollout-guard wait waits for the end") && !shown.contains("timed out"),
        "{shown}"
    );
}

#[test]
fn timeout_while_settling_shows_the_pods() {
    let mut target = target("web", VerdictName::TimedOut, "settling", 660.0);
    target.summary =
        "complete, but time was up while waiting for pod web-7c9d5f6b8-x2x4z to stay ready: 4s of 10s"
            .to_owned();
    target.impact.summary = "3 new pods serve".to_owned();
    target.pods = vec![pod("web-7c9d5f6b8-x2x4z", "ready", 1), pod("web-7c9d5f6b8-9qk2d", "ready", 0)];
    target.pods_omitted = 1;
    assert_eq!(
        shown(&one(target)),
        r"deployment/web timed out after 11m: complete, but time was up while waiting for pod
    web-7c9d5f6b8-x2x4z to stay ready: 4s of 10s

  pod     web-7c9d5f6b8-x2x4z on node-1: ready, 1 restart
  pod     web-7c9d5f6b8-9qk2d on node-1: ready
  and 1 more pod

help: no failure was seen; the pods had not been up for long enough to be believed. Allow more time
      with --timeout, or ask for less with --stable-for

impact: 3 new pods serve
"
    );
}

#[test]
fn complete_is_one_line_and_its_warnings() {
    let mut target = target("web", VerdictName::Complete, "complete", 12.4);
    assert_eq!(
        shown(&one(target.clone())),
        "deployment/web complete in 12s: 3 of 3 replicas updated and available\n"
    );
    target.warnings = vec![warning(
        "no-readiness-probe",
        "container app has no readiness probe; this pass means only that it kept running for 10s",
    )];
    assert_eq!(
        shown(&one(target)),
        "deployment/web complete in 12s: 3 of 3 replicas updated and available\n\
         warning[no-readiness-probe]: container app has no readiness probe; this pass means only that it kept\n    \
           running for 10s\n"
    );
}

#[test]
fn of_hundreds_of_targets_only_those_that_are_not_complete_have_a_line() {
    let complete = |n: u32| target(&format!("web-{n:03}"), VerdictName::Complete, "complete", 12.0);
    let mut targets: Vec<Target> = (0..300).map(complete).collect();
    targets.push(image_not_found());
    let text = shown(&report(VerdictName::Failed, 1, targets));
    assert!(text.starts_with("deployment/web      failed after 14s"), "{text}");
    assert!(
        !text.contains("web-000") && text.contains("301 rollouts in ") && text.contains("300 complete"),
        "{text}"
    );
}

#[test]
fn several_targets_end_with_one_line_for_all() {
    let mut worker = image_not_found();
    worker.name = "worker".to_owned();
    let mut api = target("api", VerdictName::Complete, "complete", 12.0);
    api.warnings = vec![warning("zero-replicas", "it is scaled to 0, so nothing was tried")];
    let mut job = image_not_found();
    job.namespace = "batch".to_owned();
    job.impact.summary = "nothing serves".to_owned();
    assert_eq!(
        shown(&report(VerdictName::Failed, 1, vec![api, worker, job])),
        r#"deployment/api -n shop     complete in 12s: 3 of 3 replicas updated and available
deployment/worker -n shop  failed after 14s: 0 of 3 updated replicas are ready
deployment/web -n batch    failed after 14s: 0 of 3 updated replicas are ready

deployment/worker -n shop:
error[image-not-found]: docker.io/shop/web:1.4.2 does not exist, or reading it needs credentials:
    the registry does not say which
  --> Pod shop/web-7c9d5f6b8-x2x4z (1 of 1 new pod)
  field   spec.containers[app].image = shop/web:1.4.2
  event   Failed ×3: Failed to pull image "shop/web:1.4.2": rpc error: code = NotFound desc = failed
          to pull and unpack image "docker.io/shop/web:1.4.2": failed to resolve image:
          docker.io/shop/web:1.4.2: not found

help: push the tag 1.4.2, or deploy one that exists: the old pods run shop/web:1.4.1
help: if the repository is private, name a pull secret in spec.imagePullSecrets; there is none
try:
    docker pull docker.io/shop/web:1.4.2
    kubectl -n shop rollout undo deployment/web

changed: image of container app: shop/web:1.4.1 -> shop/web:1.4.2
impact: 3 old pods still serve
more: rollout-guard explain image-not-found

deployment/web -n batch:
error[image-not-found]: docker.io/shop/web:1.4.2 does not exist, or reading it needs credentials:
    the registry does not say which
  --> Pod shop/web-7c9d5f6b8-x2x4z (1 of 1 new pod), for the same reason as deployment/worker -n shop above
impact: nothing serves

warning[zero-replicas]: deployment/api -n shop: it is scaled to 0, so nothing was tried

3 rollouts in 14s: 2 failed, 1 complete
"#
    );
}

#[test]
fn indeterminate_says_what_could_not_be_seen() {
    let mut target = target("web", VerdictName::Indeterminate, "unreachable", 30.0);
    target.summary = "the API server did not answer for 25s".to_owned();
    let mut report = one(target);
    report.not_seen = vec![not_seen(
        "list pods",
        "pods is forbidden: User \"ci\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\"",
        "whether the pods are ready, and why not, is unknown",
    )];
    assert_eq!(
        shown(&report),
        r#"deployment/web could not be judged after 30s: the API server did not answer for 25s

help: this says nothing about the rollout; check that the API server can be reached from here, then
      run the same command again

note: could not list pods: whether the pods are ready, and why not, is unknown (pods is forbidden:
      User "ci" cannot list resource "pods" in API group "" in the namespace "shop")
"#
    );
}

#[test]
fn colour_changes_no_word() {
    let redactor = redactor();
    let look = Look { color: true, ..Look::plain(&redactor) };
    let report = one(image_not_found());
    let coloured = terminal(&report, &look);
    assert!(coloured.contains("\u{1b}[1m\u{1b}[31merror[image-not-found]:\u{1b}[0m"), "{coloured:?}");
    let without = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&coloured, "").into_owned();
    assert_eq!(without, shown(&report));
}

#[test]
fn hostile_text_forges_no_line() {
    let text = shown(&kitchen_sink());
    assert!(!text.contains("hunter2") && text.contains("password=[redacted]"));
    assert!(!text.contains("[[ATTACHMENT|") && !text.contains("SPINNAKER_"));
    assert!(text.contains(POD));
}
