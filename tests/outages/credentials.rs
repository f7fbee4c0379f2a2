//! Credentials that end in the middle.

use std::fs;

use serde_json::{Value, json};

use crate::Stage;
use crate::guard::Guard;
use crate::plane::{status_of, until};
use crate::rig::{Rig, call, client};
use crate::rollout::Rollout;
use crate::server::{UNDER_WAY, with_namespace};
use crate::wire::Wire;

/// Tokens bound to a Secret that is deleted in the middle of the wait: the API server answers 401 from then on. One
/// run has nothing else; the token file of the other is written anew.
pub(crate) async fn revoked(stage: &Stage) -> Result<String, String> {
    let rig = &stage.rig;
    let name = "revoked";
    let rollout = Rollout::complete_once(rig, name).await?;
    rollout.update().await?;
    let core = format!("/api/v1/namespaces/{name}");
    grant(rig, name, "default", &reads()).await?;
    let token = async |secret: &str| -> Result<String, String> {
        let body = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": secret}});
        let made = call(&rig.client, "POST", &format!("{core}/secrets"), &body).await?;
        let bound = json!({"boundObjectRef": {"apiVersion": "v1", "kind": "Secret", "name": secret,
            "uid": made["metadata"]["uid"]}});
        token(rig, name, "default", &bound).await
    };
    let (old, new) = (token("old").await?, token("new").await?);
    fs::create_dir_all(&stage.folder).map_err(|error| error.to_string())?;
    let file = stage.folder.join("token");
    fs::write(&file, &old).map_err(|error| error.to_string())?;
    let way = Wire::to(rig.api_port).await?;
    let own = rig.kubeconfig(name, way.port, false)?;
    let fixed = with_user(&own, &format!("token: {old}"));
    let from_file = with_user(&own, &format!("tokenFile: {}", file.display()));
    let probe = stage.folder.join("probe");
    fs::write(&probe, &fixed).map_err(|error| error.to_string())?;
    let probe = client(&probe).await?;

    let arguments = with_namespace(name, &[]);
    let rejected = Guard::start(&stage.folder, "revoked-fixed", &fixed, 120, &arguments)?;
    let renewed = Guard::start(&stage.folder, "revoked-file", &from_file, 120, &arguments)?;
    rejected.has_said(UNDER_WAY).await?;
    renewed.has_said(UNDER_WAY).await?;
    fs::write(&file, &new).map_err(|error| error.to_string())?;
    call(&rig.client, "DELETE", &format!("{core}/secrets/old"), &json!({})).await?;
    // the API server remembers for some seconds whom it let in
    let path = rollout.path("deployments", "web");
    until("the token is refused", async || status_of(&probe, &path).await == 401).await?;
    // a watch that is open outlives its token; the next request does not
    way.lead_to(rig.api_port);
    let rejected = rejected.end().await?;
    rollout.complete().await?;
    let renewed = renewed.end().await?;
    rejected.must(4, "credentials-rejected")?;
    rejected.must_say("401")?;
    renewed.must(0, "complete")?;
    for secret in [&old, &new] {
        let text = format!("{}{}", rejected.report, renewed.report);
        if text.contains(secret.as_str())
            || rejected.must_say(secret).is_ok()
            || renewed.must_say(secret).is_ok()
        {
            return Err("a token is in the output".to_owned());
        }
    }
    Ok(format!(
        "exit 4 after {:.0} s with the dead token, 0 with the next one of the file",
        rejected.took.as_secs_f64()
    ))
}

/// What a wait for a Deployment reads.
pub(crate) fn reads() -> Value {
    json!([{"apiGroups": ["apps"], "resources": ["deployments", "replicasets"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods", "events"], "verbs": ["get", "list", "watch"]}])
}

/// A Role with these rules, for a ServiceAccount of the namespace.
pub(crate) async fn grant(rig: &Rig, namespace: &str, account: &str, rules: &Value) -> Result<(), String> {
    let api = "rbac.authorization.k8s.io";
    let path = format!("/apis/{api}/v1/namespaces/{namespace}");
    let role = json!({"apiVersion": format!("{api}/v1"), "kind": "Role", "metadata": {"name": account},
        "rules": rules});
    let binding = json!({"apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": {"name": account},
        "roleRef": {"apiGroup": api, "kind": "Role", "name": account},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]});
    call(&rig.client, "POST", &format!("{path}/roles"), &role).await?;
    call(&rig.client, "POST", &format!("{path}/rolebindings"), &binding).await?;
    Ok(())
}

/// A token of a ServiceAccount.
pub(crate) async fn token(rig: &Rig, namespace: &str, account: &str, spec: &Value) -> Result<String, String> {
    let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
    let answer = call(&rig.client, "POST", &path, &body).await?;
    Ok(answer["status"]["token"].as_str().unwrap_or_default().to_owned())
}

/// The kubeconfig with another user, of whom it says this.
pub(crate) fn with_user(kubeconfig: &str, user: &str) -> String {
    let is_token = |line: &str| line.trim_start().starts_with("token:");
    kubeconfig
        .lines()
        .map(|line| if is_token(line) { format!("    {user}\n") } else { format!("{line}\n") })
        .collect()
}
