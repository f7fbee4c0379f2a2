//! A kind that this program has never heard of, and what its controller writes, played by hand.

use serde_json::{Value, json};

use crate::case::{Case, Step, apply, kubectl, until};
use crate::manifest::{app, one};

/// A kind of the suite's own. It is the same for every run, so that runs beside each other share it.
fn definition() -> Value {
    let anything = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.rollout-guard.test"},
        "spec": {
            "group": "rollout-guard.test",
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "shortNames": ["wdg"]},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": anything, "status": anything}}},
                "subresources": {"status": {}}}],
        },
    })
}

pub(crate) fn widget(spec: Value) -> Value {
    json!({"apiVersion": "rollout-guard.test/v1", "kind": "Widget", "metadata": {"name": "web"}, "spec": spec})
}

/// What the controller of the widget writes.
pub(crate) fn writes(status: Value) -> Step {
    let patch = json!({ "status": status }).to_string();
    kubectl(&format!("patch widget web --subresource=status --type=merge -p {patch}"))
}

pub(crate) fn condition(kind: &str, status: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": "Because", "message": message,
        "lastTransitionTime": "2026-11-24T10:00:00Z"})
}

pub(crate) fn with_kind(case: Case) -> Case {
    case.before(apply(definition()))
        .before(until(
            "get crd widgets.rollout-guard.test -o jsonpath={.status.conditions[*].type}",
            "Established",
        ))
        .before(until("get widgets", ""))
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = judged();
    cases.extend(not_judged());
    cases.into_iter().map(with_kind).collect()
}

fn judged() -> Vec<Case> {
    vec![
        Case::passes("custom", "ready-near-miss")
            .target("widget/web")
            .object(widget(json!({"size": 1})))
            .at(
                3,
                writes(
                    json!({"observedGeneration": 1, "conditions": [condition("Ready", "False", "growing")]}),
                ),
            )
            .at(
                6,
                writes(json!({"observedGeneration": 1, "conditions": [condition("Ready", "True", "grown")]})),
            )
            .field("/targets/0/kind", "Widget")
            .field("/targets/0/apiVersion", "rollout-guard.test/v1")
            .field("/targets/0/summary", "condition Ready is True")
            .lasts(12),
        // Its status is still about the spec before.
        Case::passes("custom", "older-generation-near-miss")
            .target("wdg.rollout-guard.test/web")
            .before(apply(definition()))
            .before(until("get widgets", ""))
            .before(apply(widget(json!({"size": 1}))))
            .before(writes(
                json!({"observedGeneration": 1, "conditions": [condition("Ready", "True", "grown")]}),
            ))
            .object(widget(json!({"size": 2})))
            .at(8, writes(json!({"observedGeneration": "2"})))
            .field("/targets/0/generation", 2)
            .lasts(14),
        Case::fails("custom", "stalled", "object-failed")
            .target("widgets.v1.rollout-guard.test/web")
            .object(widget(json!({})))
            .at(
                3,
                writes(json!({"conditions": [condition("Ready", "False", "x"),
                condition("Stalled", "True", "disk-full")]})),
            )
            .says(&["Widget web says that it has failed", "disk-full"])
            .lasts(25),
        // Conditions of its own, and what they mean said by the user.
        Case::passes("custom", "for-a-condition-near-miss")
            .target("widget/web")
            .args("--for condition=Frobnicated")
            .object(widget(json!({})))
            .at(
                3,
                writes(
                    json!({"observedGeneration": 1, "conditions": [condition("Frobnicated", "True", "yes"),
                condition("Stalled", "True", "on-purpose")]}),
                ),
            )
            .lasts(8),
        Case::passes("custom", "for-a-path-near-miss")
            .target("widget/web")
            .args("--for jsonpath={.status.parts[?(@.name==\"a\")].size}=3")
            .object(widget(json!({})))
            .at(3, writes(json!({"observedGeneration": 1, "parts": [{"name": "a", "size": 2}]})))
            .at(5, writes(json!({"parts": [{"name": "a", "size": 3}]})))
            .lasts(10),
        // Its pods are found by who owns them.
        Case::fails("custom", "image-missing-below-it", "image-not-found")
            .target("widget/web")
            .before(apply(definition()))
            .before(until("get widgets", ""))
            .before(apply(widget(json!({}))))
            .before(Step::Own {
                owner: "widget/web",
                object: crate::manifest::web(one(app(json!({"image": "$REGISTRY/busy:none"})))),
            })
            .before(writes(json!({"conditions": [condition("Ready", "False", "waiting")]})))
            .says(&["$REGISTRY/busy:none", "Correct it in Widget web"])
            .lasts(60),
    ]
}

fn not_judged() -> Vec<Case> {
    vec![
        Case::ends("custom", "unknown-shape", 4, "indeterminate", "not-judgeable")
            .target("widget/web")
            .object(widget(json!({})))
            .at(2, writes(json!({"conditions": [condition("Frobnicated", "True", "yes")]})))
            .says(&["its conditions are Frobnicated", "--for condition=NAME"])
            .lasts(40),
        Case::ends("custom", "timeout-while-not-ready", 3, "timed-out", "object-not-ready")
            .target("widget/web")
            .object(widget(json!({})))
            .at(2, writes(json!({"conditions": [condition("Ready", "False", "waits-for-DNS")]})))
            .timeout(25)
            .names("object-not-ready")
            .says(&["waits-for-DNS"])
            .lasts(12),
    ]
}
