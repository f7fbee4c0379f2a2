//! API servers that end, stop, and lag behind.

use crate::Stage;
use crate::guard::Guard;
use crate::plane::{Process, get, ready, status_of, until};
use crate::rollout::Rollout;
use crate::wire::Wire;

/// What our progress says of a rollout that is under way.
pub(crate) const UNDER_WAY: &str = "updated replicas to become available";

/// A rollout under way in a namespace of its own, and our binary at it, which has seen it.
pub(crate) async fn watched(
    stage: &Stage,
    name: &str,
    timeout: u64,
    more: &[&str],
) -> Result<(Rollout, Guard), String> {
    let rollout = Rollout::complete_once(&stage.rig, name).await?;
    rollout.update().await?;
    let kubeconfig = stage.rig.kubeconfig(name, stage.rig.api_port, false)?;
    let guard = Guard::start(&stage.folder, name, &kubeconfig, timeout, &with_namespace(name, more))?;
    guard.has_said(UNDER_WAY).await?;
    Ok((rollout, guard))
}

pub(crate) fn with_namespace<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["-n", name];
    all.extend(more);
    all
}

/// SIGKILL in the middle of three rollouts, and a start on the same port: one completes afterwards, one fails, and
/// the deadline of one passes while it is away.
pub(crate) async fn killed(stage: &Stage) -> Result<String, String> {
    away(stage, "killed", "-KILL", 20).await
}

/// The same with SIGTERM. Without flags of its own an API server takes no connections from then on, and ends when the
/// last watch does, or after a minute; the kubelet waits for half of that, and so do we. Meanwhile what is open goes on
/// and has nothing to show: only the look before the deadline tells it from a rollout that does not move.
pub(crate) async fn terminated(stage: &Stage) -> Result<String, String> {
    away(stage, "terminated", "-TERM", 30).await
}

async fn away(stage: &Stage, name: &str, signal: &str, timeout: u64) -> Result<String, String> {
    let mut server = Process::find(&stage.rig, "kube-apiserver", stage.rig.api_port)?;
    let (heals, well) = watched(stage, &format!("{name}-well"), 120, &[]).await?;
    let (breaks, broken) = watched(stage, &format!("{name}-broken"), 120, &[]).await?;
    let (_, short) = watched(stage, &format!("{name}-short"), timeout, &[]).await?;
    server.signal(signal)?;
    let short = short.end().await?;
    server.end("-KILL").await?;
    server.start(&stage.rig).await?;
    ready(&stage.rig.client).await?;
    heals.complete().await?;
    breaks.break_image().await?;
    let (well, broken) = (well.end().await?, broken.end().await?);
    // it lives on without the value
    server.keep();
    short.must(4, "unreachable")?;
    well.must(0, "complete")?;
    broken.must(1, "image-name-invalid")?;
    Ok("exit 4 while it was away, 0 and 1 after it was back".to_owned())
}

/// SIGSTOP: connections stay and say nothing. The deadline of one rollout passes, another completes after SIGCONT.
pub(crate) async fn stopped(stage: &Stage) -> Result<String, String> {
    let server = Process::find(&stage.rig, "kube-apiserver", stage.rig.api_port)?;
    let (heals, well) = watched(stage, "stopped-well", 120, &[]).await?;
    let (_, short) = watched(stage, "stopped-short", 20, &[]).await?;
    server.stop().await?;
    let short = short.end().await;
    server.go_on()?;
    ready(&stage.rig.client).await?;
    heals.complete().await?;
    let well = well.end().await?;
    short?.must(4, "unreachable")?;
    well.must(0, "complete")?;
    Ok("exit 4 while it was stopped, 0 after it went on".to_owned())
}

/// Two API servers on one etcd. The way of the second to etcd is held, so its cache shows the first generation,
/// complete, when the second has long begun.
pub(crate) async fn one_behind(stage: &Stage) -> Result<String, String> {
    let rig = &stage.rig;
    let to_etcd = Wire::to(rig.etcd_port).await?;
    let (mut second, behind) = Process::beside(rig, 1, to_etcd.port, &[]).await?;
    let port = second.port()?;
    ready(&behind).await?;

    // one asks the one behind from the start, the other comes to it in the middle
    let old = Rollout::complete_once(rig, "behind-from-the-start").await?;
    let switched = Rollout::complete_once(rig, "behind-switched").await?;
    switched.update().await?;
    let way = Wire::to(rig.api_port).await?;
    let kubeconfig = rig.kubeconfig("behind-switched", way.port, false)?;
    let more = with_namespace("behind-switched", &[]);
    let moved = Guard::start(&stage.folder, "behind-switched", &kubeconfig, 120, &more)?;
    moved.has_said(UNDER_WAY).await?;
    // its cache has the first generation, and with it everything before
    let cached = format!("{}?resourceVersion=0", old.path("deployments", "web"));
    until("the second API server has it in its cache", async || status_of(&behind, &cached).await == 200)
        .await?;

    to_etcd.hold();
    old.update().await?;
    let truth = get(rig, &old.path("deployments", "web")).await?;
    let kubeconfig = rig.kubeconfig("behind-from-the-start", port, false)?;
    let from_start = Guard::start(
        &stage.folder,
        "behind-from-the-start",
        &kubeconfig,
        20,
        &with_namespace("behind-from-the-start", &[]),
    )?;
    way.lead_to(port);
    let from_start = from_start.end().await?;
    to_etcd.release();
    switched.complete().await?;
    let moved = moved.end().await?;
    second.end("-KILL").await?;
    if truth["spec"]["template"]["spec"]["containers"][0]["image"] != "shop/web:2" {
        return Err(format!("the second generation is not there: {truth}"));
    }
    from_start.must(4, "unreachable")?;
    moved.must(0, "complete")?;
    Ok("exit 4 of the one behind, 0 after it caught up".to_owned())
}
