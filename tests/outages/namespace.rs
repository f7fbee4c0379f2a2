//! A namespace that is deleted, with all that is in it.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Stage;
use crate::guard::{Guard, Ran};
use crate::plane::{status_of, until};
use crate::rig::{Rig, call};
use crate::rollout::Rollout;
use crate::server::{watched, with_namespace};

/// Two namespaces are deleted in the middle of a rollout, as Kubernetes 1.33 and later do it: pods first, and
/// everything else once they are gone. In one of them they go, in the other a finalizer holds them for ever. The controller
/// that would do it does not run here. What happens meanwhile is said by nobody: events are content that a namespace does
/// not take any more, and the ReplicaSet's controller keeps silent about pods that it could not make. So it is the
/// namespace that has to be asked.
pub(crate) async fn deleted(stage: &Stage) -> Result<String, String> {
    let rig = &stage.rig;
    let (goes, gone) = watched(stage, "namespace-goes", 60, &[]).await?;
    let (stays, stuck) = watched(stage, "namespace-stays", 120, &["-v"]).await?;
    for rollout in [&goes, &stays] {
        hold(rig, &rollout.path("pods", "web-2-a")).await?;
        hold(rig, &namespace(rollout)).await?;
        call(&rig.client, "DELETE", &namespace(rollout), &json!({})).await?;
        call(&rig.client, "DELETE", &rollout.path("pods", "web-2-a"), &json!({"gracePeriodSeconds": 0}))
            .await?;
        rollout.count_none().await?;
    }
    let emptied_at = Instant::now();
    gone.has_said("0 of 1 replicas updated").await?;
    stuck.has_said("0 of 1 replicas updated").await?;
    let refused = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}});
    let path = format!("{}/configmaps", namespace(&goes));
    let answer = call(&rig.client, "POST", &path, &refused).await;
    if !answer.as_ref().is_err_and(|error| error.contains("is being terminated")) {
        return Err(format!("the namespace is not being deleted: {answer:?}"));
    }
    release(rig, &goes.path("pods", "web-2-a")).await?;
    let deleted_at = Instant::now();
    for (resource, name) in [("deployments", "web"), ("replicasets", "web-2"), ("replicasets", "web-1")] {
        call(&rig.client, "DELETE", &goes.path(resource, name), &json!({"propagationPolicy": "Background"}))
            .await?;
    }
    release(rig, &namespace(&goes)).await?;
    let spec = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": goes.namespace},
        "spec": {"finalizers": []}});
    call(&rig.client, "PUT", &format!("{}/finalize", namespace(&goes)), &spec).await?;
    until("the namespace is gone", async || status_of(&rig.client, &namespace(&goes)).await == 404).await?;
    let after = Guard::start(
        &stage.folder,
        "namespace-absent",
        &rig.kubeconfig(&goes.namespace, rig.api_port, false)?,
        20,
        &with_namespace(&goes.namespace, &[]),
    )?;
    let after = after.end().await?;
    let (gone, stuck) = tokio::join!(gone.end(), stuck.end());
    let (gone, stuck) = (gone?, stuck?);
    release(rig, &stays.path("pods", "web-2-a")).await?;
    gone.must(1, "target-deleted")?;
    gone.must_say("namespace")?;
    after.must(2, "not-found")?;
    must_report(&after, &format!("in namespace {}, which does not exist", goes.namespace))?;
    stuck.must(1, "namespace-terminating")?;
    for words in [
        "namespace namespace-stays is being deleted, so nothing can be created in it",
        r#""path":"status.phase","value":"Terminating""#,
        r#""path":"metadata.deletionTimestamp""#,
        r#""object":"Namespace namespace-stays","path":"metadata.finalizers","value":"example.com/hold""#,
        r#""object":"Pod namespace-stays/web-2-a","path":"metadata.finalizers","value":"example.com/hold""#,
        "no pod of deployment/web is alive, and no event says why",
        "Deploy into another namespace",
    ] {
        must_report(&stuck, words)?;
    }
    // asked 15 s after the pods went, and perhaps once more
    let asked = stuck.calls("/namespaces/namespace-stays: ");
    if !(1..=2).contains(&asked) {
        return Err(stuck.wrong(&format!("1 or 2 reads of the namespace and not {asked}")));
    }
    Ok(format!(
        "exit 1 {:.1} s after the Deployment went; exit 1 {:.1} s after the pods of a namespace that stays, asked {asked} times",
        gone.after(deleted_at).as_secs_f64(),
        stuck.after(emptied_at).as_secs_f64()
    ))
}

/// Its report has these words; on a terminal they may be on two lines.
fn must_report(ran: &Ran, words: &str) -> Result<(), String> {
    if ran.report.to_string().contains(words) {
        return Ok(());
    }
    Err(ran.wrong(&format!("the words {words:?} in {}", ran.report)))
}

fn namespace(rollout: &Rollout) -> String {
    format!("/api/v1/namespaces/{}", rollout.namespace)
}

async fn hold(rig: &Rig, path: &str) -> Result<Value, String> {
    call(&rig.client, "PATCH", path, &json!({"metadata": {"finalizers": ["example.com/hold"]}})).await
}

async fn release(rig: &Rig, path: &str) -> Result<Value, String> {
    call(&rig.client, "PATCH", path, &json!({"metadata": {"finalizers": null}})).await
}
