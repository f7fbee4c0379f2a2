//! What etcd does: it stops, and it forgets.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use crate::Stage;
use crate::guard::Guard;
use crate::plane::{Process, compact, get, ready, status_of};
use crate::rig::call;
use crate::rollout::Rollout;
use crate::server::{UNDER_WAY, watched, with_namespace};
use crate::wire::Wire;

/// SIGSTOP: the API server answers `/version` and nothing that counts. The deadline of one rollout passes, one is
/// complete and could not be proved to have stayed so, and one completes after SIGCONT.
pub(crate) async fn stopped(stage: &Stage) -> Result<String, String> {
    let etcd = Process::find(&stage.rig, "etcd", stage.rig.etcd_port)?;
    let (heals, well) = watched(stage, "etcd-well", 150, &[]).await?;
    let (settles, unproved) = watched(stage, "etcd-unproved", 25, &["--stable-for", "20s"]).await?;
    settles.complete().await?;
    unproved.has_said("to have run for").await?;
    let (_, short) = watched(stage, "etcd-short", 12, &[]).await?;
    etcd.stop().await?;
    let ended = (short.end().await, unproved.end().await);
    etcd.go_on()?;
    ready(&stage.rig.client).await?;
    heals.complete().await?;
    let well = well.end().await?;
    ended.0?.must(4, "unreachable")?;
    ended.1?.must(4, "unreachable")?;
    well.must(0, "complete")?;
    Ok("exit 4 while it was stopped, also of what looked complete, 0 after it went on".to_owned())
}

/// A report is blind since its last proof. The newest of them is as old as the stop or a little older; those of the
/// kinds that nothing is asked about can be older by the time between two bookmarks.
const NEWEST_PROOF: SignedDuration = SignedDuration::from_secs(10);
const OLDEST_PROOF: SignedDuration = SignedDuration::from_secs(90);

/// SIGSTOP for so many seconds. Beyond half a minute the API server gives up its connections to etcd, and with them
/// what its watches rest on. The deadline of one rollout passes meanwhile, and its report says since when it is
/// blind; another completes after SIGCONT.
pub(crate) async fn stopped_for(stage: &Stage, seconds: u64) -> Result<String, String> {
    let etcd = Process::find(&stage.rig, "etcd", stage.rig.etcd_port)?;
    let names = ["well", "short"].map(|name| format!("etcd-{seconds}-{name}"));
    let (heals, well) = watched(stage, &names[0], seconds + 120, &[]).await?;
    let (nothing, short) = watched(stage, &names[1], seconds - 20, &[]).await?;
    heals.touch().await?;
    nothing.touch().await?;
    etcd.stop().await?;
    let (since, stopped_at) = (Timestamp::now(), Instant::now());
    let short = short.end().await;
    sleep_until(stopped_at + Duration::from_secs(seconds)).await;
    etcd.go_on()?;
    ready(&stage.rig.client).await?;
    heals.complete().await?;
    let complete_at = Instant::now();
    let well = well.end().await?;
    let short = short?;
    short.must(4, "unreachable")?;
    well.must(0, "complete")?;
    let blind: Vec<SignedDuration> = short.blind_since().iter().map(|at| at.duration_since(since)).collect();
    let newest = blind.iter().max();
    if !newest.is_some_and(|late| (-NEWEST_PROOF..=NEWEST_PROOF).contains(late))
        || blind.iter().any(|late| *late < -OLDEST_PROOF)
    {
        let moments: Vec<String> = short.blind_since().iter().map(ToString::to_string).collect();
        return Err(short.wrong(&format!(
            "a report that is blind since {since}, not {moments:?}, {blind:?} later; not seen: {}",
            short.report["notSeen"]
        )));
    }
    Ok(format!(
        "exit 4 while it was stopped, blind since {} s after that; 0 {:.1} s after the rollout was complete",
        newest.map_or(0, SignedDuration::as_secs),
        well.after(complete_at).as_secs_f64()
    ))
}

/// The way is cut; meanwhile the rollout completes, etcd forgets everything before, and the API server begins anew,
/// so that it has no history in memory either: a watch from where ours was is answered 410.
pub(crate) async fn compacted(stage: &Stage) -> Result<String, String> {
    let rig = &stage.rig;
    let mut server = Process::find(rig, "kube-apiserver", rig.api_port)?;
    let name = "compacted";
    let rollout = Rollout::complete_once(rig, name).await?;
    rollout.update().await?;
    let way = Wire::to(rig.api_port).await?;
    let kubeconfig = rig.kubeconfig(name, way.port, false)?;
    let guard = Guard::start(&stage.folder, name, &kubeconfig, 150, &with_namespace(name, &[]))?;
    guard.has_said(UNDER_WAY).await?;
    let before = get(rig, &rollout.path("deployments", "web")).await?;
    way.refuse();
    rollout.complete().await?;
    // what etcd keeps at least is the newest version: something must come after the rollout's
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "later"}});
    call(&rig.client, "POST", &format!("/api/v1/namespaces/{name}/configmaps"), &body).await?;
    compact(rig).await?;
    server.end("-KILL").await?;
    server.start(rig).await?;
    ready(&rig.client).await?;
    server.keep();
    let version = before["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    let path = rollout.path("deployments", "");
    let watch = format!("{path}?watch=true&timeoutSeconds=1&resourceVersion={version}");
    let answer = call(&rig.client, "GET", &watch, &Value::Null).await;
    let answer = answer.map_or_else(|error| error, |answer| answer.to_string());
    if !answer.contains("410") && !answer.contains("too old resource version") {
        let code = status_of(&rig.client, &watch).await;
        return Err(format!(
            "a watch from {version} is not answered 410, so nothing is tested: {code} {answer}"
        ));
    }
    way.lead_to(rig.api_port);
    guard.end().await?.must(0, "complete")?;
    Ok("exit 0 after a watch that was answered 410".to_owned())
}
