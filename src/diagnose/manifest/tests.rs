//! What kubectl says when an apply fails, as recorded with 1.36.

use super::*;
use crate::model::Kind;

fn read(stderr: &str) -> Vec<Finding> {
    let end =
        CommandEnd { command: "kubectl apply".to_owned(), exit_code: Some(1), stderr: stderr.to_owned() };
    causes(&end, &Stream::of(Kind::Deployment, "shop", "web"))
}

fn one(stderr: &str) -> Finding {
    let mut all = read(stderr);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn an_unknown_field_is_named_with_the_nearest() {
    let finding = one(
        "Error from server (BadRequest): error when creating \"STDIN\": Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.template.spec.containers[0].readynessProbe\"\n",
    );
    assert_eq!(finding.code, CauseCode::FieldUnknown);
    assert_eq!(
        finding.headline,
        "the manifest has an unknown field spec.template.spec.containers[0].readynessProbe; did you mean readinessProbe?"
    );
    assert_eq!(finding.commands, ["kubectl explain deployment.spec.template.spec.containers"]);
}

#[test]
fn every_fault_of_an_invalid_object_is_a_cause() {
    let all = read(
        "The Deployment \"web\" is invalid: \n* spec.template.spec.containers[0].image: Required value\n* spec.template.spec.containers[0].imagePullPolicy: Unsupported value: \"always\": supported values: \"Always\", \"IfNotPresent\", \"Never\"\n",
    );
    let headlines: Vec<&str> = all.iter().map(|finding| finding.headline.as_str()).collect();
    assert_eq!(
        headlines[0],
        "spec.template.spec.containers[0].image of Deployment web is not valid: Required value"
    );
    assert_eq!(all[1].code, CauseCode::ManifestInvalid);
    assert_eq!(all[1].help, ["Did you mean Always?"]);
}

#[test]
fn fields_that_cannot_change_are_told() {
    let finding = one(
        "The Deployment \"web\" is invalid: spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"x\"}}: field is immutable\n",
    );
    assert_eq!(finding.code, CauseCode::FieldImmutable);
    assert_eq!(finding.headline, "spec.selector of Deployment web cannot be changed once the object exists");
    let finding = one(
        "The StatefulSet \"web\" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden\n",
    );
    assert_eq!(finding.code, CauseCode::FieldImmutable);
}

#[test]
fn other_refusals_have_their_codes() {
    for (text, code, part) in [
        (
            "error: resource mapping not found for name: \"web\" namespace: \"\" from \"STDIN\": no matches for kind \"Deployment\" in version \"extensions/v1beta1\"\nensure CRDs are installed first\n",
            CauseCode::ApiRemoved,
            "in favour of apps/v1",
        ),
        (
            "error: Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using apps/v1: .spec.replicas\nPlease review the fields above--they currently have other managers.\n",
            CauseCode::ApplyConflict,
            "kubectl-client-side-apply owns what the apply would change of Deployment web: .spec.replicas",
        ),
        (
            "Error from server (Forbidden): error when creating \"STDIN\": deployments.apps is forbidden: User \"system:serviceaccount:ci:deployer\" cannot create resource \"deployments\" in API group \"apps\" in the namespace \"shop\"\n",
            CauseCode::ApplyForbidden,
            "user system:serviceaccount:ci:deployer may not create deployments.apps in namespace shop",
        ),
        (
            "Error from server (NotFound): error when creating \"STDIN\": namespaces \"shpo\" not found\n",
            CauseCode::NamespaceMissing,
            "there is no namespace shpo",
        ),
        (
            "Error from server: error when creating \"STDIN\": admission webhook \"deny.example\" denied the request: no team label\n",
            CauseCode::AdmissionWebhookDenied,
            "denied Deployment web: no team label",
        ),
        (
            "error: error parsing STDIN: error converting YAML to JSON: yaml: line 3: mapping values are not allowed in this context\n",
            CauseCode::ManifestInvalid,
            "line 3",
        ),
        (
            "The connection to the server localhost:1 was refused - did you specify the right host or port?\n",
            CauseCode::ApplyFailed,
            "was refused",
        ),
        ("", CauseCode::ApplyFailed, "gave no reason"),
    ] {
        let finding = one(text);
        assert_eq!(finding.code, code, "{text}");
        assert!(finding.headline.contains(part), "{}", finding.headline);
    }
}

#[test]
fn warnings_are_no_causes_and_what_concerns_the_target_comes_first() {
    let all = read(
        "Warning: resource deployments/web is missing the annotation\nError from server (NotFound): namespaces \"other\" not found\nThe Deployment \"web\" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0\n",
    );
    let codes: Vec<&str> = all.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["manifest-invalid", "namespace-missing"]);
}
