//! StatefulSets: ordered, partitioned, updated by hand, and stuck on a pod of an older revision.

use serde_json::{Value, json};

use crate::case::{Case, apply, kubectl, rolled_out, until};
use crate::manifest::{app, limit_range, one, ready, server, shell, stateful_set, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = failures();
    cases.extend(stuck());
    cases.extend(healthy());
    cases.into_iter().map(|case| case.target("sts/web")).collect()
}

/// A web server that serves, of this version.
fn version(version: &str, replicas: u32) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    stateful_set(replicas, one(server(json!({"env": env, "readinessProbe": ready()}))))
}

fn partitioned(set: Value, partition: u32) -> Value {
    with_spec(
        set,
        json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}}),
    )
}

fn on_delete(set: Value) -> Value {
    with_spec(set, json!({"updateStrategy": {"type": "OnDelete"}}))
}

fn image_missing(replicas: u32) -> Value {
    stateful_set(replicas, one(app(json!({"image": "$REGISTRY/busy:none"}))))
}

fn failures() -> Vec<Case> {
    let big = json!({"requests": {"memory": "5Gi"}, "limits": {"memory": "5Gi"}});
    vec![
        Case::fails("stateful-set", "image-missing", "image-not-found")
            .before(apply(version("1", 2)))
            .before(rolled_out("sts/web"))
            .object(image_missing(2))
            .says(&[
                "$REGISTRY/busy:none",
                "app: image $REGISTRY/busy:1 → $REGISTRY/busy:none (by this rollout)",
                "1 old pod still serves",
                "set image statefulset/web",
                "kubectl -n $NS delete pod web-1",
            ])
            .field("/targets/0/kind", "StatefulSet")
            .field("/targets/0/replicas/updated", 1)
            .lasts(50),
        Case::fails("stateful-set", "crashing", "container-crashing")
            .object(stateful_set(2, one(app(json!({"command": shell("echo no database; exit 3")})))))
            .says(&["no database", "kubectl -n $NS logs web-", "kubectl -n $NS delete pod web-"])
            .lasts(45),
        // Its neighbour is fine, so it is not all pods.
        Case::fails("stateful-set", "one-of-two-crashing", "container-crashing")
            .object(stateful_set(
                2,
                one(app(json!({"command": shell(
                    "[ $(hostname) = web-0 ] && exec sleep 3600; echo cannot join; exit 1",
                )}))),
            ))
            .says(&["Pod $NS/web-1 (1 of 2 new pods)", "cannot join"])
            .field("/targets/0/causes/0/affected/pods", 1)
            .lasts(55),
        // Not one pod of it exists: only events of the StatefulSet itself say why.
        Case::fails("stateful-set", "above-limit-range", "limit-range-exceeded")
            .object(limit_range(json!({"type": "Container", "max": {"memory": "100Mi"}})))
            .object(stateful_set(1, one(app(json!({"resources": big})))))
            .says(&["mem-limit-range", "100Mi", "kubectl -n $NS rollout restart statefulset/web"])
            .lasts(25),
        Case::fails("stateful-set", "on-delete", "update-on-delete")
            .before(apply(on_delete(version("1", 2))))
            .before(rolled_out_by_hand(2))
            .object(on_delete(version("2", 2)))
            .says(&["OnDelete", "--allow-on-delete", "kubectl -n $NS delete pod web-0"])
            .lasts(15),
    ]
}

/// `kubectl rollout status` refuses the strategy `OnDelete`.
fn rolled_out_by_hand(replicas: u32) -> crate::case::Step {
    until("get sts web -o jsonpath=ready:{.status.readyReplicas}", &format!("ready:{replicas}"))
}

fn waits(reason: &str) -> crate::case::Step {
    until("get pod web-0 -o jsonpath={.status.containerStatuses[*].state.waiting.reason}", reason)
}

fn stuck() -> Vec<Case> {
    vec![
        // The correction is applied, and does not reach the broken pod.
        Case::fails("stateful-set", "old-pod-blocking", "old-pod-blocking")
            .before(apply(image_missing(2)))
            .before(waits("ImagePullBackOff"))
            .object(version("2", 2))
            .says(&["pod web-0 of an older revision", "kubectl -n $NS delete pod web-0"])
            .field("/targets/0/replicas/updated", 0)
            .lasts(80),
        Case::passes("stateful-set", "old-pod-deleted-near-miss")
            .before(apply(image_missing(2)))
            .before(waits("ImagePullBackOff"))
            .object(version("2", 2))
            .args("--patience 4")
            .once("old-pod-blocking", kubectl("delete pod web-0 --wait=false"))
            .field("/targets/0/replicas/available", 2)
            .lasts(50),
        // In parallel the controller replaces the broken pods of its own accord.
        Case::passes("stateful-set", "parallel-after-a-broken-revision-near-miss")
            .before(apply(with_spec(image_missing(2), json!({"podManagementPolicy": "Parallel"}))))
            .before(waits("ImagePullBackOff"))
            .object(with_spec(version("2", 2), json!({"podManagementPolicy": "Parallel"})))
            .field("/targets/0/replicas/available", 2)
            .lasts(50),
    ]
}

fn healthy() -> Vec<Case> {
    vec![
        Case::passes("stateful-set", "update-near-miss")
            .before(apply(version("1", 2)))
            .before(rolled_out("sts/web"))
            .object(with_spec(version("2", 2), json!({"minReadySeconds": 3})))
            .field("/targets/0/replicas/available", 2)
            .field("/targets/0/replicas/old", 0)
            .lasts(50),
        Case::passes("stateful-set", "ordinals-from-5-near-miss")
            .object(with_spec(version("1", 2), json!({"ordinals": {"start": 5}})))
            .field("/targets/0/replicas/available", 2)
            .lasts(30),
        Case::passes("stateful-set", "partition-near-miss")
            .before(apply(version("1", 3)))
            .before(rolled_out("sts/web"))
            .object(partitioned(version("2", 3), 2))
            .says(&["partitioned", "2 of 3 pods keep the older template"])
            .field("/targets/0/replicas/updated", 1)
            .lasts(50),
        Case::passes("stateful-set", "partition-above-every-ordinal-near-miss")
            .before(apply(version("1", 1)))
            .before(rolled_out("sts/web"))
            .object(partitioned(version("2", 1), 9))
            .says(&["partitioned", "nothing is updated"])
            .field("/targets/0/replicas/updated", 0)
            .lasts(20),
        Case::passes("stateful-set", "on-delete-allowed-near-miss")
            .before(apply(on_delete(version("1", 2))))
            .before(rolled_out_by_hand(2))
            .object(on_delete(version("2", 2)))
            .args("--allow-on-delete")
            .says(&["update-on-delete"])
            .lasts(20),
        // Nothing of an older template is there.
        Case::passes("stateful-set", "on-delete-from-the-start-near-miss")
            .object(on_delete(version("1", 2)))
            .field("/targets/0/replicas/updated", 2)
            .lasts(30),
        Case::passes("stateful-set", "scaled-down-near-miss")
            .before(apply(version("1", 3)))
            .before(rolled_out("sts/web"))
            .object(version("1", 1))
            .field("/targets/0/replicas/available", 1)
            .lasts(40),
        Case::passes("stateful-set", "scaled-to-zero-near-miss")
            .object(version("1", 0))
            .says(&["zero-replicas"])
            .lasts(5),
        Case::ends("stateful-set", "superseded", 6, "superseded", "rollout-superseded")
            .object(image_missing(1))
            .once("updated replicas available", apply(version("2", 1)))
            .lasts(12),
    ]
}
