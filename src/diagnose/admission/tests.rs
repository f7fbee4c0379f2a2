//! Cases of the family `admission`, with the texts of Kubernetes 1.36.3 as recorded.

use serde_json::json;

use super::rules;
use crate::diagnose::{
    CauseCode, Diagnosis, Evidence, Finding, Hold, Prognosis, limits, quota, without_a_word,
};
use crate::model::{Kind, Namespace};
use crate::observation::{Answer, Request, Want};
use crate::testing::World;

fn world(message: &str) -> World {
    let mut world = World::new(json!({"serviceAccountName": "nope", "priorityClassName": "nope",
        "containers": [{"name": "app", "image": "registry.example/shop/web:1.2"}]}));
    world.replica_set("web-new", "1", json!({"replicas": 0}));
    world.at(5);
    world.events(
        Kind::ReplicaSet,
        "web-new",
        json!([{"reason": "FailedCreate", "count": 5, "lastTimestamp": "2026-11-24T10:00:04Z",
            "message": format!("Error creating: {message}")}]),
    );
    world
}

fn only(message: &str, code: CauseCode) -> Finding {
    let diagnosis: Diagnosis = world(message).run(rules);
    assert_eq!(diagnosis.codes(), [code.as_str()]);
    diagnosis.the(code).clone()
}

#[test]
fn the_restricted_level_comes_with_the_security_context_it_wants() {
    let finding = only(
        "pods \"psa-5b44bdd584-4mvzc\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false (container \"app\" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"app\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"app\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container \"app\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")",
        CauseCode::PodSecurityViolation,
    );
    assert_eq!(
        finding.headline,
        "namespace shop enforces the Pod Security level restricted, and the pods break 4 of its rules: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"
    );
    assert!(
        finding.commands[0].contains(
            r#""containers":[{"name":"app","securityContext":{"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]"#
        ),
        "{}",
        finding.commands[0]
    );
    assert!(finding.help[1].contains("enforce only the level baseline"), "{:?}", finding.help);
}

#[test]
fn what_no_setting_allows_must_be_removed() {
    let finding = only(
        "pods \"psa-5dc7696f87-7crvv\" is forbidden: violates PodSecurity \"baseline:latest\": host namespaces (hostNetwork=true), privileged (container \"app\" must not set securityContext.privileged=true)",
        CauseCode::PodSecurityViolation,
    );
    assert_eq!(finding.help[0], "Remove from the pod template: host namespaces (hostNetwork=true).");
    assert!(finding.help[1].contains("privileged (container \"app\" must not set"), "{:?}", finding.help);
    assert!(!finding.commands[0].contains("patch"), "nothing to set: {:?}", finding.commands);
}

#[test]
fn a_webhook_that_says_no_is_quoted_and_its_product_known() {
    let finding = only(
        "admission webhook \"validate.kyverno.svc-fail\" denied the request: policy require-labels: label owner is required",
        CauseCode::AdmissionWebhookDenied,
    );
    assert!(finding.headline.ends_with("refuses the pods: policy require-labels: label owner is required"));
    assert!(finding.help[1].contains("Kyverno"), "{:?}", finding.help);
    let silent = only(
        "admission webhook \"w.example.com\" denied the request without explanation",
        CauseCode::AdmissionWebhookDenied,
    );
    assert_eq!(silent.headline, "admission webhook w.example.com refuses the pods without a reason");
}

#[test]
fn a_webhook_that_does_not_answer_is_the_clusters_trouble() {
    let finding = only(
        "Internal error occurred: failed calling webhook \"check.policy.example.com\": failed to call webhook: Post \"https://policy.security.svc:443/validate?timeout=10s\": no endpoints available for service \"policy\"",
        CauseCode::AdmissionWebhookUnavailable,
    );
    assert_eq!(
        finding.headline,
        "admission webhook check.policy.example.com does not answer, so the pods are not let in: no endpoints available for service \"policy\""
    );
    assert_eq!((finding.hold, finding.prognosis), (Hold::Tolerance, Prognosis::Transient));
    assert_eq!(finding.commands[0], "kubectl -n security get service,endpointslices,pods");
    let by_url = only(
        "Internal error occurred: failed calling webhook \"check.policy.example.com\": failed to call webhook: Post \"https://127.0.0.1:9/validate?timeout=10s\": dial tcp 127.0.0.1:9: connect: connection refused",
        CauseCode::AdmissionWebhookUnavailable,
    );
    assert!(by_url.help[0].contains("the webhook at https://127.0.0.1:9/validate"), "{:?}", by_url.help);
}

