//! Reason 9: admission refuses the pods.

use serde_json::{Value, json};

use crate::case::{Case, Need, Step, apply, kubectl, pods_refused, until};
use crate::manifest::{app, one, pod, web};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = refused();
    cases.extend(healthy());
    cases.extend(one_behind_the_other());
    cases.push(namespace_deleted());
    cases
}

/// The pods go first, and one of somebody else's is held: so the Deployment stays, and nobody says why it has no pod.
fn namespace_deleted() -> Case {
    let never = json!({"exec": {"command": ["false"]}, "periodSeconds": 5, "failureThreshold": 60});
    let mut held = pod("Never", one(app(json!({}))));
    if let Some(pod) = held.as_object_mut() {
        pod.insert("metadata".to_owned(), json!({"name": "held", "finalizers": ["example.com/hold"]}));
    }
    Case::fails("admission", "namespace-deleted-meanwhile", "namespace-terminating")
        .before(apply(held))
        .object(web(one(app(json!({"readinessProbe": never})))))
        .once("deployment/web:", kubectl("delete namespace $NS --wait=false"))
        .after(kubectl("patch pod held --type=merge -p {\"metadata\":{\"finalizers\":null}}"))
        .says(&["namespace $NS", "status.phase = Terminating", "Deploy into another namespace"])
        .lasts(50)
}

fn naming(field: &str, name: &str) -> Value {
    let mut spec = one(app(json!({})));
    if let Some(fields) = spec.as_object_mut() {
        fields.insert(field.to_owned(), name.into());
    }
    web(spec)
}

fn enforce(level: &str) -> Step {
    kubectl(&format!("label namespace $NS pod-security.kubernetes.io/enforce={level}"))
}

/// What the level `restricted` wants, all of it.
fn restricted() -> Value {
    web(json!({
        "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [app(json!({
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
        }))],
    }))
}

/// Only this case's namespace. Objects of the whole cluster outlive the namespace and concern nobody else.
fn here() -> Value {
    json!({"matchLabels": {"kubernetes.io/metadata.name": "$NS"}})
}

fn pods() -> Value {
    json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}])
}

/// A policy that wants limits, and its binding.
fn policy() -> Vec<Value> {
    let group = "admissionregistration.k8s.io/v1";
    vec![
        json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": "$NS"}, "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": pods()},
            "validations": [{
                "expression": "object.spec.containers.all(c, has(c.resources.limits))",
                "message": "every container must have limits",
            }],
        }}),
        json!({"apiVersion": group, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": "$NS"}, "spec": {
            "policyName": "$NS",
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": here()},
        }}),
    ]
}

/// A webhook that nobody answers for: nothing listens on that port.
fn absent_webhook() -> Value {
    webhook("Validating", json!({"url": "https://127.0.0.1:9/validate"}))
}

/// A webhook of the suite itself, which answers as its path says.
fn answering_webhook(kind: &str, path: &str) -> Value {
    webhook(kind, json!({"url": format!("$WEBHOOK/{path}"), "caBundle": "$CA"}))
}

/// A webhook that must agree to the pods of this case.
fn webhook(kind: &str, client: Value) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": format!("{kind}WebhookConfiguration"),
        "metadata": {"name": "$NS"},
        "webhooks": [{
            "name": "check.policy.example.com",
            "clientConfig": client,
            "rules": pods(),
            "failurePolicy": "Fail",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": here(),
        }],
    })
}

