//! Reason 9: what is refused at apply, by the command behind `--`.

use serde_json::{Value, json};

use crate::case::{Case, apply, rolled_out};
use crate::manifest::{deployment, one, ready, server};

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
        .says(&["nobody may not"]),
        fails("command-fails", "apply-failed", "false").says(&["false failed with exit code 1"]),
        Case::passes("apply", "applied-near-miss")
            .before(apply(web()))
            .args("--expect-image $REGISTRY/busy:2 -- kubectl -n $NS set image deployment/web app=$REGISTRY/busy:2")
            .lasts(25),
    ]
}

fn web() -> Value {
    deployment("web", 1, one(server(json!({"readinessProbe": ready()}))))
}
