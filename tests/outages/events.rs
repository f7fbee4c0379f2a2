//! A namespace full of events.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::json;

use crate::Stage;
use crate::plane::{etcd, get};
use crate::rig::Rig;
use crate::server::watched;

const COUNT: usize = 50_000;
/// What one transaction of etcd may hold is 128 operations.
const AT_ONCE: usize = 125;
/// KiB that they may cost; all of them as JSON are 25,000.
const MORE: u64 = 8 * 1024;

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

/// Straight into etcd, which is ten times as quick as through the API server.
async fn fill(rig: &Rig, namespace: &str) -> Result<(), String> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    for first in (0..COUNT).step_by(AT_ONCE) {
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
    }
    Ok(())
}
