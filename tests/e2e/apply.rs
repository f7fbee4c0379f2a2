//! Reason 9: what is refused at apply, by the command behind `--`.

use serde_json::{Value, json};

use crate::case::{Case, apply, kubectl, rolled_out};
use crate::manifest::{config_map, deployment, one, ready, server};

pub(crate) fn cases() -> Vec<Case> {
    let fails = |name, code, command: &str| {
        Case::fails("apply", name, code)
            .before(apply(web()))
            .before(rolled_out("deploy/web"))
            .args(&format!("-- {command}"))
            .lasts(8)
    };
    vec![
        fails(
            "immutable-selector",
            "field-immutable",
            r#"kubectl -n $NS patch deployment web --type=merge -p {"spec":{"selector":{"matchLabels":{"app":"x"}}}}"#,
        )
        .says(&["cannot be changed once the object exists", "--cascade=orphan"]),
        fails(
            "invalid-value",
            "manifest-invalid",
            r#"kubectl -n $NS patch deployment web --type=merge -p {"spec":{"replicas":-1}}"#,
        )
        .says(&["spec.replicas of Deployment web is not valid"]),
        fails(
            "unknown-field",
            "field-unknown",
            "kubectl -n $NS apply -f tests/e2e/manifests/unknown-field.yaml",
        )
        .says(&["did you mean readinessProbe?"]),
        fails(
            "forbidden",
            "apply-forbidden",
            "kubectl -n $NS --as=nobody set image deployment/web app=$REGISTRY/busy:2",
        )
        .says(&["user nobody may not"]),
        fails(
            "removed-version",
            "api-removed",
            "kubectl -n $NS apply -f tests/e2e/manifests/removed-version.yaml",
        )
        .says(&["extensions/v1beta1", "apps/v1"]),
        fails("namespace-absent", "namespace-missing", "kubectl -n $NS-none create deployment web --image=busy")
            .says(&["$NS-none"]),
        // Two managers want different replicas, and the second may not take them by force.
        fails(
            "conflict",
            "apply-conflict",
            "kubectl -n $NS apply --server-side --field-manager=second -f tests/e2e/manifests/replicas.yaml",
        )
        .says(&["spec.replicas", "kubectl-client-side-apply"]),
        // What is to be deleted is held by a finalizer, and so is the namespace.
        Case::fails("apply", "namespace-terminating", "namespace-terminating")
            .before(apply(held()))
            .before(kubectl("delete namespace $NS --wait=false"))
            .args("-- kubectl -n $NS create deployment web --image=$REGISTRY/busy:1")
            .after(kubectl(
                "patch configmap held --type=merge -p {\"metadata\":{\"finalizers\":null}}",
            ))
            .says(&["$NS", "terminat"])
            .lasts(8),
        fails("command-fails", "apply-failed", "false").says(&["false failed with exit code 1"]),
        Case::passes("apply", "applied-near-miss")
            .before(apply(web()))
            .args("--expect-image $REGISTRY/busy:2 -- kubectl -n $NS set image deployment/web app=$REGISTRY/busy:2")
            .lasts(25),
    ]
}

fn held() -> Value {
    let mut map = config_map("held", json!({}));
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("finalizers".to_owned(), json!(["example.com/hold"]));
    }
    map
}

fn web() -> Value {
    deployment("web", 1, one(server(json!({"readinessProbe": ready()}))))
}