#[test]
fn a_policy_is_named_with_its_binding() {
    let finding = only(
        "pods \"web-79f948bd68-sktf6\" is forbidden: ValidatingAdmissionPolicy 'limits' with binding 'limits-shop' denied request: every container must have limits",
        CauseCode::AdmissionPolicyDenied,
    );
    assert_eq!(
        finding.headline,
        "ValidatingAdmissionPolicy limits refuses the pods: every container must have limits"
    );
    assert!(finding.help[1].contains("limits-shop"), "{:?}", finding.help);
}

const ACCOUNT: &str = "pods \"sa-569986d976-\" is forbidden: error looking up service account shop/nope: serviceaccount \"nope\" not found";

#[test]
fn a_missing_service_account_suggests_one_that_exists() {
    let mut world = world(ACCOUNT);
    let want = Want::Names { kind: Kind::ServiceAccount, namespace: "shop".into() };
    world.answer(want.clone(), Answer::Names(vec!["default".into(), "noep".into()]));
    let finding = world.run(rules).the(CauseCode::ServiceAccountMissing).clone();
    assert_eq!(finding.headline, "ServiceAccount nope does not exist in namespace shop");
    assert_eq!(finding.help[0], "Did you mean ServiceAccount noep?");
    assert_eq!(finding.commands[0], "kubectl -n shop set serviceaccount deployment/web noep");
    world.answer(want, Answer::Names(vec!["default".into(), "nope".into()]));
    assert_eq!(world.run(rules).the(CauseCode::ServiceAccountMissing).hold, Hold::Announce);
}

#[test]
fn missing_classes_are_named_and_where_the_template_names_them() {
    let finding = only(
        "pods \"prio-f6464ddfd-\" is forbidden: no PriorityClass with name nope was found",
        CauseCode::PriorityClassMissing,
    );
    assert_eq!(finding.headline, "PriorityClass nope does not exist in this cluster");
    assert!(format!("{:?}", finding.evidence).contains("spec.template.spec.priorityClassName"));
    let finding = only(
        "pods \"runtime-57869c667-\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found",
        CauseCode::RuntimeClassMissing,
    );
    assert_eq!(finding.headline, "RuntimeClass gvisor does not exist in this cluster");
    assert!(format!("{:?}", finding.evidence).contains("it is a default, or was added"));
}

#[test]
fn a_namespace_that_is_going_takes_nothing_more() {
    let finding = only(
        "pods \"x\" is forbidden: unable to create new content in namespace shop because it is being terminated",
        CauseCode::NamespaceTerminating,
    );
    assert_eq!(finding.headline, "namespace shop is being deleted, so nothing can be created in it");
}

fn own_namespace() -> Want {
    Want::Namespace { name: "shop".to_owned() }
}

/// `status.phase = Terminating`, one for each field.
fn fields(finding: &Finding) -> Vec<String> {
    let field = |evidence: &Evidence| match evidence {
        Evidence::Field { object, path, value } => Some(format!("{object} {path} = {value}")),
        _ => None,
    };
    finding.evidence.iter().filter_map(field).collect()
}

/// The words of Kubernetes 1.36.3 (pkg/controller/namespace/deletion).
fn held() -> Namespace {
    serde_json::from_value(json!({
        "metadata": {"name": "shop", "deletionTimestamp": "2026-11-24T09:59:00Z",
            "finalizers": ["a.example.com", "b.example.com", "c.example.com", "d.example.com"]},
        "status": {"phase": "Terminating", "conditions": [
            {"type": "NamespaceDeletionDiscoveryFailure", "status": "False", "reason": "ResourcesDiscovered",
             "message": "All resources successfully discovered"},
            {"type": "NamespaceContentRemaining", "status": "True", "reason": "SomeResourcesRemain",
             "message": "Some resources are remaining: configmaps. has 1 resource instances"},
            {"type": "NamespaceFinalizersRemaining", "status": "True", "reason": "SomeFinalizersRemain",
             "message": "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"}]}
    }))
    .unwrap()
}

