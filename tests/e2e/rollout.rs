//! The rollout itself: stuck, done long ago, deleted, paused, overtaken, moved by an autoscaler.

use serde_json::{Value, json};

use crate::case::{Case, Step, apply, kubectl, rolled_out, until};
use crate::manifest::{app, container, deployment, one, ready, server, shell, stateful_set, web, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = failures();
    cases.extend(other_ends());
    cases.extend(healthy());
    cases.extend(warnings());
    cases
}

/// A web server that serves, of this version.
fn version(version: &str, replicas: u32) -> Value {
    let container = server(json!({
        "env": [{"name": "VERSION", "value": version}],
        "readinessProbe": ready(),
    }));
    deployment("web", replicas, one(container))
}

/// Never Ready, and never wrong within the time of a case.
fn starting() -> Value {
    let probe = json!({"exec": {"command": ["false"]}, "periodSeconds": 5, "failureThreshold": 60});
    web(one(app(json!({"readinessProbe": probe}))))
}

/// Asked for a path that it does not have.
fn not_found() -> Value {
    web(one(server(json!({
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
    }))))
}

/// A web server that takes its time to end: as process 1 it does not hear the signal.
fn lingering(version: &str) -> Value {
    let container = server(json!({
        "env": [{"name": "VERSION", "value": version}],
        "readinessProbe": ready(),
    }));
    web(json!({"terminationGracePeriodSeconds": 60, "containers": [container]}))
}

/// A StatefulSet whose pods nobody takes the finalizer from.
fn kept(version: &str) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    let mut set = stateful_set(1, one(server(json!({"env": env, "readinessProbe": ready()}))));
    if let Some(metadata) = set.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
        metadata.insert("finalizers".to_owned(), json!(["example.com/keep"]));
    }
    set
}

fn with_image(mut deployment: Value, image: &str) -> Value {
    if let Some(field) = deployment.pointer_mut("/spec/template/spec/containers/0/image") {
        *field = image.into();
    }
    deployment
}

fn failures() -> Vec<Case> {
    vec![
        Case::fails("rollout", "stuck-with-old-pods-serving", "image-not-found")
            .before(apply(version("1", 3)))
            .before(rolled_out("deploy/web"))
            .object(with_image(version("1", 3), "$REGISTRY/busy:3"))
            .says(&[
                "3 old pods still serve",
                "$REGISTRY/busy:3",
                "kubectl -n $NS set image deployment/web app=$REGISTRY/busy:1",
            ])
            .field("/targets/0/impact/oldPodsReady", 3)
            .field("/targets/0/replicas/desired", 3)
            .lasts(65),
        // The Deployment was complete before it was scaled up, and says so still.
        Case::fails("rollout", "scaled-up-with-a-bad-image", "image-not-found")
            .before(apply(with_spec(
                web(one(app(json!({"image": "$REGISTRY/busy:none"})))),
                json!({"replicas": 0}),
            )))
            .before(rolled_out("deploy/web"))
            .before(kubectl("scale deploy/web --replicas=2"))
            .says(&["$REGISTRY/busy:none"])
            .lasts(60),
        Case::fails("rollout", "deleted-meanwhile", "target-deleted")
            .object(starting())
            .once("deployment/web:", kubectl("delete deploy/web --wait=false"))
            .says(&["deleted"])
            .lasts(15),
        Case::fails("rollout", "paused", "rollout-paused")
            .before(apply(version("1", 1)))
            .before(rolled_out("deploy/web"))
            .object(with_spec(version("2", 1), json!({"paused": true})))
            .says(&["paused", "kubectl -n $NS rollout resume deployment/web", "1 old pod still serves"])
            .lasts(20),
        // Of what this rollout changed, the probe's path is what matters.
        Case::fails("rollout", "probe-changed", "readiness-probe-failing")
            .before(apply(version("1", 1)))
            .before(rolled_out("deploy/web"))
            .object(not_found())
            .says(&[
                "app: readinessProbe GET http://:8080/healthz → GET http://:8080/readyz (by this rollout)",
                "changed: app: environment variable VERSION was removed",
                "This rollout changed the readiness probe: set path back to /healthz",
                r#""readinessProbe":{"httpGet":{"path":"/healthz"}}"#,
            ])
            .field(
                "/targets/0/causes/0/changes/0",
                "app: readinessProbe GET http://:8080/healthz → GET http://:8080/readyz",
            )
            .lasts(80),
        // What keeps a container from being made comes before what ends its neighbour.
        Case::fails("rollout", "several-causes", "image-not-found")
            .object(web(json!({"containers": [
                app(json!({"image": "$REGISTRY/busy:none"})),
                container("proxy", json!({"command": shell("echo no upstream; exit 2")})),
            ]})))
            .says(&["also[container-crashing]: container proxy ended", "$REGISTRY/busy:none"])
            .lasts(60),
        // The deadline says only that nothing moved; the probe says why.
        Case::fails("rollout", "progress-deadline-with-a-cause", "readiness-probe-failing")
            .object(with_spec(not_found(), json!({"progressDeadlineSeconds": 10})))
            .says(&["/readyz", "404"])
            .lasts(20),
        // A StatefulSet has no deadline. Its old pod is kept by a finalizer that nobody takes away.
        Case::fails("rollout", "stalled", "stalled")
            .target("sts/web")
            .before(apply(kept("1")))
            .before(rolled_out("sts/web"))
            .object(kept("2"))
            .args("--patience 0.1")
            .after(kubectl("delete sts web --cascade=orphan"))
            .after(kubectl("patch pod web-0 --type=merge -p {\"metadata\":{\"finalizers\":null}}"))
            .says(&[
                "StatefulSet web has come no further for",
                "old pod web-0 is still there: its finalizer example.com/keep keeps it",
                "kubectl -n $NS get pod web-0 -o yaml",
            ])
            .timeout(300)
            .lasts(205),
        Case::fails("rollout", "progress-deadline", "progress-deadline-exceeded")
            .object(with_spec(starting(), json!({"progressDeadlineSeconds": 10})))
            .says(&["10s", "0 of 1"])
            .lasts(20),
    ]
}

