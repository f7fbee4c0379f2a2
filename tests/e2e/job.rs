//! Jobs: done, retried, given up, suspended, gone.

use serde_json::{Value, json};

use crate::case::{Case, apply, kubectl, until};
use crate::manifest::{app, job, one, ready, server, shell, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = failures();
    cases.extend(more_failures());
    cases.extend(healthy());
    cases.extend(other_ends());
    cases.into_iter().map(|case| case.target("job/web")).collect()
}

/// A Job of one container that runs a script; its pods are not restarted.
fn script(script: &str, fields: Value) -> Value {
    with_spec(job("Never", one(app(json!({"command": shell(script)})))), fields)
}

fn failures() -> Vec<Case> {
    vec![
        Case::fails("job", "exit-code-with-log", "job-failed")
            .object(script("echo no such table: orders; exit 3", json!({"backoffLimit": 0})))
            .says(&["backoffLimit of 0", "exit code 3", "no such table: orders", "kubectl -n $NS delete job/web"])
            .field("/targets/0/kind", "Job")
            .lasts(10),
        Case::fails("job", "backoff-limit-used-up", "job-failed")
            .object(script("echo boom; exit 1", json!({"backoffLimit": 1})))
            .says(&["backoffLimit of 1", "ended 2 times", "boom"])
            .lasts(30),
        Case::fails("job", "pod-failure-policy", "job-failed")
            .object(script("exit 42", json!({"podFailurePolicy": {"rules": [
                {"action": "FailJob", "onExitCodes": {"containerName": "app", "operator": "In", "values": [42]}}]}})))
            .says(&["by its podFailurePolicy", "exit code 42"])
            .lasts(10),
        Case::fails("job", "deadline", "job-failed")
            .object(script("sleep 600", json!({"activeDeadlineSeconds": 6})))
            .says(&["activeDeadlineSeconds of 6"])
            .lasts(15),
        Case::fails("job", "index-failing", "job-failed")
            .object(script(
                "test $JOB_COMPLETION_INDEX != 1 || exit 7",
                json!({"completionMode": "Indexed", "completions": 3, "parallelism": 3,
                    "backoffLimitPerIndex": 0}),
            ))
            .says(&["its indexes 1 failed for good", "exit code 7"])
            .lasts(15),
    ]
}

fn more_failures() -> Vec<Case> {
    let hungry = app(json!({
        "command": shell("exec dd if=/dev/zero of=/dev/null bs=300M"),
        "resources": {"limits": {"memory": "96Mi"}},
    }));
    let command = app(json!({"command": ["/not/there"]}));
    vec![
        Case::fails("job", "image-missing", "image-not-found")
            .object(job("Never", one(app(json!({"image": "$REGISTRY/busy:none"})))))
            .says(&["$REGISTRY/busy:none", "kubectl -n $NS delete job/web"])
            .never_says(&["set image", "nothing serves"])
            .lasts(45),
        // Six retries would take ten minutes, and none of them would find the command.
        Case::fails("job", "command-not-found", "command-not-found")
            .object(job("OnFailure", one(command)))
            .says(&["/not/there"])
            .lasts(30),
        Case::fails("job", "out-of-memory", "memory-limit-exceeded")
            .object(with_spec(job("Never", one(hungry)), json!({"backoffLimit": 0})))
            .says(&["96Mi"])
            .lasts(15),
        Case::fails("job", "suspended", "job-suspended")
            .object(script("true", json!({"suspend": true})))
            .says(&["is suspended", r#"kubectl -n $NS patch job/web -p '{"spec":{"suspend":false}}'"#])
            .lasts(5),
        Case::fails("job", "deleted-meanwhile", "target-deleted")
            .object(script("sleep 600", json!({})))
            .once("job/web:", kubectl("delete job web --wait=false"))
            .lasts(15),
    ]
}

fn healthy() -> Vec<Case> {
    let state = json!({"containers": [app(json!({
            "command": shell("test -e /state/tried && exit 0; touch /state/tried; echo first try; exit 1"),
            "volumeMounts": [{"name": "state", "mountPath": "/state"}],
        }))],
        "volumes": [{"name": "state", "emptyDir": {}}]});
    let never_ready = server(json!({
        "command": shell("sleep 20"),
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
    }));
    vec![
        Case::passes("job", "done-near-miss")
            .object(script("sleep 2", json!({"backoffLimit": 0})))
            .field("/targets/0/summary", "1 of 1 completions")
            .never_warns(&["no-readiness-probe"])
            .lasts(8),
        Case::passes("job", "retried-near-miss")
            .object(with_spec(job("OnFailure", state), json!({"backoffLimit": 3})))
            .lasts(15),
        Case::passes("job", "ttl-of-0-near-miss")
            .object(script("sleep 4", json!({"ttlSecondsAfterFinished": 0})))
            .lasts(10),
        Case::passes("job", "resumed-near-miss")
            .before(apply(script("sleep 4", json!({"suspend": true}))))
            .before(until("get job web -o jsonpath={.status.conditions[*].type}", "Suspended"))
            .before(kubectl("patch job web -p {\"spec\":{\"suspend\":false}}"))
            .lasts(10),
        Case::passes("job", "never-ready-near-miss").object(job("Never", one(never_ready))).lasts(28),
        Case::passes("job", "done-long-ago-near-miss")
            .before(apply(script("true", json!({}))))
            .before(kubectl("wait job/web --for=condition=complete --timeout=60s"))
            .never_says(&["to have run for"])
            .lasts(8),
        Case::passes("job", "success-policy-near-miss")
            .object(script(
                "test $JOB_COMPLETION_INDEX = 0 || sleep 600",
                json!({"completionMode": "Indexed", "completions": 2, "parallelism": 2,
                    "successPolicy": {"rules": [{"succeededIndexes": "0"}]}}),
            ))
            .lasts(10),
        Case::passes("job", "work-queue-near-miss")
            .object(script("sleep 2", json!({"parallelism": 2, "completions": null})))
            .lasts(10),
    ]
}

fn other_ends() -> Vec<Case> {
    vec![
        Case::ends("job", "timeout-while-running", 3, "timed-out", "progressing")
            .object(job("Never", one(server(json!({"readinessProbe": ready()})))))
            .timeout(8)
            .says(&["its pod to succeed"])
            .lasts(10),
        Case::ends("job", "not-found", 2, "indeterminate", "not-found")
            .says(&["there is no Job web in namespace $NS"])
            .lasts(3),
    ]
}