#[test]
fn a_namespace_says_itself_that_it_goes_and_what_holds_it() {
    let mut world = World::with_app(json!({}));
    world.at(20);
    let asked = world.run(without_a_word);
    assert!(asked.codes().is_empty());
    assert_eq!(asked.requests, [Request::every(20, own_namespace())]);
    world.answer(own_namespace(), Answer::Namespace(Box::new(held())));
    let finding = world.run(without_a_word).the(CauseCode::NamespaceTerminating).clone();
    assert_eq!(finding.headline, "namespace shop is being deleted, so nothing can be created in it");
    assert_eq!((finding.subject.to_string().as_str(), finding.hold), ("Namespace shop", Hold::Tolerance));
    assert_eq!(
        fields(&finding),
        [
            "Namespace shop status.phase = Terminating",
            "Namespace shop metadata.deletionTimestamp = 2026-11-24T09:59:00Z",
            "Namespace shop metadata.finalizers = a.example.com, b.example.com, c.example.com, …",
            "Namespace shop status.conditions[NamespaceContentRemaining] = SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource instances",
            "Namespace shop status.conditions[NamespaceFinalizersRemaining] = SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances",
        ]
    );
    assert!(finding.help[1].starts_with("Deploy into another namespace; or wait until it is gone"));
    assert_eq!(finding.commands[0], "kubectl get namespace shop -o yaml");
}

#[test]
fn while_pods_hold_a_namespace_its_conditions_do_not_count_them_and_we_do() {
    let mut world = World::with_app(json!({}));
    let pod = json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "web-1", "labels": {"app": "web"},
        "deletionTimestamp": "2026-11-24T10:00:00Z", "finalizers": ["example.com/hold"],
        "ownerReferences": [{"name": "web-new", "uid": "web-new", "controller": true}]}});
    let object = crate::model::decode_value(Kind::Pod, pod).unwrap();
    let stream = crate::observation::Stream::selected(Kind::Pod, "shop", "app=web".to_owned());
    world.observe(crate::observation::Observed::Applied { stream, object });
    let going = serde_json::from_value(json!({"status": {"phase": "Terminating", "conditions": [
        {"type": "NamespaceContentRemaining", "status": "False", "reason": "ContentRemoved",
         "message": "All content successfully removed"}]}}));
    world.answer(own_namespace(), Answer::Namespace(going.unwrap()));
    let finding = world.run(without_a_word).the(CauseCode::NamespaceTerminating).clone();
    assert_eq!(
        fields(&finding),
        [
            "Namespace shop status.phase = Terminating",
            "Pod shop/web-1 metadata.finalizers = example.com/hold"
        ]
    );
}

#[test]
fn a_namespace_that_stays_is_no_cause() {
    let mut world = World::with_app(json!({}));
    let active = serde_json::from_value(json!({"status": {"phase": "Active"}})).unwrap();
    for answer in [Answer::Namespace(active), Answer::Missing] {
        world.answer(own_namespace(), answer);
        assert!(world.run(without_a_word).codes().is_empty());
    }
}

#[test]
fn what_the_api_server_says_of_a_namespace_is_followed_by_what_it_says_itself() {
    let mut world = world(
        "pods \"x\" is forbidden: unable to create new content in namespace shop because it is being terminated",
    );
    assert!(world.run(rules).requests.contains(&Request::every(20, own_namespace())));
    world.answer(own_namespace(), Answer::Namespace(Box::new(held())));
    let finding = world.run(rules).the(CauseCode::NamespaceTerminating).clone();
    assert!(matches!(&finding.evidence[0], Evidence::Event { reason, .. } if reason == "FailedCreate"));
    assert_eq!(fields(&finding).len(), 5);
}

#[test]
fn what_a_family_names_no_other_family_names() {
    let world = world(ACCOUNT);
    assert!(world.run(limits::rules).codes().is_empty());
    assert!(world.run(quota::rules).codes().is_empty());
}

#[test]
fn trouble_of_the_api_server_while_it_looks_is_no_missing_account() {
    let world = world(
        "pods \"x\" is forbidden: error looking up service account shop/nope: etcdserver: request timed out",
    );
    assert!(world.run(rules).codes().is_empty());
    assert_eq!(world.run(limits::rules).the(CauseCode::PodInvalid).hold, Hold::Announce);
}

#[test]
fn a_pod_that_is_only_invalid_is_not_ours() {
    assert!(
        world("Pod \"x\" is invalid: spec.containers[0].image: Required value").run(rules).codes().is_empty()
    );
}
