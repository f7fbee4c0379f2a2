//! A watch as the API server serves it, and as what stands in between spoils it.

use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Request, Shared, TICK, answer, chunk, kind_of, lock, name_of, send, stream_head};

/// What becomes of it on its way.
pub(super) enum Way {
    Plain,
    /// The header waits for the first line.
    HeldHeaders,
    /// The body waits until so many bytes of it are together.
    Held(usize),
    /// This line comes, and nothing else.
    Only(String),
}

/// A watch until it ends; returns whether the connection can be used again.
pub(super) fn watch(socket: &mut TcpStream, request: &Request, shared: &Shared, way: &Way) -> bool {
    let resource = request.resource().to_owned();
    let name = name_of(request);
    let name = name.as_deref();
    let initial = request.parameter("sendInitialEvents").as_deref() == Some("true");
    if initial && !shared.streams_lists.load(Ordering::SeqCst) {
        let body =
            json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": "sendInitialEvents"});
        return send(socket, &answer(422, "Unprocessable Entity", &body.to_string(), shared));
    }
    let asked = request.parameter("resourceVersion").and_then(|version| version.parse::<u64>().ok());
    let (first, mut position) = {
        let world = lock(&shared.world);
        if asked.is_some_and(|asked| asked > 0 && asked < world.compacted) {
            let body = json!({"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"});
            return send(socket, &answer(410, "Gone", &body.to_string(), shared));
        }
        let shown = if initial || asked.is_none_or(|asked| asked == 0) {
            world.list(&resource, name)
        } else {
            Vec::new()
        };
        (shown, asked.filter(|asked| *asked > 0).unwrap_or(world.version))
    };
    let id = shared.opened.fetch_add(1, Ordering::SeqCst) + 1;
    let (version, kind) = kind_of(&resource);
    let bookmark = |position: u64, end: bool| {
        let annotations = if end { json!({"k8s.io/initial-events-end": "true"}) } else { json!({}) };
        let object = json!({"apiVersion": version, "kind": kind,
            "metadata": {"resourceVersion": position.to_string(), "annotations": annotations}});
        chunk(&json!({"type": "BOOKMARK", "object": object}).to_string())
    };
    let mut lines: Vec<Vec<u8>> =
        first.iter().map(|object| chunk(&json!({"type": "ADDED", "object": object}).to_string())).collect();
    if initial {
        lines.push(bookmark(position, true));
    }
    if let Way::Only(line) = way {
        lines.push(chunk(line));
    }
    let mut headed = false;
    let mut held = Vec::new();
    let mut last = Instant::now();
    while !shared.is_over() {
        let is_mute = id <= shared.mute.load(Ordering::SeqCst) || matches!(way, Way::Only(_));
        if !is_mute {
            let world = lock(&shared.world);
            for change in world.since(position, &resource, name) {
                position = change.version;
                lines.push(chunk(&json!({"type": change.kind, "object": change.object}).to_string()));
            }
        }
        if !is_mute && last.elapsed() > Duration::from_secs(60) {
            lines.push(bookmark(position, false));
        }
        if !headed && (!matches!(way, Way::HeldHeaders) || !lines.is_empty()) {
            headed = true;
            if !send(socket, &stream_head(shared)) {
                return false;
            }
        }
        for line in lines.drain(..) {
            last = Instant::now();
            held.extend(line);
            let Way::Held(bytes) = way else {
                if !send(socket, &std::mem::take(&mut held)) {
                    return false;
                }
                continue;
            };
            if held.len() >= *bytes && !send(socket, &std::mem::take(&mut held)) {
                return false;
            }
        }
        shared.clock.note(&resource);
        if id <= shared.ended.load(Ordering::SeqCst) {
            return false;
        }
        thread::sleep(TICK);
    }
    false
}
