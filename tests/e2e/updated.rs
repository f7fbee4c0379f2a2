//! Reason 10: nothing was updated, or something else than what was meant.

use serde_json::{Value, json};

use crate::case::{Case, Step, apply, kubectl, rolled_out};
use crate::manifest::{app, config_map, daemon_set, deployment, one, ready, server, stateful_set, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = not_updated();
    cases.extend(overtaken());
    cases.extend(healthy());
    cases
}

/// A web server of that image.
fn image(image: &str) -> Value {
    deployment("web", 1, one(server(json!({"image": image, "readinessProbe": ready()}))))
}

/// A rollout of that version that goes on for as long as a case.
fn starting(version: &str) -> Value {
    let probe = json!({"exec": {"command": ["false"]}, "periodSeconds": 5, "failureThreshold": 60});
    let container = app(json!({"readinessProbe": probe, "env": [{"name": "VERSION", "value": version}]}));
    deployment("web", 1, one(container))
}

/// What nobody has.
const NO_DIGEST: &str =
    "--expect-digest sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// What the progress says once the controller has made the newest ReplicaSet.
const UNDER_WAY: &str = "updated replicas available";

fn not_updated() -> Vec<Case> {
    let fails = |name| Case::fails("updated", name, "image-not-updated").lasts(25);
    vec![
        fails("image-unchanged")
            .before(apply(image("$REGISTRY/busy:1")))
            .before(rolled_out("deploy/web"))
            .args("--expect-image $REGISTRY/busy:2")
            .says(&[
                "container app of Deployment web has image $REGISTRY/busy:1, not $REGISTRY/busy:2",
                "image written by kubectl",
                "kubectl -n $NS set image deployment/web app=$REGISTRY/busy:2",
            ]),
        fails("wrong-container")
            .object(deployment(
                "web",
                1,
                json!({"containers": [
                    app(json!({"name": "app"})),
                    app(json!({"name": "proxy", "image": "$REGISTRY/busy:2"}))]}),
            ))
            .args("--expect-image app=$REGISTRY/busy:2")
            .says(&["container app of Deployment web has image", "container proxy has it"]),
        fails("image-set-back")
            .before(apply(image("$REGISTRY/busy:1")))
            .before(rolled_out("deploy/web"))
            .object(image("$REGISTRY/busy:2"))
            .args("--expect-image $REGISTRY/busy:2")
            .once(UNDER_WAY, kubectl("set image deployment/web app=$REGISTRY/busy:1"))
            .says(&["revision 2 had it", "image written by kubectl-set"]),
        fails("another-digest")
            .object(image("$REGISTRY/busy:1"))
            .args(NO_DIGEST)
            .says(&["not sha256:000000000000", "imagePullPolicy IfNotPresent"])
            .lasts(30),
    ]
}

fn overtaken() -> Vec<Case> {
    vec![
        Case::ends("updated", "rolled-back", 6, "superseded", "rolled-back")
            .before(apply(image("$REGISTRY/busy:1")))
            .before(rolled_out("deploy/web"))
            .object(starting("2"))
            .once(UNDER_WAY, kubectl("rollout undo deploy/web"))
            .names("rolled-back")
            .says(&["revision 3 is an older template than revision 2", "template written by kubectl"])
            .lasts(10),
        Case::ends("updated", "set-rolled-back", 6, "superseded", "rolled-back")
            .target("sts/web")
            .before(apply(set("1")))
            .before(rolled_out("sts/web"))
            .object(set_that_never_starts("2"))
            .once("0 of 1 updated replicas available", kubectl("rollout undo sts/web"))
            .names("rolled-back")
            .says(&["StatefulSet web was rolled back while it was watched"])
            .lasts(20),
        Case::ends("updated", "generation-passed-by", 6, "superseded", "rollout-superseded")
            .before(apply(image("$REGISTRY/busy:1")))
            .object(image("$REGISTRY/busy:2"))
            .args("--generation 1")
            .names("rollout-superseded")
            .says(&["generation 1 was asked for, and Deployment web is at 2"])
            .lasts(5),
        Case::ends("updated", "revision-of-a-set-passed-by", 6, "superseded", "rollout-superseded")
            .target("sts/web")
            .before(apply(set("1")))
            .before(rolled_out("sts/web"))
            .object(set("2"))
            .args("--revision 1")
            .names("rollout-superseded")
            .says(&["revision 1 was asked for, and StatefulSet web is at 2"])
            .lasts(10),
        Case::ends("updated", "revision-to-come", 3, "timed-out", "progressing")
            .object(image("$REGISTRY/busy:1"))
            .args("--revision 2")
            .timeout(8)
            .says(&["revision 2 (it is at 1)"])
            .lasts(10),
    ]
}

