//! Ways to point at workloads, and what a workload says of itself.

use serde_json::{Value, json};

use crate::case::{Case, Pipe, apply};
use crate::manifest::{
    annotated, app, container, daemon_set, deployment, labelled, one, pod, ready, secret, server, shell,
    stateful_set, web, with_spec,
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = pointing();
    cases.extend(policies());
    cases
}

fn serving() -> Value {
    server(json!({"readinessProbe": ready()}))
}

fn pointing() -> Vec<Case> {
    let crashing = stateful_set(1, one(app(json!({"command": shell("echo no disk; exit 3")}))));
    let same_name = json!([{"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "$NS", "uid": "0000-1111", "generation": 1}}]);
    let many = (0..40).map(|n| deployment(&format!("web-{n:02}"), 0, one(app(json!({})))));
    let many = many.fold(
        Case::passes("targets", "shared-streams").target("deploy/web-00").args("--all").others(39).lasts(10),
        Case::object,
    );
    vec![
        Case::fails("targets", "applied-json", "container-crashing")
            .target("sts/web")
            .pipe(Pipe::Apply("json"))
            .object(secret("db", &["password"]))
            .object(crashing)
            .object(web(one(serving())))
            .object(daemon_set(one(serving())))
            .others(2)
            .says(&["statefulset/web failed after", "deployment/web complete", "daemonset/web complete"])
            .field("/targets/0/generation", 1)
            .lasts(45),
        Case::passes("targets", "applied-names")
            .pipe(Pipe::Apply("name"))
            .object(secret("db", &["password"]))
            .object(web(one(serving())))
            .lasts(15),
        // A pod by itself is a rollout of its own.
        Case::fails("targets", "applied-pod", "pod-failed")
            .target("pod/web")
            .pipe(Pipe::Apply("json"))
            .object(secret("db", &["password"]))
            .object(pod("Never", one(app(json!({"command": shell("echo cannot migrate; exit 5")})))))
            .object(web(one(serving())))
            .others(1)
            .says(&["pod/web failed after", "cannot migrate", "deployment/web complete"])
            .lasts(25),
        // A kind of one's own is left out unless it is asked for.
        crate::custom::with_kind(Case::passes("targets", "applied-kind-included"))
            .target("widget/web")
            .pipe(Pipe::Apply("json"))
            .object(crate::custom::widget(json!({"size": 1})))
            .object(web(one(serving())))
            .args("--include widgets.rollout-guard.test")
            .once(
                "rollout-guard.test/web:",
                crate::custom::writes(json!({"observedGeneration": 1,
                "conditions": [crate::custom::condition("Ready", "True", "grown")]})),
            )
            .others(1)
            .field("/targets/0/kind", "Widget")
            .field("/targets/1/kind", "Deployment")
            .lasts(25),
        crate::custom::with_kind(Case::passes("targets", "applied-kind-left-out"))
            .pipe(Pipe::Apply("json"))
            .object(crate::custom::widget(json!({"size": 1})))
            .object(web(one(serving())))
            .field("/targets/0/kind", "Deployment")
            .lasts(25),
        Case::ends("targets", "applied-object-is-gone", 6, "superseded", "rollout-superseded")
            .pipe(Pipe::Text(same_name))
            .object(web(one(serving())))
            .names("rollout-superseded")
            .lasts(5),
        Case::passes("targets", "labels")
            .args("-l tier=front,app!=other")
            .object(labelled(web(one(serving())), json!({"tier": "front"})))
            .object(labelled(
                deployment("other", 1, one(app(json!({"command": ["false"]})))),
                json!({"tier": "back"}),
            ))
            .chosen()
            .lasts(15),
        many.chosen(),
        Case::passes("targets", "created-later")
            .args("--wait-for-create 30s")
            .at(4, apply(web(one(serving()))))
            .lasts(20),
    ]
}

fn policies() -> Vec<Case> {
    // The pod of ordinal 2 cannot start; the others serve.
    let script = "case $HOSTNAME in web-2) exit 3;; esac; exec httpd -f -p 8080 -h /www";
    let one_bad = || {
        let set = stateful_set(3, one(server(json!({"command": shell(script), "readinessProbe": ready()}))));
        with_spec(set, json!({"podManagementPolicy": "Parallel"}))
    };
    let restarts_once = container(
        "mesh",
        json!({"command": shell("[ -e /shared/seen ] && exec sleep 3600; touch /shared/seen; sleep 1; exit 9"),
            "volumeMounts": [{"name": "shared", "mountPath": "/shared"}]}),
    );
    let with_sidecar = || {
        web(
            json!({"containers": [serving(), restarts_once], "volumes": [{"name": "shared", "emptyDir": {}}]}),
        )
    };
    let crashing = || web(one(app(json!({"command": shell("exit 3")}))));
    let service = |app: &str| {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]}})
    };
    vec![
        Case::passes("targets", "endpoints")
            .args("--require-endpoints")
            .object(service("web"))
            .object(web(one(serving())))
            .lasts(20),
        Case::ends("targets", "endpoints-missing", 3, "timed-out", "settling")
            .args("--require-endpoints")
            .timeout(20)
            .object(service("wbe"))
            .object(web(one(serving())))
            .says(&["waiting for Service web to select these pods; it selects app=wbe"])
            .lasts(25),
        Case::passes("targets", "min-available")
            .target("sts/web")
            .args("--min-available 60%")
            .object(one_bad())
            .says(&["2 of 3 replicas are available, 2 are enough", "warning[not-all-available]", "web-2 on "])
            .lasts(15),
        Case::fails("targets", "min-available-not-reached", "container-crashing")
            .target("sts/web")
            .args("--min-available 80%")
            .object(one_bad())
            .lasts(45),
        Case::passes("targets", "ignored-container")
            .args("--ignore-container mesh --tolerate-restarts 0")
            .object(with_sidecar())
            .never_warns(&["containers-restarted"])
            .lasts(20),
        Case::passes("targets", "ignored-by-annotation")
            .args("--tolerate-restarts 0")
            .object(annotated(with_sidecar(), json!({"rollout-guard/ignore-containers": "mesh"})))
            .says(&["judged by its annotations: ignore-containers mesh"])
            .lasts(20),
        Case::fails("targets", "annotations", "container-crashing")
            .object(annotated(
                crashing(),
                json!({"rollout-guard/tolerate-restarts": "0", "rollout-guard/stable-for": "soon"}),
            ))
            .says(&[
                "judged by its annotations: tolerate-restarts 0",
                "warning[annotation-not-usable]: the annotation rollout-guard/stable-for is \"soon\"",
            ])
            .lasts(10),
        Case::ends("targets", "flag-outranks-annotation", 3, "timed-out", "container-crashing")
            .args("--tolerate-restarts 9")
            .timeout(30)
            .object(annotated(crashing(), json!({"rollout-guard/tolerate-restarts": "0"})))
            .field("/targets/0/policy/1/from", "flag")
            .field("/targets/0/policy/1/value", "9")
            .lasts(32),
    ]
}
