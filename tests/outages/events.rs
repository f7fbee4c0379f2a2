//! A namespace full of events.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, interval};

use crate::Stage;
use crate::guard::Ran;
use crate::plane::{etcd, get};
use crate::rig::Rig;
use crate::server::watched;

const COUNT: usize = 50_000;
/// What one transaction of etcd may hold is 128 operations.
const AT_ONCE: usize = 125;
/// KiB that they may cost; all of them as JSON are 25,000.
const MORE: u64 = 8 * 1024;
/// Of those that arrive meanwhile.
const A_SECOND: usize = 500;
const SECONDS: usize = 20;
/// What they may cost in processor time: to read each of the 10,000 once, or a list of all every few seconds, is more.
const MORE_CPU: Duration = Duration::from_millis(200);
/// What they may cost in time.
const LATER: Duration = Duration::from_secs(5);

/// The same failure in an empty namespace and in one with 50,000 events of other pods: as quick, and as small.
pub(crate) async fn many(stage: &Stage) -> Result<String, String> {
    let (breaks, guard) = watched(stage, "events-none", 60, &[]).await?;
    breaks.break_image().await?;
    let none = guard.end().await?;
    let (breaks, guard) = watched(stage, "events-many", 60, &[]).await?;
    fill(&stage.rig, "events-many").await?;
    let list = get(&stage.rig, "/api/v1/namespaces/events-many/events?limit=1").await?;
    let left = list["metadata"]["remainingItemCount"].as_u64().unwrap_or(0);
    if left < COUNT as u64 - 1 {
        return Err(format!("{left} events instead of {COUNT}: {list}"));
    }
    breaks.break_image().await?;
    let many = guard.end().await?;
    none.must(1, "image-name-invalid")?;
    many.must(1, "image-name-invalid")?;
    if many.largest > none.largest + MORE {
        return Err(many.wrong(&format!("at most {} KiB", none.largest + MORE)));
    }
    if many.took > none.took + Duration::from_secs(60) {
        return Err(many.wrong("an end as soon as without them"));
    }
    Ok(format!("exit 1; {} KiB, and {} KiB without them", many.largest, none.largest))
}

/// Trouble in two namespaces at a time; in one of them 500 warnings about other pods arrive each second.
pub(crate) async fn arriving(stage: &Stage) -> Result<String, String> {
    let (quiet, quiet_run) = watched(stage, "events-quiet", 120, &["-v"]).await?;
    let (flooded, flooded_run) = watched(stage, "events-arriving", 120, &["-v"]).await?;
    quiet.pull_fails().await?;
    flooded.pull_fails().await?;
    let mut quarter = interval(Duration::from_millis(250));
    let begun = Instant::now();
    for first in (0..A_SECOND * SECONDS).step_by(AT_ONCE) {
        quarter.tick().await;
        put(&stage.rig, &flooded.namespace, first).await?;
    }
    let took = begun.elapsed();
    if took > Duration::from_secs(SECONDS as u64 + 10) {
        return Err(format!("{} events took {took:?} to arrive", A_SECOND * SECONDS));
    }
    let broken_at = Instant::now();
    quiet.break_image().await?;
    flooded.break_image().await?;
    let (quiet, flooded) = tokio::join!(quiet_run.end(), flooded_run.end());
    let (quiet, flooded) = (quiet?, flooded?);
    quiet.must(1, "image-name-invalid")?;
    flooded.must(1, "image-name-invalid")?;
    if flooded.calls("/events?") < 3 {
        return Err(flooded.wrong("events that are asked for while they arrive"));
    }
    if flooded.largest > quiet.largest + MORE || flooded.cpu > quiet.cpu + MORE_CPU {
        return Err(flooded.wrong(&format!(
            "as little as without them ({} KiB, {:?}), not {} KiB and {:?} of processor time",
            quiet.largest, quiet.cpu, flooded.largest, flooded.cpu
        )));
    }
    if flooded.after(broken_at) > quiet.after(broken_at) + LATER {
        return Err(flooded.wrong("an end as soon as without them"));
    }
    let figures = |ran: &Ran| {
        format!(
            "{} KiB, {:.2} s of processor time, {} reads of events, exit 1 after {:.1} s",
            ran.largest,
            ran.cpu.as_secs_f64(),
            ran.calls("/events?"),
            ran.after(broken_at).as_secs_f64()
        )
    };
    Ok(format!("{}; without them {}", figures(&flooded), figures(&quiet)))
}

async fn fill(rig: &Rig, namespace: &str) -> Result<(), String> {
    for first in (0..COUNT).step_by(AT_ONCE) {
        put(rig, namespace, first).await?;
    }
    Ok(())
}

/// Straight into etcd, which is ten times as quick as through the API server.
async fn put(rig: &Rig, namespace: &str, first: usize) -> Result<(), String> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let puts: Vec<_> = (first..first + AT_ONCE)
        .map(|number| {
            let name = format!("other-{number}.1");
            let event = json!({"apiVersion": "v1", "kind": "Event",
                "metadata": {"name": name, "namespace": namespace, "uid": format!("event-{number}"),
                    "creationTimestamp": now},
                "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace,
                    "name": format!("other-{number}"), "uid": format!("pod-{number}")},
                "type": "Warning", "reason": "BackOff", "count": 1, "firstTimestamp": now,
                "lastTimestamp": now, "source": {"component": "kubelet"}, "reportingComponent": "kubelet",
                "reportingInstance": "", "message": "Back-off restarting failed container app"});
            let key = STANDARD.encode(format!("/registry/events/{namespace}/{name}"));
            json!({"requestPut": {"key": key, "value": STANDARD.encode(event.to_string())}})
        })
        .collect();
    etcd(rig, "/v3/kv/txn", &json!({ "success": puts })).await?;
    Ok(())
}
