//! A namespace that is deleted, with all that is in it.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Stage;
use crate::guard::Guard;
use crate::plane::{status_of, until};
use crate::rig::{Rig, call};
use crate::rollout::Rollout;
use crate::server::{watched, with_namespace};

/// Two namespaces are deleted in the middle of a rollout, as Kubernetes 1.33 and later do it: pods first, and
/// everything else once they are gone. In one of them they go, in the other a finalizer holds them beyond the deadline.
/// The controller that would do it does not run here. What happens meanwhile is said by nobody: events are content that
/// a namespace does not take any more, and the ReplicaSet's controller keeps silent about pods that it could not make.
pub(crate) async fn deleted(stage: &Stage) -> Result<String, String> {
    let rig = &stage.rig;
    let (goes, gone) = watched(stage, "namespace-goes", 60, &[]).await?;
    let (stays, stuck) = watched(stage, "namespace-stays", 25, &[]).await?;
    for rollout in [&goes, &stays] {
        hold(rig, &rollout.path("pods", "web-2-a")).await?;
        hold(rig, &namespace(rollout)).await?;
        call(&rig.client, "DELETE", &namespace(rollout), &json!({})).await?;
        call(&rig.client, "DELETE", &rollout.path("pods", "web-2-a"), &json!({"gracePeriodSeconds": 0}))
            .await?;
        rollout.count_none().await?;
    }
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
    after.must_say(&goes.namespace)?;
    stuck.must(3, "progressing")?;
    Ok(format!(
        "exit 1 {:.1} s after the Deployment went; exit {:?} after {:.0} s of a namespace that stays",
        gone.after(deleted_at).as_secs_f64(),
        stuck.code,
        stuck.took.as_secs_f64()
    ))
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
