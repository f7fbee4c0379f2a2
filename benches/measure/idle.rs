//! W10: a long time in which nothing happens.

use std::time::Duration;

use crate::Bench;
use crate::contender::Taken;
use crate::page::Section;
use crate::scenarios::millis;
use crate::world::{World, ago, namespace, ready};

pub(crate) async fn idle(bench: &Bench) -> Result<Section, String> {
    let (alone, many) = if bench.plan.full { (1800, 600) } else { (120, 60) };
    let mut section = Section::new(
        "W10",
        format!("a rollout of 10 pods, all Ready and not yet available, for {alone} seconds"),
    );
    namespace(&bench.rig.client, "w10").await?;
    let targets = quiet(bench, "w10", 1, 10).await?;
    let start = bench.rig.audit_end();
    let taken = still(bench, "w10", &targets, alone).await?;
    let requests = bench.rig.requests_since(start, bench.ours.agent);
    #[expect(clippy::cast_precision_loss, reason = "a count and kibibytes")]
    let (count, resident) = (requests.len() as f64, taken.resident as f64 / 1024.0);
    section.row("requests", "", vec![count], None, "");
    section.row("processor time", "ms", vec![millis(taken.cpu)], None, "");
    section.row("resident memory", "MiB", vec![resident], None, "≤ 12 MB");
    section.note(format!("Requests: {}.", requests.join(", ")));

    namespace(&bench.rig.client, "w10-many").await?;
    let targets = quiet(bench, "w10-many", 100, 1).await?;
    let start = bench.rig.audit_end();
    let taken = still(bench, "w10-many", &targets, many).await?;
    let requests = bench.rig.requests_since(start, bench.ours.agent);
    let what = format!("100 workloads whose pods are Ready and not yet available, for {many} s:");
    let goal = if bench.plan.full { "≤ 100 ms" } else { "≤ 100 ms in 600 s" };
    section.row(format!("{what} processor time, start and all"), "ms", vec![millis(taken.cpu)], None, goal);
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    section.row(format!("{what} requests"), "", vec![requests.len() as f64], None, "");
    Ok(section)
}

/// Requests in 100 s in which nothing happens: those for the target, which is read anew once a minute, and those beyond
/// the first of each other kind.
pub(crate) async fn calls(bench: &Bench) -> Result<(usize, usize), String> {
    namespace(&bench.rig.client, "gate-idle").await?;
    let targets = quiet(bench, "gate-idle", 1, 10).await?;
    let start = bench.rig.audit_end();
    still(bench, "gate-idle", &targets, 100).await?;
    let requests = bench.rig.requests_since(start, bench.ours.agent);
    crate::say(&format!("requests of 100 quiet seconds: {}", requests.join(", ")));
    let (own, others): (Vec<String>, Vec<String>) =
        requests.into_iter().partition(|request| request.ends_with(" deployments"));
    let kinds: std::collections::BTreeSet<&String> = others.iter().collect();
    Ok((own.len(), others.len() - kinds.len()))
}

/// Deployments whose pods have just become Ready and count only after an hour; they as targets.
async fn quiet(bench: &Bench, space: &str, count: usize, pods: usize) -> Result<Vec<String>, String> {
    let mut targets = Vec::new();
    for number in 0..count {
        let name = format!("web-{number}");
        let mut world = World::new(&bench.rig.client, space, &name, pods).await?;
        world.available_after(3600).await?;
        let set = world.replica_set().await?;
        for pod in 0..pods {
            world.pod(&set, pod, ready(&ago(0))).await?;
        }
        world.status(pods, 0, &ago(0)).await?;
        targets.push(format!("deploy/{name}"));
    }
    Ok(targets)
}

/// Watches rollouts in which nothing happens, for that many seconds, and is interrupted.
async fn still(bench: &Bench, space: &str, targets: &[String], seconds: u64) -> Result<Taken, String> {
    let mut args = bench.ours.waiting(space, targets, true);
    args.retain(|arg| !arg.starts_with("--timeout"));
    args.push(format!("--timeout={}s", seconds + 60));
    let running = bench.ours.start(&args, &bench.rig.direct(), true)?;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let taken = running.interrupt()?;
    if taken.code != Some(130) {
        return Err(format!("W10: ended with {:?} instead of being interrupted: {}", taken.code, taken.said));
    }
    Ok(taken)
}
