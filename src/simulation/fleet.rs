//! The truth: a Deployment, its controller and its pods, second by second, as a seed chooses.
//!
//! `tests/history` plays the same on a real API server.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Random;
use super::server::Server;

/// How a rollout goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// Its pods come up and stay.
    Healthy,
    /// A pod is Ready for a few seconds, then dies, again and again.
    CrashAfterReady,
    /// The controller looks at the newest spec late, and shows the complete status of the old one until then.
    ObservedLate,
    /// Deleted, and created again under its name.
    Recreated,
    /// The image cannot be pulled for a while, then it can.
    PullHeals,
    /// The image cannot be pulled.
    PullFails,
    /// Complete at first; its pods die while the server is stuck or the way is cut.
    DiesUnseen,
    /// Somebody changes the template on the way.
    Superseded,
    /// Somebody scales it up and down all the time.
    Scaled,
    /// All that is new was there before we looked.
    LongComplete,
}

const COURSES: [Course; 10] = [
    Course::Healthy,
    Course::CrashAfterReady,
    Course::ObservedLate,
    Course::Recreated,
    Course::PullHeals,
    Course::PullFails,
    Course::DiesUnseen,
    Course::Superseded,
    Course::Scaled,
    Course::LongComplete,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting { ready_at: u64 },
    CannotPull { until: u64 },
    Ready { since: u64 },
    Dead { at: u64, back_at: u64 },
}

/// All calls are refused in these seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusing {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) code: u16,
    /// The watches are cut when it begins, as by a server that starts.
    pub(crate) cuts: bool,
}

/// The trouble of pods that the rollout replaces.
#[derive(Clone, Copy, Debug)]
struct Ailing {
    from: u64,
    to: u64,
    /// Their images are gone from the node; otherwise they die.
    pulls: bool,
}

/// Why nobody can see anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Darkness {
    /// Connections are refused.
    Refused,
    /// Nothing is answered, and the watches are silent.
    Silent,
    /// Reads are not answered; watches are accepted, out of the API server's memory, and bring bookmarks that come no
    /// further.
    EtcdIsStuck,
}

/// Its longest refusals that must not be believed, and its shortest that are.
pub(crate) const SHORT_REFUSAL: u64 = 8;
pub(crate) const LONG_REFUSAL: u64 = 30;

/// Etcd is restored from a backup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Restore {
    /// When the backup was made.
    pub(crate) of: u64,
    pub(crate) at: u64,
    /// How much others write at once.
    pub(crate) written_since: u64,
}

#[derive(Clone, Debug)]
struct Pod {
    name: String,
    template: u64,
    restarts: u64,
    state: State,
}

/// What is true at one second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Truth {
    /// The Deployment says that it is complete, of the newest spec.
    pub(crate) complete: bool,
    /// It is not the one that was there at first.
    pub(crate) recreated: bool,
    /// The template that its spec has.
    pub(crate) template: u64,
    /// All pods of the newest template are Ready, the youngest since so many seconds.
    pub(crate) age: Option<u64>,
    /// An image could not be pulled, or a container had ended.
    pub(crate) trouble: bool,
}

#[derive(Clone)]
pub(crate) struct Fleet {
    pub(crate) course: Course,
    /// Seconds in which nobody can see anything.
    pub(crate) dark: Option<(u64, u64)>,
    pub(crate) darkness: Darkness,
    pub(crate) refusing: Option<Refusing>,
    pub(crate) restore: Option<Restore>,
    /// The second at which the turn of the course comes.
    pub(crate) turn: u64,
    /// What becomes of the pods of the templates before, which is no fault of the newest one.
    ailing: Option<Ailing>,
    pub(crate) history: Vec<Truth>,
    uid: String,
    generation: u64,
    template: u64,
    replicas: usize,
    /// The controller works every so many seconds.
    lag: u64,
    asleep_until: u64,
    observed: u64,
    /// The template of the generation that was observed.
    observed_template: u64,
    made: u64,
    pods: Vec<Pod>,
    start: u64,
    /// When second 0 is.
    origin: Timestamp,
}

/// The template that is rolled out at first.
const TEMPLATE: u64 = 2;

