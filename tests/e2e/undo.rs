//! The way back after a failed rollout, and what blocks it.

use serde_json::{Value, json};

use crate::case::{Case, apply, rolled_out, until};
use crate::manifest::{
    annotated, app, daemon_set, labelled, one, ready, server, shell, stateful_set, web, with_spec,
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = ways_back();
    cases.extend(refusals());
    cases
}

fn good() -> Value {
    server(json!({"readinessProbe": ready()}))
}

fn crashing() -> Value {
    app(json!({"command": shell("echo no disk; exit 3")}))
}

/// A workload that serves, and then is given a container that crashes.
fn broken_after(case: Case, target: &str, workload: impl Fn(Value) -> Value) -> Case {
    case.before(apply(workload(good()))).before(rolled_out(target)).object(workload(crashing())).lasts(75)
}

fn ways_back() -> Vec<Case> {
    let daemons = |container| {
        with_spec(daemon_set(one(container)), json!({"updateStrategy": {"type": "RollingUpdate"}}))
    };
    vec![
        broken_after(Case::fails("undo", "deployment", "container-crashing"), "deploy/web", |c| web(one(c)))
            .args("--undo-on-failure --patience 0.5")
            .says(&["undo: went back to revision 1 (image $REGISTRY/busy:1): 1 of 1 replicas updated and available"])
            .field("/targets/0/undo/outcome", "complete")
            .field("/targets/0/undo/revision", 1)
.never_says(&["rollout undo"])
            .after(until("get deploy web -o jsonpath={.spec.template.spec.containers[0].command[0]}", "httpd")),
        broken_after(Case::fails("undo", "daemon-set", "container-crashing"), "ds/web", daemons)
            .target("ds/web")
            .args("--undo-on-failure")
            .field("/targets/0/undo/outcome", "complete")
            .after(rolled_out("ds/web")),
        // OrderedReady never replaces a pod that is not ready, and the report says so.
        Case::fails("undo", "stateful-set-blocked", "image-not-found")
            .target("sts/web")
            .args("--undo-on-failure")
            .before(apply(stateful_set(1, one(good()))))
            .before(rolled_out("sts/web"))
            .object(stateful_set(1, one(app(json!({"image": "$REGISTRY/busy:none"})))))
            .says(&["undo: failed as well on the way back to revision 1", "pod web-0"])
            .field("/targets/0/undo/outcome", "failed")
            .lasts(110),
        broken_after(Case::fails("undo", "stateful-set", "container-crashing"), "sts/web", |c| {
            with_spec(stateful_set(1, one(c)), json!({"podManagementPolicy": "Parallel"}))
        })
        .target("sts/web")
        .args("--undo-on-failure --tolerate-restarts 0")
        .field("/targets/0/undo/revision", 1)
        .after(until("get sts web -o jsonpath={.spec.template.spec.containers[0].command[0]}", "httpd"))
        .lasts(90),
        broken_after(Case::ends("undo", "dry-run", 3, "timed-out", "container-crashing"), "deploy/web", |c| web(one(c)))
            .args("--undo-on-failure=dry-run")
            .timeout(15)
            .says(&["undo: would go back to revision 1 (image $REGISTRY/busy:1)"])
            .field("/targets/0/undo/outcome", "dry-run")
            .after(until("get deploy web -o jsonpath={.spec.template.spec.containers[0].command[0]}", "sh")),
    ]
}

fn refusals() -> Vec<Case> {
    let owned =
        |container| labelled(web(one(container)), json!({"kustomize.toolkit.fluxcd.io/name": "shop"}));
    vec![
        Case::fails("undo", "nothing-earlier", "container-crashing")
            .args("--undo-on-failure --tolerate-restarts 0")
            .object(web(one(crashing())))
            .says(&["undo: not done: there is no earlier revision to go back to"])
            .field("/targets/0/undo/outcome", "refused")
            .lasts(15),
        broken_after(Case::fails("undo", "owned-by-flux", "container-crashing"), "deploy/web", owned)
            .args("--undo-on-failure --tolerate-restarts 0")
            .says(&["undo: not done: Flux owns it (label kustomize.toolkit.fluxcd.io/name)"])
            .field("/targets/0/undo/outcome", "refused")
            .after(until("get deploy web -o jsonpath={.spec.template.spec.containers[0].command[0]}", "sh"))
            .lasts(30),
        broken_after(Case::fails("undo", "made-by-helm", "container-crashing"), "deploy/web", |c| {
            annotated(web(one(c)), json!({"meta.helm.sh/release-name": "shop"}))
        })
        .args("--undo-on-failure --tolerate-restarts 0")
        .says(&["note: Helm does not know of it", "helm rollback shop"])
        .field("/targets/0/undo/outcome", "complete")
        .lasts(45),
    ]
}