/// A StatefulSet of that version.
fn set(version: &str) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    stateful_set(1, one(server(json!({"env": env, "readinessProbe": ready()}))))
}

/// The same on every node.
fn set_of_nodes(version: &str) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    daemon_set(one(server(json!({"env": env, "readinessProbe": ready()}))))
}

/// The same, never Ready.
fn set_that_never_starts(version: &str) -> Value {
    let probe = json!({"exec": {"command": ["false"]}, "periodSeconds": 5, "failureThreshold": 60});
    let env = json!([{"name": "VERSION", "value": version}]);
    stateful_set(1, one(app(json!({"env": env, "readinessProbe": probe}))))
}

/// A web server with variables from ConfigMap `settings`.
fn configured() -> Value {
    let from = json!([{"configMapRef": {"name": "settings"}}]);
    deployment("web", 1, one(server(json!({"envFrom": from, "readinessProbe": ready()}))))
}

fn healthy() -> Vec<Case> {
    let passes = |name| Case::passes("updated", name).lasts(30);
    let always = json!({"image": "$REGISTRY/moved-$RUN:1", "imagePullPolicy": "Always"});
    vec![
        passes("image-as-expected-near-miss").object(image("$REGISTRY/busy:2")).args(
            "--expect-image $REGISTRY/busy:2 --expect-image app=$REGISTRY/busy:2 --generation 1 --revision 1",
        ),
        // The wait begins before the image is applied.
        passes("image-late-near-miss")
            .before(apply(image("$REGISTRY/busy:1")))
            .before(rolled_out("deploy/web"))
            .args("--expect-image $REGISTRY/busy:2")
            .once("deployment/web:", apply(image("$REGISTRY/busy:2"))),
        passes("generation-to-come-near-miss")
            .before(apply(image("$REGISTRY/busy:1")))
            .before(rolled_out("deploy/web"))
            .args("--generation 2")
            .once("deployment/web:", apply(image("$REGISTRY/busy:2")))
            .field("/targets/0/generation", 2),
        passes("revision-of-a-set-near-miss")
            .target("sts/web")
            .before(apply(set("1")))
            .before(rolled_out("sts/web"))
            .args("--revision 2")
            .once("statefulset/web:", apply(set("2"))),
        passes("revision-of-a-daemon-set-near-miss")
            .target("ds/web")
            .before(apply(set_of_nodes("1")))
            .before(rolled_out("ds/web"))
            .args("--revision 2")
            .once("daemonset/web:", apply(set_of_nodes("2")))
            .field("/targets/0/revision", "2"),
        // Nothing starts the pods anew, so they go on with the old values.
        passes("config-map-changed-only-near-miss")
            .before(apply(config_map("settings", json!({"MODE": "a"}))))
            .before(apply(configured()))
            .before(rolled_out("deploy/web"))
            .before(Step::Pass(8))
            .before(apply(config_map("settings", json!({"MODE": "b"}))))
            .object(configured())
            .says(&[
                "config-newer-than-pods",
                "ConfigMap settings was changed",
                "rollout restart deployment/web",
            ])
            .lasts(25),
        passes("config-map-changed-with-the-template-near-miss")
            .before(apply(config_map("settings", json!({"MODE": "a"}))))
            .before(apply(configured()))
            .before(rolled_out("deploy/web"))
            .object(config_map("settings", json!({"MODE": "b"})))
            .object(with_spec(configured(), json!({"minReadySeconds": 1})))
            .once("deployment/web:", kubectl("rollout restart deploy/web"))
            .args("--revision 2")
            .never_warns(&["config-newer-than-pods", "nothing-rolled-out"]),
        // The second pod pulls what the first has under the same name.
        passes("tag-moved-near-miss")
            .before(Step::Push("moved-$RUN:1 busy:1".to_owned()))
            .before(apply(deployment("web", 1, one(app(always.clone())))))
            .before(rolled_out("deploy/web"))
            .before(Step::Push("moved-$RUN:1 busy:2".to_owned()))
            .object(with_spec(deployment("web", 1, one(app(always))), json!({"replicas": 2})))
            .needs(crate::case::Need::ClusterProgram),
    ]
}