impl Fleet {
    pub(crate) fn new(random: &mut Random, origin: Timestamp) -> Self {
        let course = COURSES[usize::try_from(random.below(COURSES.len() as u64)).unwrap()];
        let turn = 5 + random.below(50);
        let mut dark = (course == Course::DiesUnseen || random.one_in(5)).then(|| {
            let from = if course == Course::DiesUnseen { turn - 1 } else { random.below(80) };
            // to the very end at times: then nothing can be known
            (from, from + if random.one_in(4) { 1000 } else { 5 + random.below(100) })
        });
        if course == Course::PullHeals && random.one_in(2) {
            dark = Some((turn + 2, turn + 130));
        }
        let refusing = random.one_in(6).then(|| {
            let from = random.below(120);
            let short = random.one_in(2);
            let long = if short { 1 + random.below(SHORT_REFUSAL) } else { LONG_REFUSAL + random.below(400) };
            let code = if random.one_in(2) { 401 } else { 403 };
            Refusing { from, to: from + long, code, cuts: random.one_in(2) }
        });
        let restore = random.one_in(8).then(|| {
            let of = random.below(90);
            let at = of + 1 + random.below(60);
            let written_since = [0, 3, 40, 1000][usize::try_from(random.below(4)).unwrap()];
            Restore { of, at, written_since }
        });
        let all = [Darkness::Refused, Darkness::Silent, Darkness::EtcdIsStuck];
        let mut darkness = all[usize::try_from(random.below(3)).unwrap()];
        if let Some(restore) = restore {
            // the API servers are down meanwhile
            dark = Some((restore.at, restore.at + 1 + random.below(20)));
            darkness = Darkness::Refused;
        }
        let replicas = 1 + usize::try_from(random.below(3)).unwrap();
        let ailing = random.one_in(3).then(|| {
            let from = random.below(30);
            Ailing { from, to: from + 10 + random.below(60), pulls: random.one_in(2) }
        });
        let mut fleet = Self {
            course,
            dark,
            darkness,
            refusing,
            restore,
            turn,
            ailing,
            history: Vec::new(),
            uid: "d".to_owned(),
            generation: TEMPLATE,
            template: TEMPLATE,
            replicas,
            lag: 1 + random.below(3),
            asleep_until: if course == Course::ObservedLate { turn + 20 } else { random.below(3) },
            observed: 1,
            observed_template: 1,
            made: 0,
            pods: Vec::new(),
            start: 1 + random.below(20),
            origin,
        };
        let old = if course == Course::LongComplete { TEMPLATE } else { 1 };
        for _ in 0..replicas {
            fleet.make(old, State::Ready { since: 0 });
        }
        if course == Course::LongComplete {
            fleet.observed = TEMPLATE;
            fleet.observed_template = TEMPLATE;
        }
        fleet
    }

    fn make(&mut self, template: u64, state: State) {
        self.made += 1;
        let name = format!("web-{}-{}-{}", self.uid, template, self.made);
        self.pods.push(Pod { name, template, restarts: 0, state });
    }

    /// The objects are as they were in that backup; but containers run on nodes, and what was true before stays so.
    pub(crate) fn restore(&mut self, backup: &Self, second: u64) {
        let state = State::Starting { ready_at: second + self.start };
        let pods = backup.pods.iter().map(|pod| {
            let alive = self.pods.iter().find(|alive| alive.name == pod.name);
            alive.cloned().unwrap_or_else(|| Pod { state, ..pod.clone() })
        });
        let pods = pods.collect();
        let history = std::mem::take(&mut self.history);
        // a name, and a uid, is given once
        let made = self.made.max(backup.made);
        *self = Self { history, made, pods, ..backup.clone() };
    }

    /// One second passes.
    pub(crate) fn second(&mut self, second: u64, random: &mut Random, server: &mut Server) {
        self.turns(second, server);
        let mut truth = Truth { template: self.template, ..Truth::default() };
        for index in 0..self.pods.len() {
            let state = self.next_state(index, second);
            let pod = &mut self.pods[index];
            if state != pod.state {
                if matches!(pod.state, State::Dead { .. }) {
                    pod.restarts += 1;
                }
                pod.state = state;
            }
        }
        if second >= self.asleep_until && second.is_multiple_of(self.lag) {
            self.sync(second, random);
        }
        self.write(server);
        truth.trouble = self.pods.iter().any(|pod| {
            pod.template == self.template
                && matches!(pod.state, State::Dead { .. } | State::CannotPull { .. })
        });
        let ages = self.pods.iter().filter(|pod| pod.template == self.template).map(|pod| match pod.state {
            State::Ready { since } => Some(second - since),
            _ => None,
        });
        truth.age = ages.collect::<Option<Vec<u64>>>().and_then(|ages| ages.into_iter().min());
        truth.complete = server.get(&self.uid).is_some_and(is_complete);
        truth.recreated = self.uid != "d";
        self.history.push(truth);
    }

