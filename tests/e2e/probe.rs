//! Reason 4: probes fail.

use serde_json::{Value, json};

use crate::case::{Case, Step, until};
use crate::manifest::{one, ready, server, shell, web};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = kills();
    cases.extend(never_ready());
    cases.extend(healthy());
    cases
}

/// A web server whose container has these fields.
fn serving(fields: Value) -> Value {
    web(one(server(fields)))
}

/// Starts to serve after so many seconds.
fn slow(seconds: u32) -> Value {
    shell(&format!("echo migrating; sleep {seconds}; echo listening on 8080; exec httpd -f -p 8080 -h /www"))
}

fn kills() -> Vec<Case> {
    vec![
        // Complete for kubectl, and for ever Ready, because nothing else asks the container.
        Case::fails("probe", "liveness-404", "liveness-probe-failing")
            .object(serving(json!({
                "livenessProbe": {
                    "httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 2, "failureThreshold": 2,
                },
            })))
            .says(&["/health", "404", "8080"])
            .lasts(30),
        Case::fails("probe", "liveness-and-readiness-404", "liveness-probe-failing")
            .object(serving(json!({
                "livenessProbe": {
                    "httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 2, "failureThreshold": 2,
                },
                "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 2},
            })))
            .says(&["/health", "404"])
            .lasts(30),
        Case::fails("probe", "startup-budget-too-small", "startup-probe-failing")
            .object(serving(json!({
                "command": slow(40),
                "startupProbe": {
                    "httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 2, "failureThreshold": 4,
                },
            })))
            .says(&["/healthz", "8080", "8s", "failureThreshold"])
            .lasts(40),
    ]
}

fn never_ready() -> Vec<Case> {
    vec![
        Case::fails("probe", "readiness-on-wrong-port", "readiness-probe-failing")
            .object(serving(json!({
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8081}, "periodSeconds": 1},
            })))
            .says(&["8081", "/healthz", "8080", "refused"])
            .lasts(80),
        Case::fails("probe", "readiness-404", "readiness-probe-failing")
            .object(serving(json!({
                "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
            })))
            .says(&["/readyz", "404"])
            .lasts(80),
        Case::fails("probe", "named-port-misspelt", "probe-misconfigured")
            .object(serving(json!({
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "htpp"}, "periodSeconds": 1},
            })))
            .says(&["htpp", "http"])
            .lasts(25),
        Case::fails("probe", "exec-command-absent", "probe-misconfigured")
            .object(serving(json!({
                "readinessProbe": {
                    "exec": {"command": ["curl", "-f", "http://localhost:8080/healthz"]}, "periodSeconds": 1,
                },
            })))
            .says(&["curl"])
            .lasts(25),
        // A script answers after three seconds, and nobody waits longer than one.
        Case::fails("probe", "too-slow", "readiness-probe-failing")
            .object(serving(json!({
                "command": shell(SLOW_ANSWERS),
                "readinessProbe": {
                    "httpGet": {"path": "/cgi-bin/ready", "port": 8080}, "periodSeconds": 2, "timeoutSeconds": 1,
                },
            })))
            .says(&["/cgi-bin/ready", "timeoutSeconds 1"])
            .lasts(90),
        Case::fails("probe", "flapping", "readiness-flapping")
            .object(serving(json!({
                "readinessProbe": {
                    "exec": {"command": ["sh", "-c", "[ $(( $(date +%s) / 5 % 2 )) = 0 ]"]},
                    "periodSeconds": 1, "failureThreshold": 1,
                },
            })))
            .says(&["ready"])
            .lasts(40),
        // Five minutes are a while; a tenth of them are enough to show it.
        Case::fails("probe", "readiness-gate-closed", "readiness-gate-closed")
            .object(gated())
            .args("--patience 0.05")
            .says(&["readiness gate example.com/open is closed", "spec.template.spec.readinessGates"])
            .lasts(30),
    ]
}

/// Ready only once somebody says so.
fn gated() -> Value {
    let mut spec = one(server(json!({"readinessProbe": ready()})));
    if let Some(spec) = spec.as_object_mut() {
        spec.insert("readinessGates".to_owned(), json!([{"conditionType": "example.com/open"}]));
    }
    web(spec)
}

const SLOW_ANSWERS: &str = "mkdir -p /tmp/www/cgi-bin
    printf '#!/bin/sh\\nsleep 3\\nprintf \"Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nok\"\\n' >/tmp/www/cgi-bin/ready
    chmod +x /tmp/www/cgi-bin/ready
    exec httpd -f -p 8080 -h /tmp/www";

/// Whether the containers of the only pod are ready.
const CONTAINERS_READY: &str =
    "get pods -l app=web -o jsonpath={.items[*].status.conditions[?(@.type=='ContainersReady')].status}";

fn healthy() -> Vec<Case> {
    vec![
        Case::passes("probe", "slow-within-budget-near-miss")
            .object(serving(json!({
                "command": slow(12),
                "startupProbe": {
                    "httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1, "failureThreshold": 25,
                },
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 2},
                "readinessProbe": ready(),
            })))
            .lasts(35),
        Case::passes("probe", "slow-readiness-near-miss")
            .object(serving(json!({"command": slow(15), "readinessProbe": ready()})))
            .lasts(35),
        Case::passes("probe", "liveness-fails-once-near-miss")
            .object(serving(json!({
                "livenessProbe": {
                    "exec": {"command": ["sh", "-c", "[ -e /tmp/seen ] || { touch /tmp/seen; exit 1; }"]},
                    "periodSeconds": 2, "failureThreshold": 3,
                },
                "readinessProbe": ready(),
            })))
            .lasts(30),
        // What errs is thrown away: it never kills.
        Case::passes("probe", "liveness-command-absent-near-miss")
            .object(serving(json!({
                "livenessProbe": {"exec": {"command": ["curl", "-f", "localhost:8080"]}, "periodSeconds": 2},
                "readinessProbe": ready(),
            })))
            .lasts(25),
        // Whoever opens the gate takes a moment.
        Case::passes("probe", "readiness-gate-opened-near-miss")
            .object(gated())
            .at(1, until(CONTAINERS_READY, "True"))
            .at(2, Step::Open("example.com/open".to_owned()))
            .lasts(30),
        Case::passes("probe", "named-port-near-miss")
            .object(serving(json!({
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 1},
                "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 2},
            })))
            .lasts(25),
    ]
}
