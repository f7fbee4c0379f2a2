//! Reason 6: a ResourceQuota refuses the pods.

use serde_json::{Value, json};

use crate::case::{Case, apply, kubectl, rolled_out, until};
use crate::manifest::{app, deployment, one, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = refused();
    cases.extend(healthy());
    cases
}

/// ResourceQuota `team`.
fn quota(hard: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"}, "spec": {"hard": hard}})
}

/// That quota is there and counted: what is made before its controller has counted is admitted or refused by chance.
fn under(case: Case, hard: Value) -> Case {
    case.before(apply(quota(hard))).before(until("get resourcequota team -o jsonpath={.status.used}", "{"))
}

/// Pods that ask for that much memory, of a version.
fn asking(version: &str, memory: &str, replicas: u32) -> Value {
    let container = app(json!({
        "env": [{"name": "VERSION", "value": version}],
        "resources": {"requests": {"memory": memory}},
    }));
    deployment("web", replicas, one(container))
}

fn rolling(version: &str, max_surge: u32, max_unavailable: u32) -> Value {
    let update = json!({"maxSurge": max_surge, "maxUnavailable": max_unavailable});
    with_spec(
        asking(version, "32Mi", 3),
        json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": update}}),
    )
}

fn refused() -> Vec<Case> {
    let fails = |name, code| Case::fails("quota", name, code).says(&["ResourceQuota team", "$NS"]);
    vec![
        under(fails("memory-full", "quota-exceeded"), json!({"requests.memory": "100Mi"}))
            .object(asking("1", "64Mi", 3))
            .says(&[
                "64Mi",
                "36Mi of 100Mi are free",
                "kubectl -n $NS set resources deployment/web -c app --requests=memory=33Mi",
                "kubectl -n $NS scale deployment/web --replicas=1",
            ])
            .lasts(40),
        // Somebody else holds it.
        under(fails("held-by-others", "quota-exceeded"), json!({"requests.memory": "100Mi"}))
            .before(apply(others()))
            .before(rolled_out("deploy/big"))
            .object(asking("1", "64Mi", 1))
            .says(&["64Mi of 100Mi: 64Mi by 2 pods of Deployment big"])
            .lasts(40),
        under(fails("replica-sets-full", "quota-exceeded"), json!({"count/replicasets.apps": "0"}))
            .object(asking("1", "16Mi", 1))
            .says(&["count/replicasets.apps", "revisionHistoryLimit"])
            .lasts(40),
        under(
            fails("limits-not-given", "quota-requires-resources"),
            json!({"limits.cpu": "1", "limits.memory": "1Gi"}),
        )
        .object(asking("1", "16Mi", 1))
        .says(&["container app has no limits.cpu and no limits.memory", "--limits=cpu="])
        .lasts(25),
        // Three old pods hold the quota, and 25 % of three is rounded down to none.
        under(fails("surge-deadlock", "quota-surge-deadlock"), json!({"requests.memory": "100Mi"}))
            .before(apply(asking("1", "32Mi", 3)))
            .before(rolled_out("deploy/web"))
            .object(asking("2", "32Mi", 3))
            .says(&["the rollout blocks itself", "3 old pods", r#""maxSurge":0,"maxUnavailable":1"#])
            .field("/targets/0/impact/oldPodsReady", 3)
            .lasts(50),
    ]
}

/// Two pods that ask for 64Mi together.
fn others() -> Value {
    let container = app(json!({"resources": {"requests": {"memory": "32Mi"}}}));
    deployment("big", 2, one(container))
}

fn healthy() -> Vec<Case> {
    let passes = |name, hard| under(Case::passes("quota", name), hard).lasts(35);
    let full = |name| passes(name, json!({"requests.memory": "100Mi", "pods": "3"}));
    vec![
        passes("within-quota-near-miss", json!({"requests.memory": "200Mi", "pods": "5"}))
            .object(asking("1", "32Mi", 2)),
        // The quota is full all the while, and old pods go first.
        full("old-pods-first-near-miss")
            .before(apply(rolling("1", 0, 1)))
            .before(rolled_out("deploy/web"))
            .object(rolling("2", 0, 1))
            .lasts(50),
        full("recreated-at-full-quota-near-miss")
            .before(apply(asking("1", "32Mi", 3)))
            .before(rolled_out("deploy/web"))
            .object(with_spec(
                asking("2", "32Mi", 3),
                json!({"strategy": {"type": "Recreate", "rollingUpdate": null}}),
            )),
        // Each change of a pod is a failed try too, so the delay between two tries may have grown past any
        // tolerance: a touch of the ReplicaSet makes it try at once.
        passes("raised-late-near-miss", json!({"requests.memory": "64Mi"}))
            .object(asking("1", "32Mi", 3))
            .args("--patience 4")
            .once("quota-exceeded", apply(quota(json!({"requests.memory": "200Mi"}))))
            .at(0, kubectl("annotate replicasets --all touched=yes"))
            .lasts(45),
        // The quota has room long before the controller tries again: at about 41 s by itself.
        passes("raised-before-the-next-try-near-miss", json!({"requests.memory": "16Mi"}))
            .object(asking("1", "32Mi", 1))
            .at(25, apply(quota(json!({"requests.memory": "200Mi"}))))
            .at(75, kubectl("annotate replicasets --all touched=yes"))
            .lasts(80),
    ]
}
