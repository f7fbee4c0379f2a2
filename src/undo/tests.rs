//! Ways back of the three kinds, and what blocks them.
#![expect(clippy::needless_pass_by_value, reason = "objects are written in place with json!")]

use super::*;

fn deployment(annotations: Value, image: &str) -> Value {
    json!({"metadata": {"name": "web", "uid": "d-1", "generation": 4, "resourceVersion": "90", "annotations": annotations},
        "spec": {"template": template(image)}})
}

fn template(image: &str) -> Value {
    json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": image}]}})
}

fn replica_set(revision: &str, image: &str) -> Value {
    let mut template = template(image);
    template["metadata"]["labels"][TEMPLATE_HASH] = json!("abc");
    json!({"metadata": {"ownerReferences": [{"uid": "d-1", "controller": true}],
            "annotations": {REVISION: revision, "kubernetes.io/change-cause": "v1", "deployment.kubernetes.io/max-replicas": "9"}},
        "spec": {"template": template}})
}

fn history() -> Vec<Value> {
    let mut stranger = replica_set("7", "web:9");
    stranger["metadata"]["ownerReferences"][0]["uid"] = json!("d-2");
    // by number, not by age or as text: 10 is newer than 9
    vec![replica_set("9", "web:1"), replica_set("10", "web:2"), replica_set("8", "web:0"), stranger]
}

#[test]
fn a_deployment_goes_back_to_its_second_newest_revision() {
    let now = deployment(json!({REVISION: "10", "kubernetes.io/change-cause": "v2", "note": "x"}), "web:2");
    let plan = plan(Kind::Deployment, &now, &history()).unwrap();
    assert_eq!((plan.revision, plan.images.as_slice(), plan.note), (9, &["web:1".to_owned()][..], None));
    assert_eq!(plan.content_type, "application/json-patch+json");
    let expected = json!([
        {"op": "test", "path": "/metadata/uid", "value": "d-1"},
        {"op": "test", "path": "/metadata/generation", "value": 4},
        // without the hash label
        {"op": "replace", "path": "/spec/template", "value": template("web:1")},
        // the revision stays, the cause of the change goes back, what the ReplicaSet lacks goes
        {"op": "replace", "path": "/metadata/annotations",
            "value": {REVISION: "10", "kubernetes.io/change-cause": "v1"}},
    ]);
    assert_eq!(plan.body, expected);
}

#[test]
fn a_revision_of_a_stateful_set_is_sent_as_it_is_for_this_version_of_the_object() {
    let revision = |number: i64, image: &str| {
        let mut template = template(image);
        template["$patch"] = json!("replace");
        json!({"metadata": {"ownerReferences": [{"uid": "d-1", "controller": true}]}, "revision": number,
            "data": {"spec": {"template": template}}})
    };
    let now = deployment(json!({}), "web:2");
    let history = [revision(2, "web:2"), revision(1, "web:1")];
    let found = plan(Kind::StatefulSet, &now, &history).unwrap();
    assert_eq!((found.revision, found.content_type), (1, "application/strategic-merge-patch+json"));
    assert_eq!(found.body["metadata"], json!({"uid": "d-1", "resourceVersion": "90"}));
    assert_eq!(found.body["spec"]["template"]["$patch"], "replace");
    assert!(found.is_taken(&deployment(json!({}), "web:1")) && !found.is_taken(&now));
    let same = plan(Kind::DaemonSet, &now, &[revision(2, "web:3"), revision(1, "web:2")]).unwrap_err();
    assert_eq!(same, "its template is already that of revision 1");
}

#[test]
fn without_an_earlier_revision_there_is_no_way_back() {
    let now = deployment(json!({}), "web:2");
    let error = plan(Kind::Deployment, &now, &[replica_set("1", "web:2")]).unwrap_err();
    assert_eq!(error, "there is no earlier revision to go back to");
}

#[test]
fn what_a_controller_of_its_own_writes_is_left_to_it() {
    let with = |field: &str, value: Value| {
        let mut object = deployment(json!({}), "web:2");
        object["metadata"][field] = value;
        plan(Kind::Deployment, &object, &history())
    };
    for (field, value, who) in [
        (
            "annotations",
            json!({"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/web"}),
            "Argo CD owns it (annotation",
        ),
        ("labels", json!({"kustomize.toolkit.fluxcd.io/name": "shop"}), "Flux owns it (label kustomize"),
        (
            "managedFields",
            json!([{"manager": "kubectl"}, {"manager": "argocd-controller"}]),
            "Argo CD applies it",
        ),
        (
            "ownerReferences",
            json!([{"kind": "Kafka", "name": "events", "controller": true}]),
            "Kafka events owns it",
        ),
    ] {
        let error = with(field, value).unwrap_err();
        assert!(error.starts_with(who) && error.contains("write it back"), "{error}");
    }
    let helm = with("annotations", json!({"meta.helm.sh/release-name": "shop"})).unwrap();
    assert!(helm.note.unwrap().contains("helm rollback shop"));
    // Helm's label is not Argo CD's
    assert!(with("labels", json!({"app.kubernetes.io/instance": "shop"})).is_ok());
    let mut paused = deployment(json!({}), "web:2");
    paused["spec"]["paused"] = json!(true);
    assert!(plan(Kind::Deployment, &paused, &history()).unwrap_err().contains("resume it first"));
}