fn refused() -> Vec<Case> {
    let fails = |name, code| Case::fails("admission", name, code).lasts(25);
    vec![
        fails("pod-security-restricted", "pod-security-violation")
            .before(enforce("restricted"))
            .object(web(one(app(json!({})))))
            .says(&[
                "Pod Security level restricted",
                "4 of its rules",
                r#""capabilities":{"drop":["ALL"]}"#,
                r#""runAsNonRoot":true"#,
            ]),
        fails("pod-security-baseline", "pod-security-violation")
            .before(enforce("baseline"))
            .object(web(json!({"hostNetwork": true, "containers": [app(json!({}))]})))
            .says(&["Pod Security level baseline", "Remove from the pod template: host namespaces"]),
        fails("service-account-missing", "service-account-missing")
            .object(naming("serviceAccountName", "deployer"))
            .says(&["ServiceAccount deployer", "kubectl -n $NS create serviceaccount deployer"])
            .lasts(45),
        fails("priority-class-missing", "priority-class-missing")
            .object(naming("priorityClassName", "urgent"))
            .says(&["PriorityClass urgent", "kubectl get priorityclasses"]),
        fails("runtime-class-missing", "runtime-class-missing")
            .object(naming("runtimeClassName", "gvisor"))
            .says(&["RuntimeClass gvisor", "kubectl get runtimeclasses"]),
        fails("policy-denied", "admission-policy-denied")
            .before(Step::Apply(policy()))
            .before(pods_refused("every container must have limits"))
            .object(web(one(app(json!({})))))
            .says(&["ValidatingAdmissionPolicy $NS", "every container must have limits"]),
        fails("webhook-unavailable", "admission-webhook-unavailable")
            .before(apply(absent_webhook()))
            .before(pods_refused("connection refused"))
            .object(web(one(app(json!({})))))
            .says(&["check.policy.example.com", "connection refused", "trouble"])
            .lasts(140),
        fails("webhook-denied", "admission-webhook-denied")
            .of_the_cluster(answering_webhook("Validating", "deny"))
            .before(pods_refused("has no signature"))
            .object(web(one(app(json!({})))))
            .says(&["check.policy.example.com", "image of container app has no signature"])
            .needs(Need::Servers)
            .lasts(35),
        fails("spoilt-by-a-webhook", "pod-invalid")
            .of_the_cluster(answering_webhook("Mutating", "spoil"))
            .before(pods_refused("Unsupported value"))
            .object(web(one(app(json!({})))))
            .says(&["spec.restartPolicy: Unsupported value: \"Sometimes\""])
            .needs(Need::Servers)
            .lasts(35),
    ]
}

fn healthy() -> Vec<Case> {
    let passes = |name| Case::passes("admission", name).lasts(30);
    vec![
        passes("restricted-and-allowed-near-miss").before(enforce("restricted")).object(restricted()),
        passes("service-account-late-near-miss")
            .object(naming("serviceAccountName", "deployer"))
            .once("service-account-missing", kubectl("create serviceaccount deployer"))
            .args("--patience 4")
            .lasts(45),
        passes("webhook-agrees-near-miss")
            .of_the_cluster(answering_webhook("Validating", "allow"))
            .before(Step::Pass(3))
            .object(web(one(app(json!({})))))
            .needs(Need::Servers),
        passes("policy-kept-near-miss")
            .before(Step::Apply(policy()))
            .before(pods_refused("every container must have limits"))
            .object(web(one(app(json!({"resources": {"limits": {"memory": "64Mi"}}}))))),
    ]
}

/// `--dry-run-pods` brings out the reasons that stand behind the first.
fn one_behind_the_other() -> Vec<Case> {
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"},
        "spec": {"hard": {"requests.memory": "50Mi"}}});
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
        "spec": {"limits": [{"type": "Container", "max": {"memory": "100Mi"}}]}});
    let app = app(json!({"resources": {"requests": {"memory": "200Mi"}, "limits": {"memory": "200Mi"}}}));
    let four = web(json!({"serviceAccountName": "deployer", "containers": [app]}));
    vec![
        Case::fails("admission", "dry-run-four", "service-account-missing")
            .before(enforce("restricted"))
            .before(apply(range))
            .before(apply(quota))
            .before(until("get resourcequota team -o jsonpath={.status.used}", "{"))
            .object(four)
            .args("--dry-run-pods")
            .says(&[
                "Correct 4 things at once",
                "also[limit-range-exceeded]: next, ",
                "also[pod-security-violation]: next, ",
                "also[quota-exceeded]: next, ",
            ])
            .lasts(45),
        Case::fails("admission", "dry-run-nothing-behind", "service-account-missing")
            .object(naming("serviceAccountName", "deployer"))
            .args("--dry-run-pods")
            .says(&["nothing else keeps the pods from being made"])
            .lasts(45),
        // Who may only look is told the cause, and what was not seen.
        Case::fails("admission", "dry-run-not-allowed", "service-account-missing")
            .before(kubectl("create rolebinding viewer --clusterrole=view --serviceaccount=$NS:viewer"))
            .object(naming("serviceAccountName", "deployer"))
            .args("--dry-run-pods --as system:serviceaccount:$NS:viewer")
            .says(&["create pods in a dry run"])
            .never_says(&["nothing else keeps"])
            .lasts(45),
    ]
}
