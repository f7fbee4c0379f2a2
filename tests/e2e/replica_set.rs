//! ReplicaSets that no Deployment owns.

use serde_json::{Value, json};

use crate::case::{Case, apply, kubectl, until};
use crate::manifest::{app, one, pod_quota, ready, replica_set, server};

pub(crate) fn cases() -> Vec<Case> {
    let missing = replica_set(1, one(app(json!({"image": "$REGISTRY/busy:none"}))));
    let cases = vec![
        Case::passes("replica-set", "healthy-near-miss")
            .object(serving(2))
            .field("/targets/0/kind", "ReplicaSet")
            .field("/targets/0/replicas/available", 2)
            .lasts(25),
        Case::fails("replica-set", "image-missing", "image-not-found")
            .object(missing)
            .says(&["$REGISTRY/busy:none"])
            .lasts(45),
        Case::fails("replica-set", "quota-exceeded", "quota-exceeded")
            .before(apply(pod_quota(1)))
            .before(until("get quota pods -o jsonpath={.status.used.pods}", "0"))
            .object(serving(2))
            .says(&["1 of 2"])
            .lasts(50),
        Case::passes("replica-set", "scaled-up-near-miss")
            .before(apply(serving(1)))
            .before(until("get rs web -o jsonpath=ready:{.status.readyReplicas}", "ready:1"))
            .before(kubectl("scale rs web --replicas=2"))
            .field("/targets/0/replicas/available", 2)
            .lasts(30),
        // A new template in it reaches no pod.
        Case::passes("replica-set", "template-changed-near-miss")
            .before(apply(serving(1)))
            .before(until("get rs web -o jsonpath=ready:{.status.readyReplicas}", "ready:1"))
            .before(kubectl("set image rs/web app=$REGISTRY/busy:2"))
            .says(&["template-not-rolled"])
            .lasts(30),
    ];
    cases.into_iter().map(|case| case.target("rs/web")).collect()
}

fn serving(replicas: u32) -> Value {
    replica_set(replicas, one(server(json!({"readinessProbe": ready()}))))
}
