//! Pods for which the runtime cannot make the sandbox: the network, the pause image, the runtime handler.

use std::time::Duration;

use super::super::creating::pending_events;
use super::super::logs::shorten;
use super::super::place::{command, kubectl};
use super::super::{CauseCode, Diagnosis, Evidence, Finding};
use crate::model::{Event, Pod, Rollout, reason};

/// A handler that the runtime's configuration does not have does not come by itself.
const HANDLER: Duration = Duration::from_secs(15);
/// The registry of the pause image, as any registry.
const IMAGE: Duration = Duration::from_secs(300);

/// What keeps the sandbox from being made.
enum Obstacle<'a> {
    Handler(&'a str),
    /// The image of the sandbox itself.
    Image(&'a str),
    /// The CNI plugin, if it is named, and its words.
    Network(Option<&'a str>, &'a str),
    Other(&'a str),
}

fn obstacle(event: &Event) -> Obstacle<'_> {
    let text = event.text();
    let quoted = |after: &str| {
        text.split_once(after).and_then(|(_, rest)| rest.split_once('"')).map(|(quoted, _)| quoted)
    };
    if let Some(handler) = quoted("no runtime for \"") {
        return Obstacle::Handler(handler);
    }
    // CRI-O: failed to find runtime handler x from runtime list map[…]
    if let Some((_, rest)) = text.split_once("failed to find runtime handler ") {
        return Obstacle::Handler(rest.split(' ').next().unwrap_or_default());
    }
    if let Some(image) = quoted("failed to get sandbox image \"") {
        return Obstacle::Image(image);
    }
    let last = |after: &str| text.rsplit_once(after).map(|(_, words)| words.trim());
    if event.reason == reason::NETWORK_NOT_READY {
        return Obstacle::Network(
            None,
            last("message:").or_else(|| last("network is not ready: ")).unwrap_or(text),
        );
    }
    if text.contains("network for sandbox") || text.contains("failed (add)") || text.contains("cni") {
        let words = last("failed (add): ").or_else(|| last("network for sandbox ")).unwrap_or(text);
        return Obstacle::Network(quoted("plugin type=\""), words);
    }
    Obstacle::Other(last(" desc = ").unwrap_or(text))
}

/// `sandbox-failed`.
pub(super) fn rule(rollout: &Rollout<'_>, pod: &Pod, diagnosis: &mut Diagnosis) {
    let events = pending_events(rollout, pod);
    let about = |event: &&&Event| {
        matches!(event.reason.as_str(), reason::FAILED_CREATE_POD_SANDBOX | reason::NETWORK_NOT_READY)
    };
    let Some(event) = events.iter().find(about) else { return };
    let node = pod.node().unwrap_or("the node");
    let obstacle = obstacle(event);
    let what = "the sandbox of the pods cannot be made";
    let (key, headline) = match &obstacle {
        Obstacle::Handler(handler) => {
            let class = pod.spec.runtime_class_name.as_deref().unwrap_or_default();
            (
                format!("handler {handler}"),
                format!("{node} has no runtime handler {handler}, which RuntimeClass {class} names"),
            )
        }
        Obstacle::Image(image) => (
            format!("image {image}"),
            format!(
                "{what} on {node}: its own image {image} cannot be pulled (it is the node's, not the application's)"
            ),
        ),
        Obstacle::Network(plugin, words) => {
            let plugin =
                plugin.map_or_else(|| "the network".to_owned(), |plugin| format!("network plugin {plugin}"));
            let key = format!("{plugin}/{}", kind_of(words));
            (key, format!("{what} on {node}: {plugin}: {}", shorten(words, 300)))
        }
        Obstacle::Other(words) => ("other".to_owned(), format!("{what} on {node}: {}", shorten(words, 300))),
    };
    let times: i64 = events.iter().filter(about).map(|event| event.times()).sum();
    let finding = Finding::new(
        CauseCode::SandboxFailed,
        key,
        pod.object_ref(),
        headline,
        Evidence::event(pod.object_ref(), event),
    )
    .on_pod(&pod.metadata.name)
    .with_attempts(u64::try_from(times).unwrap_or_default());
    diagnosis.add(advice(rollout, pod, &obstacle, finding));
}

/// What tells two troubles of one plugin apart; sandbox ids and addresses do not.
fn kind_of(words: &str) -> &'static str {
    if is_out_of_addresses(words) { "addresses" } else { "other" }
}

fn is_out_of_addresses(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["assign an ip", "no ip addresses", "no available ip", "no addresses available", "range is full"]
        .iter()
        .any(|sign| words.contains(sign))
}

fn advice(rollout: &Rollout<'_>, pod: &Pod, obstacle: &Obstacle<'_>, finding: Finding) -> Finding {
    let node = pod.node().unwrap_or("NODE");
    let describe = kubectl(rollout.namespace(), &["describe", "pod", &pod.metadata.name]);
    let finding = match obstacle {
        Obstacle::Handler(handler) => {
            let class = pod.spec.runtime_class_name.as_deref().unwrap_or_default();
            finding
                .with_tolerance(HANDLER)
                .with_help(format!(
                    "Configure the handler {handler} in the container runtime of the nodes that run these pods, or correct the handler of RuntimeClass {class}"
                ))
                .with_help("if only some nodes have it, the RuntimeClass can say which: scheduling.nodeSelector")
                .with_command(command(&["kubectl", "get", "runtimeclass", class, "-o", "yaml"]))
        }
        Obstacle::Image(image) => finding
            .with_tolerance(IMAGE)
            .with_help(format!(
                "{node} must be able to pull {image}: look at its access to that registry, or name another sandbox image in the configuration of its container runtime"
            )),
        Obstacle::Network(_, words) if is_out_of_addresses(words) => finding
            .with_help(format!("{node} has no address left for a pod: a subnet that is used up, or more pods than the network plugin allows there"))
            .with_command(command(&["kubectl", "-n", "kube-system", "get", "pods", "-o", "wide", "--field-selector", &format!("spec.nodeName={node}")])),
        Obstacle::Network(..) => finding
            .with_help(format!("Look at the pod of the network plugin on {node}: on a new node it may need a minute, and it says itself what it lacks"))
            .with_command(command(&["kubectl", "-n", "kube-system", "get", "pods", "-o", "wide", "--field-selector", &format!("spec.nodeName={node}")])),
        Obstacle::Other(_) => finding
            .with_help(format!("The words are those of the container runtime of {node}; its log says more"))
            .with_command(command(&["kubectl", "describe", "node", node])),
    };
    finding.with_command(describe)
}