    /// What somebody does to it.
    fn turns(&mut self, second: u64, server: &mut Server) {
        match self.course {
            Course::Recreated if second == self.turn => {
                self.pods.clear();
                self.write(server);
                server.write("d", None);
                for set in 1..=2 {
                    server.write(&format!("rs-d-{set}"), None);
                }
                "e".clone_into(&mut self.uid);
                self.made = 0;
                for _ in 0..self.replicas {
                    self.make(TEMPLATE, State::Ready { since: second });
                }
                self.observed = self.generation;
                self.observed_template = self.template;
            }
            Course::Superseded if second == self.turn => {
                self.template += 1;
                self.generation += 1;
                self.asleep_until = second + 2;
            }
            Course::Scaled if second > 0 && second.is_multiple_of(3) && second < 120 => {
                self.replicas = 2 + usize::try_from(second / 3 % 2).unwrap();
                self.generation += 1;
            }
            _ => {}
        }
    }

    fn next_state(&self, index: usize, now: u64) -> State {
        let pod = &self.pods[index];
        let first = pod.template == self.template && self.course_kills(now);
        let ailing = self
            .ailing
            .filter(|ailing| pod.template != self.template && (ailing.from..ailing.to).contains(&now));
        match pod.state {
            State::Starting { ready_at } if ready_at <= now => State::Ready { since: now },
            State::CannotPull { until } if until <= now => State::Ready { since: now },
            State::Ready { since } if first && since + 3 <= now => State::Dead { at: now, back_at: now + 9 },
            State::Ready { since } if since + 3 <= now && ailing.is_some() => {
                if ailing.is_some_and(|ailing| ailing.pulls) {
                    State::CannotPull { until: now + 20 }
                } else {
                    State::Dead { at: now, back_at: now + 9 }
                }
            }
            State::Dead { back_at, .. } if back_at <= now => State::Ready { since: now },
            state => state,
        }
    }

    fn course_kills(&self, now: u64) -> bool {
        match self.course {
            Course::CrashAfterReady => now < self.turn + 90,
            Course::DiesUnseen => (self.turn..self.turn + 90).contains(&now),
            _ => false,
        }
    }

    /// What the controllers do: new pods one at a time, an old one goes when a new one is Ready.
    fn sync(&mut self, second: u64, random: &mut Random) {
        self.observed = self.generation;
        self.observed_template = self.template;
        let template = self.template;
        let of_new = |pod: &Pod| pod.template == template;
        while self.pods.len() > self.replicas + 1
            || (self.pods.len() > self.replicas && self.pods.iter().all(of_new))
        {
            drop(self.pods.pop());
        }
        if self.pods.iter().filter(|pod| of_new(pod)).count() < self.replicas
            && self.pods.len() <= self.replicas
        {
            let state = match self.course {
                Course::PullHeals if second < self.turn + 10 => State::CannotPull { until: self.turn + 10 },
                Course::PullFails => State::CannotPull { until: u64::MAX },
                _ => State::Starting { ready_at: second + self.start + random.below(3) },
            };
            self.make(template, state);
        }
        // Old pods that are of no use go first (`cleanupUnhealthyReplicas`).
        let is_up = |pod: &Pod| matches!(pod.state, State::Ready { .. });
        let up = self.pods.iter().filter(|pod| is_up(pod)).count();
        let coming = self.pods.iter().filter(|pod| of_new(pod) && !is_up(pod)).count();
        let useless = self.pods.iter().position(|pod| pod.template != template && !is_up(pod));
        if let Some(useless) = useless.filter(|_| self.pods.len() > self.replicas + coming) {
            drop(self.pods.remove(useless));
            return;
        }
        let old = self.pods.iter().position(|pod| pod.template != template);
        if let Some(old) = old.filter(|_| up > self.replicas) {
            drop(self.pods.remove(old));
        }
    }