fn other_ends() -> Vec<Case> {
    vec![
        Case::ends("rollout", "not-found", 2, "indeterminate", "not-found")
            .says(&["there is no Deployment web in namespace $NS"])
            .lasts(3),
        Case::ends("rollout", "superseded", 6, "superseded", "rollout-superseded")
            .object(starting())
            .once("updated replicas available", apply(version("2", 1)))
            .lasts(12),
        Case::ends("rollout", "recreated", 6, "superseded", "rollout-superseded")
            .object(starting())
            .once("deployment/web:", kubectl("delete deploy/web --wait=false"))
            .at(0, apply(version("2", 1)))
            .lasts(12),
        Case::ends("rollout", "old-pods-gone", 3, "timed-out", "old-pod-remains")
            .before(apply(lingering("1")))
            .before(rolled_out("deploy/web"))
            .object(lingering("2"))
            .args("--old-pods-gone")
            .timeout(25)
            .names("old-pod-remains")
            .says(&["is still there: it has 60s to end on", "terminationGracePeriodSeconds"])
            .lasts(35),
        Case::ends("rollout", "timeout-while-starting", 3, "timed-out", "progressing")
            .object(starting())
            .timeout(6)
            .lasts(8),
        Case::ends("rollout", "timeout-while-settling", 3, "timed-out", "settling")
            .object(version("1", 1))
            .timeout(8)
            .lasts(10),
        Case::ends("rollout", "timeout-with-a-tolerated-cause", 3, "timed-out", "image-not-found")
            .object(web(one(app(json!({"image": "$REGISTRY/busy:none"})))))
            .timeout(10)
            .names("image-not-found")
            .says(&["$REGISTRY/busy:none"])
            .lasts(12),
    ]
}

/// What a wait for settling says; a rollout that is done must not.
const WAITING: &[&str] = &["to have run for"];

