//! A StatefulSet whose pods are made anew one after the other, under their names, from the last to the first
//! (`pkg/controller/statefulset/stateful_set_control.go`).

use serde_json::{Value, json};

use crate::random::Random;
use crate::server::Server;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Starting { ready_at: u64 },
    CannotPull,
}

/// The set, second by second.
pub(crate) struct Set {
    /// The image cannot be pulled.
    pub(crate) fails: bool,
    pub(crate) dark: Option<(u64, u64)>,
    /// By ordinal: the template and the state.
    pods: Vec<(u64, State)>,
    start: u64,
    /// The controller looks at the spec at this second.
    looks_at: u64,
}

impl Set {
    pub(crate) fn new(random: &mut Random) -> Self {
        let replicas = 1 + random.below(3);
        Self {
            fails: random.one_in(3),
            dark: random.one_in(5).then(|| {
                let from = random.below(60);
                (from, from + 5 + random.below(60))
            }),
            pods: (0..replicas).map(|_| (1, State::Ready)).collect(),
            start: 1 + random.below(8),
            looks_at: random.below(10),
        }
    }

    pub(crate) fn second(&mut self, second: u64, server: &mut Server) {
        for (_, state) in &mut self.pods {
            if matches!(state, State::Starting { ready_at } if *ready_at <= second) {
                *state = State::Ready;
            }
        }
        let looked = second >= self.looks_at;
        let all_ready = self.pods.iter().all(|(_, state)| *state == State::Ready);
        if looked
            && all_ready
            && let Some(next) = self.pods.iter_mut().rev().find(|(template, _)| *template == 1)
        {
            let ready_at = second + self.start;
            *next = (2, if self.fails { State::CannotPull } else { State::Starting { ready_at } });
        }
        self.write(looked, server);
    }

    fn write(&self, looked: bool, server: &mut Server) {
        let names: Vec<String> = self.pods.iter().enumerate().map(|(at, (of, _))| key(at, *of)).collect();
        let kept: Vec<&str> = names.iter().map(String::as_str).collect();
        server.keep_pods(&kept);
        for (ordinal, (template, state)) in self.pods.iter().enumerate() {
            server.put(&key(ordinal, *template), pod(ordinal, *template, *state));
        }
        let count = |is: &dyn Fn(&(u64, State)) -> bool| self.pods.iter().filter(|pod| is(pod)).count();
        let ready = count(&|(_, state)| *state == State::Ready);
        let new = count(&|(template, _)| *template == 2);
        let replicas = self.pods.len();
        let current = if new == replicas && ready == replicas { 2 } else { 1 };
        let (updated, newest) = if looked { (new, 2) } else { (replicas, 1) };
        server.put(
            "d",
            json!({"kind": "StatefulSet",
                "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 2},
                "spec": {"replicas": replicas, "serviceName": "web",
                    "selector": {"matchLabels": {"app": "web"}},
                    "template": {"metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"name": "app", "image": "web:2"}]}}},
                "status": {"observedGeneration": if looked { 2 } else { 1 }, "replicas": replicas,
                    "updatedReplicas": updated, "currentReplicas": replicas - updated, "readyReplicas": ready,
                    "availableReplicas": ready, "currentRevision": format!("web-{current}"),
                    "updateRevision": format!("web-{newest}")}}),
        );
    }
}

/// A name is given again: what was made before has to go first.
fn key(ordinal: usize, template: u64) -> String {
    format!("web-{ordinal}@{template}")
}

fn pod(ordinal: usize, template: u64, state: State) -> Value {
    let (phase, ready, container) = match state {
        State::Ready => ("Running", true, json!({"running": {}})),
        State::Starting { .. } => ("Pending", false, json!({"waiting": {"reason": "ContainerCreating"}})),
        State::CannotPull => {
            let message = "rpc error: code = NotFound desc = failed to resolve: web:2: not found";
            ("Pending", false, json!({"waiting": {"reason": "ErrImagePull", "message": message}}))
        }
    };
    let word = if ready { "True" } else { "False" };
    json!({"kind": "Pod",
        "metadata": {"name": format!("web-{ordinal}"), "namespace": "shop",
            "labels": {"app": "web", "controller-revision-hash": format!("web-{template}"),
                "statefulset.kubernetes.io/pod-name": format!("web-{ordinal}")},
            "ownerReferences": [{"kind": "StatefulSet", "name": "web", "uid": "d", "controller": true}]},
        "spec": {"nodeName": "n", "containers": [{"name": "app", "image": format!("web:{template}")}]},
        "status": {"phase": phase,
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": word}],
            "containerStatuses": [{"name": "app", "ready": ready, "restartCount": 0, "state": container}]}})
}

/// Whether that StatefulSet is complete as its controller means it.
pub(crate) fn is_complete(set: &Value) -> bool {
    let (spec, status) = (&set["spec"], &set["status"]);
    status["observedGeneration"] == set["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|count| status[count].as_u64().unwrap_or(0) == spec["replicas"].as_u64().unwrap_or(0))
}
