//! Pods by themselves: to stay, to end, to open a gate.

use serde_json::{Value, json};

use crate::case::{Case, kubectl};
use crate::manifest::{app, one, pod, ready, server, shell};

pub(crate) fn cases() -> Vec<Case> {
    let ending = |script: &str| pod("Never", one(app(json!({"command": shell(script)}))));
    let cases = vec![
        Case::passes("pod", "serving-near-miss")
            .object(pod("Always", one(server(json!({"readinessProbe": ready()})))))
            .field("/targets/0/summary", "it is ready")
            .lasts(20),
        Case::passes("pod", "ended-well-near-miss")
            .object(ending("sleep 3"))
            .field("/targets/0/summary", "it ended well")
            .lasts(10),
        Case::fails("pod", "exit-code-with-log", "pod-failed")
            .object(ending("echo cannot open /data; exit 5"))
            .says(&["exit code 5", "cannot open /data", "kubectl -n $NS delete pod/web"])
            .lasts(10),
        Case::fails("pod", "image-missing", "image-not-found")
            .object(pod("Always", one(app(json!({"image": "$REGISTRY/busy:none"})))))
            .says(&["$REGISTRY/busy:none"])
            .lasts(45),
        Case::fails("pod", "crashing", "container-crashing")
            .object(pod("Always", one(app(json!({"command": shell("echo boom; exit 1")})))))
            .says(&["boom"])
            .lasts(45),
        Case::passes("pod", "gate-opened-near-miss")
            .object(gated())
            .once("readiness-gate-closed", kubectl("patch pod web --subresource=status --type=strategic -p {\"status\":{\"conditions\":[{\"type\":\"example.com/open\",\"status\":\"True\"}]}}"))
            .lasts(25),
        Case::ends("pod", "gate-closed", 3, "timed-out", "readiness-gate-closed")
            .object(gated())
            .names("readiness-gate-closed")
            .timeout(20)
            .says(&["readiness gate example.com/open is closed: its condition is not there"])
            .lasts(22),
    ];
    cases.into_iter().map(|case| case.target("pod/web")).collect()
}

/// Ready only once somebody says so.
fn gated() -> Value {
    let mut spec = one(server(json!({"readinessProbe": ready()})));
    if let Some(spec) = spec.as_object_mut() {
        spec.insert("readinessGates".to_owned(), json!([{"conditionType": "example.com/open"}]));
    }
    pod("Always", spec)
}