fn healthy() -> Vec<Case> {
    let undone = with_spec(version("1", 1), json!({"progressDeadlineSeconds": 5}));
    let undo_from = with_spec(
        web(one(server(json!({"image": "$REGISTRY/busy:3", "readinessProbe": ready()})))),
        json!({"progressDeadlineSeconds": 5}),
    );
    let mut autoscaled = Case::passes("rollout", "autoscaled-near-miss").object(version("1", 1)).lasts(30);
    for (round, replicas) in (2_u64..=6).enumerate() {
        let at = 4 + 8 * u64::try_from(round).unwrap_or(0);
        autoscaled = autoscaled.at(at, kubectl(&format!("scale deploy/web --replicas={replicas}")));
    }
    let grace_of_8 = |version: &str| {
        let env = json!([{"name": "VERSION", "value": version}]);
        let mut spec = one(server(json!({"env": env, "readinessProbe": ready()})));
        if let Some(spec) = spec.as_object_mut() {
            spec.insert("terminationGracePeriodSeconds".to_owned(), json!(8));
        }
        with_spec(web(spec), json!({"strategy": {"type": "Recreate"}}))
    };
    vec![
        // For eight seconds there is neither an old pod that serves nor a new one.
        Case::passes("rollout", "recreate-near-miss")
            .before(apply(grace_of_8("1")))
            .before(rolled_out("deploy/web"))
            .object(grace_of_8("2"))
            .field("/targets/0/replicas/available", 1)
            .field("/targets/0/replicas/old", 0)
            .field("/targets/0/revision", "2")
            .lasts(45),
        // It becomes ready only once its log was shown.
        Case::passes("rollout", "logs-follow-near-miss")
            .object(web(one(app(json!({
                "command": shell("echo warming up; sleep 3600"),
                "readinessProbe": {"exec": {"command": ["test", "-f", "/tmp/ok"]}, "periodSeconds": 1},
            })))))
            .args("--logs follow")
            .once("/app │ warming up", kubectl("exec deploy/web -- touch /tmp/ok"))
            .lasts(40),
        // Old enough that the server's own timestamps are believed: no settling at all.
        Case::passes("rollout", "complete-long-ago-near-miss")
            .before(apply(version("1", 2)))
            .before(rolled_out("deploy/web"))
            .before(Step::Pass(76))
            .never_says(WAITING)
            .field("/targets/0/replicas/available", 2)
            .lasts(105),
        autoscaled,
        Case::passes("rollout", "old-pods-terminating-near-miss")
            .before(apply(lingering("1")))
            .before(rolled_out("deploy/web"))
            .object(lingering("2"))
            .says(&["old-pods-terminating"])
            .lasts(35),
        Case::passes("rollout", "undone-after-deadline-near-miss")
            .before(apply(undone))
            .before(rolled_out("deploy/web"))
            .before(apply(undo_from))
            .before(until(
                "get deploy web -o jsonpath={.status.conditions[*].reason}",
                "ProgressDeadlineExceeded",
            ))
            .before(kubectl("rollout undo deploy/web"))
            .lasts(45),
        Case::passes("rollout", "update-near-miss")
            .before(apply(version("1", 3)))
            .before(rolled_out("deploy/web"))
            .object(version("2", 3))
            .field("/targets/0/replicas/available", 3)
            .field("/targets/0/revision", "2")
            .lasts(45),
        Case::passes("rollout", "paused-with-nothing-to-roll-near-miss")
            .before(apply(version("1", 1)))
            .before(rolled_out("deploy/web"))
            .object(with_spec(version("1", 1), json!({"paused": true})))
            .lasts(30),
        Case::passes("rollout", "stable-for-0-near-miss")
            .object(version("1", 1))
            .args("--stable-for 0")
            .never_says(WAITING)
            .lasts(10),
    ]
}

fn warnings() -> Vec<Case> {
    vec![
        Case::passes("rollout", "scaled-to-zero-near-miss")
            .object(version("1", 0))
            .says(&["zero-replicas"])
            .lasts(5),
        Case::passes("rollout", "no-readiness-probe-near-miss")
            .object(web(one(app(json!({})))))
            .never_warns(&["mutable-tag"])
            .says(&["no-readiness-probe"])
            .lasts(20),
        Case::passes("rollout", "mutable-tag-near-miss")
            .object(web(one(server(json!({"image": "$REGISTRY/busy:latest", "readinessProbe": ready()})))))
            .never_warns(&["no-readiness-probe"])
            .says(&["mutable-tag"])
            .lasts(20),
    ]
}
