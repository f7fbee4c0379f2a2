//! Reason 5: a LimitRange refuses the pods.

use serde_json::{Value, json};

use crate::case::{Case, apply};
use crate::manifest::{app, container, deployment, limit_range, one};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = refused();
    cases.extend(healthy());
    cases
}

fn gateway(resources: Value) -> Value {
    deployment("gateway", 1, one(app(json!({ "resources": resources }))))
}

/// What every refusal must say: where the rule stands, the three options, and how to be tried again.
const OPTIONS: &[&str] = &[
    "mem-limit-range",
    "$NS",
    "kubectl -n $NS edit limitrange mem-limit-range",
    "kubectl -n $NS rollout restart deployment/gateway",
];

fn case(name: &'static str, code: &'static str, item: Value, deployment: Value) -> Case {
    Case::fails("limits", name, code)
        .target("deploy/gateway")
        .object(limit_range(item))
        .object(deployment)
        .says(OPTIONS)
        .field("/targets/0/replicas/updated", 0)
        .lasts(30)
}

fn refused() -> Vec<Case> {
    let max = json!({"type": "Container", "max": {"memory": "100Mi"}});
    let five = json!({"requests": {"memory": "5Gi"}});
    let explicit = json!({"requests": {"memory": "5Gi"}, "limits": {"memory": "5Gi"}});
    let small = json!({"requests": {"memory": "16Mi"}, "limits": {"memory": "80Mi"}});
    let bursty = json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "400m"}});
    let default = json!({"type": "Container", "default": {"memory": "64Mi"}});
    let half = json!({"requests": {"memory": "80Mi"}, "limits": {"memory": "80Mi"}});
    vec![
        // The article's own example, in today's words: the maximum has become the default limit.
        case(
            "request-above-default-limit",
            "limit-range-default-conflict",
            max.clone(),
            gateway(five.clone()),
        )
        .says(&["5Gi", "100Mi", "51"]),
        // And in the article's: the template has a limit of its own.
        case("above-maximum", "limit-range-exceeded", max, gateway(explicit)).says(&["5Gi", "100Mi", "51"]),
        case(
            "below-minimum",
            "limit-range-exceeded",
            json!({"type": "Container", "min": {"memory": "64Mi"}}),
            gateway(small),
        )
        .says(&["64Mi", "16Mi", "minimum"]),
        case(
            "ratio",
            "limit-range-exceeded",
            json!({"type": "Container", "maxLimitRequestRatio": {"cpu": "2"}}),
            gateway(bursty),
        )
        .says(&["400m", "100m", "ratio"]),
        case(
            "per-pod",
            "limit-range-exceeded",
            json!({"type": "Pod", "max": {"memory": "100Mi"}}),
            deployment(
                "gateway",
                1,
                json!({"containers": [
                    app(json!({"resources": half.clone()})),
                    container("proxy", json!({"resources": half})),
                ]}),
            ),
        )
        .says(&["160Mi", "100Mi", "80Mi"]),
        case("default-below-request", "limit-range-default-conflict", default, gateway(five))
            .says(&["5Gi", "64Mi"]),
    ]
}

fn healthy() -> Vec<Case> {
    let max = |memory: &str| limit_range(json!({"type": "Container", "max": {"memory": memory}}));
    let passes = |name| Case::passes("limits", name).target("deploy/gateway").lasts(25);
    vec![
        passes("within-maximum-near-miss")
            .object(max("100Mi"))
            .object(gateway(json!({"requests": {"memory": "32Mi"}}))),
        // Raised within the tolerance, and before the controller's delay between two tries has grown long.
        passes("raised-late-near-miss")
            .object(max("100Mi"))
            .object(gateway(json!({"requests": {"memory": "120Mi"}})))
            .once("limit-range-default-conflict", apply(max("200Mi")))
            .args("--patience 4")
            .lasts(40),
        // The default is corrected, and the controller has not tried again yet: that is no failure.
        passes("default-corrected-late-near-miss")
            .object(limit_range(json!({"type": "Container", "default": {"memory": "64Mi"}})))
            .object(gateway(json!({"requests": {"memory": "120Mi"}})))
            .args("--patience 4")
            .at(6, apply(limit_range(json!({"type": "Container", "default": {"memory": "200Mi"}}))))
            .timeout(240)
            .lasts(60),
        passes("defaults-filled-in-near-miss")
            .object(limit_range(json!({
                "type": "Container", "default": {"memory": "64Mi"}, "defaultRequest": {"memory": "16Mi"},
            })))
            .object(gateway(json!({}))),
    ]
}
