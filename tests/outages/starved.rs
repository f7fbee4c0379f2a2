//! An API server that has no time for us: API priority and fairness.

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::Stage;
use crate::credentials::{grant, reads, token, with_user};
use crate::curl::{Curl, Upload};
use crate::guard::{Guard, Ran};
use crate::plane::until;
use crate::rig::{Rig, call};
use crate::rollout::Rollout;
use crate::server::{UNDER_WAY, with_namespace};
use crate::wire::Wire;

const NAME: &str = "starved";
const API: &str = "/apis/flowcontrol.apiserver.k8s.io/v1";
/// Seconds, of the run whose deadline passes meanwhile.
const SHORT: u64 = 15;
/// Calls a second, of the streams together (Deployment, ReplicaSets, pods) and the greeting.
const MOST_CALLS: usize = 4;

/// Our user shares the one seat of a priority level with a client that does not leave it: every call of ours is
/// answered 429 with `Retry-After`. One run begins in it and sees its deadline pass, one begins in it and comes
/// through, and one loses its watches in it; meanwhile its rollout completes.
pub(crate) async fn by_priority_and_fairness(stage: &Stage) -> Result<String, String> {
    let rig = &stage.rig;
    let rollout = Rollout::complete_once(rig, NAME).await?;
    rollout.update().await?;
    let mut rules = reads();
    rules
        .as_array_mut()
        .ok_or("no rules")?
        .push(json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}));
    grant(rig, NAME, "default", &rules).await?;
    let token = token(rig, NAME, "default", &json!({})).await?;
    let way = Wire::to(rig.api_port).await?;
    let kubeconfig = with_user(&rig.kubeconfig(NAME, way.port, false)?, &format!("token: {token}"));
    let curl = Curl::with_token(rig, &stage.folder, &token)?;
    let web = rollout.path("deployments", "web");
    let status = async || curl.status(rig.api_port, &web).await;
    let start = |name: &str, timeout| {
        Guard::start(&stage.folder, name, &kubeconfig, timeout, &with_namespace(NAME, &["-v"]))
    };

    let watching = start("starved-watching", 120)?;
    watching.has_said(UNDER_WAY).await?;
    for (resource, body) in [("prioritylevelconfigurations", level()), ("flowschemas", schema())] {
        call(&rig.client, "POST", &format!("{API}/{resource}"), &body).await?;
    }
    let seat = take_the_seat(rig, &curl).await?;
    until("the user is starved", async || status().await == 429).await?;
    let short = start("starved-short", SHORT)?;
    let late = start("starved-late", 120)?;
    // its watches were open, and are not asked for a seat again before they end
    way.lead_to(rig.api_port);
    watching.has_said("429 Too Many Requests").await?;
    rollout.complete().await?;
    let short = short.end().await?;
    if status().await != 429 {
        return Err("the user was not starved to the end".to_owned());
    }
    for resource in ["flowschemas", "prioritylevelconfigurations"] {
        call(&rig.client, "DELETE", &format!("{API}/{resource}/{NAME}"), &Value::Null).await?;
    }
    drop(seat);
    until("the user is not starved", async || status().await == 200).await?;
    let fed_at = Instant::now();
    let (watching, late) = tokio::join!(watching.end(), late.end());
    let (watching, late) = (watching?, late?);

    short.must(4, "unreachable")?;
    short.must_say("429")?;
    watching.must(0, "complete")?;
    late.must(0, "complete")?;
    let spare = |ran: &Ran| -> Result<usize, String> {
        let refused = ran.calls("429 Too Many Requests");
        let most = MOST_CALLS * usize::try_from(SHORT).unwrap_or(0);
        if refused == 0 || refused > most {
            return Err(ran.wrong(&format!("between 1 and {most} calls that were refused, not {refused}")));
        }
        Ok(refused)
    };
    Ok(format!(
        "exit 4 after {SHORT} s of 429; 0 of the two that were fed in time, {:.1} s and {:.1} s later; {}, {} and {} \
         calls were refused",
        watching.after(fed_at).as_secs_f64(),
        late.after(fed_at).as_secs_f64(),
        spare(&short)?,
        spare(&watching)?,
        spare(&late)?
    ))
}

/// One request at a time, and none more by borrowing; who comes second is refused.
fn level() -> Value {
    json!({"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration",
        "metadata": {"name": NAME},
        "spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 0, "borrowingLimitPercent": 0,
            "limitResponse": {"type": "Reject"}}}})
}

/// All that the user asks.
fn schema() -> Value {
    json!({"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": NAME},
        "spec": {"priorityLevelConfiguration": {"name": NAME}, "matchingPrecedence": 2,
            "distinguisherMethod": {"type": "ByUser"},
            "rules": [{"subjects": [{"kind": "ServiceAccount",
                    "serviceAccount": {"namespace": NAME, "name": "default"}}],
                "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"],
                    "clusterScope": true}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}]}})
}

/// A request of the level that goes on. Those that come while the API server has not read the level yet sit elsewhere.
async fn take_the_seat(rig: &Rig, curl: &Curl) -> Result<Upload, String> {
    let path = format!("{API}/flowschemas/{NAME}");
    until("the API server knows the level", async || {
        let schema = call(&rig.client, "GET", &path, &Value::Null).await.unwrap_or_default();
        let conditions = schema["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        conditions.iter().any(|condition| condition["type"] == "Dangling" && condition["status"] == "False")
    })
    .await?;
    curl.upload(rig.api_port, NAME).await
}
