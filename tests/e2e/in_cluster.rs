//! Every kind of target judged by a Job of our own image, with the printed Role and nothing more.

use serde_json::json;

use crate::case::{Case, Need};
use crate::manifest::{app, daemon_set, limit_range, one, ready, server, shell, stateful_set, web};

const FAMILY: &str = "in-cluster";

pub(crate) fn cases() -> Vec<Case> {
    let serving = || one(server(json!({"readinessProbe": ready()})));
    let missing = || one(app(json!({"image": "$REGISTRY/busy:none"})));
    let cases = vec![
        Case::passes(FAMILY, "deployment").object(web(serving())),
        Case::fails(FAMILY, "deployment-image-missing", "image-not-found")
            .object(web(missing()))
            .says(&["deployment/web failed after ", "image $REGISTRY/busy:none does not exist"]),
        // The log is read with `get pods/log`.
        Case::fails(FAMILY, "deployment-crashing", "container-crashing")
            .object(web(one(app(json!({"command": shell("echo no such host; exit 1")})))))
            .says(&["no such host"]),
        // That the ConfigMap is not there is known from `get configmaps`.
        Case::fails(FAMILY, "deployment-config-map-missing", "config-map-missing")
            .object(web(one(app(json!({"envFrom": [{"configMapRef": {"name": "web-env"}}]})))))
            .says(&["web-env"]),
        // The LimitRange is read, and no pod ever is.
        Case::fails(FAMILY, "deployment-above-limit-range", "limit-range-exceeded")
            .object(limit_range(json!({"type": "Container", "max": {"memory": "64Mi"}})))
            .object(web(one(app(
                json!({"resources": {"requests": {"memory": "128Mi"}, "limits": {"memory": "128Mi"}}}),
            ))))
            .says(&["64Mi"]),
        Case::passes(FAMILY, "stateful-set").target("sts/web").object(stateful_set(2, serving())),
        Case::fails(FAMILY, "stateful-set-image-missing", "image-not-found")
            .target("sts/web")
            .object(stateful_set(1, missing()))
            .says(&["statefulset/web failed after "]),
        Case::passes(FAMILY, "daemon-set").target("ds/web").object(daemon_set(serving())),
        Case::fails(FAMILY, "daemon-set-image-missing", "image-not-found")
            .target("ds/web")
            .object(daemon_set(missing()))
            .says(&["daemonset/web failed after "]),
    ];
    cases.into_iter().map(|case| case.inside().needs(Need::ClusterProgram).lasts(60)).collect()
}