    fn write(&self, server: &mut Server) {
        let names: Vec<&str> = self.pods.iter().map(|pod| pod.name.as_str()).collect();
        server.keep_pods(&names);
        for template in 1..=self.template {
            server.put(&format!("rs-{}-{template}", self.uid), self.replica_set(template));
        }
        for pod in &self.pods {
            server.put(&pod.name, self.pod(pod));
        }
        // Until it looks, all is as the spec before was left; and it never counts what it has not seen.
        let shown = self.observed_template;
        let of_shown = |pod: &&Pod| pod.template == shown;
        let updated = self.pods.iter().filter(of_shown).count();
        let ready = self.pods.iter().filter(|pod| matches!(pod.state, State::Ready { .. })).count();
        server.put(
            &self.uid,
            json!({"kind": "Deployment",
                "metadata": {"name": "web", "namespace": "shop", "uid": self.uid, "generation": self.generation,
                    "annotations": {"deployment.kubernetes.io/revision": shown.to_string()}},
                "spec": {"replicas": self.replicas, "selector": {"matchLabels": {"app": "web"}},
                    "template": template_of(self.template, false)},
                "status": {"observedGeneration": self.observed, "replicas": self.pods.len(), "updatedReplicas": updated,
                    "readyReplicas": ready, "availableReplicas": ready,
                    "unavailableReplicas": self.replicas.saturating_sub(ready)}}),
        );
    }

    fn replica_set(&self, template: u64) -> Value {
        let count = self.pods.iter().filter(|pod| pod.template == template).count();
        json!({"kind": "ReplicaSet",
            "metadata": {"name": format!("web-{template}"), "namespace": "shop",
                "uid": format!("rs-{}-{template}", self.uid),
                "labels": {"app": "web", "pod-template-hash": template.to_string()},
                "annotations": {"deployment.kubernetes.io/revision": template.to_string()},
                "ownerReferences": [{"kind": "Deployment", "name": "web", "uid": self.uid, "controller": true}]},
            "spec": {"replicas": count, "template": template_of(template, true)}, "status": {"replicas": count}})
    }

    fn pod(&self, pod: &Pod) -> Value {
        let Pod { name, template, restarts, state } = pod;
        json!({"kind": "Pod",
            "metadata": {"name": name, "namespace": "shop", "uid": name,
                "labels": {"app": "web", "pod-template-hash": template.to_string()},
                "ownerReferences": [{"kind": "ReplicaSet", "name": format!("web-{template}"),
                    "uid": format!("rs-{}-{template}", self.uid), "controller": true}]},
            "spec": {"nodeName": "n", "containers": [{"name": "app", "image": format!("web:{template}")}]},
            "status": status_of(*state, *template, *restarts, self.origin)})
    }
}

fn template_of(template: u64, of_set: bool) -> Value {
    let labels = if of_set {
        json!({"app": "web", "pod-template-hash": template.to_string()})
    } else {
        json!({"app": "web"})
    };
    json!({"metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": format!("web:{template}")}]}})
}

/// Whether that Deployment is complete as its controller means it.
pub(crate) fn is_complete(deployment: &Value) -> bool {
    let (spec, status) = (&deployment["spec"], &deployment["status"]);
    status["observedGeneration"] == deployment["metadata"]["generation"]
        && ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|count| status[count].as_u64().unwrap_or(0) == spec["replicas"].as_u64().unwrap_or(0))
}

fn status_of(state: State, template: u64, restarts: u64, origin: Timestamp) -> Value {
    let time = |second: u64| (origin + std::time::Duration::from_secs(second)).to_string();
    let (phase, ready, moved, container) = match state {
        State::Starting { .. } => {
            ("Pending", false, None, json!({"waiting": {"reason": "ContainerCreating"}}))
        }
        State::CannotPull { .. } => {
            let message =
                format!("rpc error: code = NotFound desc = failed to resolve: web:{template}: not found");
            ("Pending", false, None, json!({"waiting": {"reason": "ErrImagePull", "message": message}}))
        }
        State::Ready { since } => {
            ("Running", true, Some(since), json!({"running": {"startedAt": time(since)}}))
        }
        State::Dead { at, .. } => (
            "Running",
            false,
            Some(at),
            json!({"terminated": {"exitCode": 1, "reason": "Error", "startedAt": time(at.saturating_sub(3)),
                "finishedAt": time(at)}}),
        ),
    };
    let word = if ready { "True" } else { "False" };
    json!({"phase": phase,
        "conditions": [{"type": "PodScheduled", "status": "True"},
            {"type": "Ready", "status": word, "lastTransitionTime": moved.map(time)}],
        "containerStatuses": [{"name": "app", "ready": ready, "restartCount": restarts, "state": container}]})
}
