//! A Job of one pod, with two tries (`pkg/controller/job/job_controller.go`).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::random::Random;
use crate::server::Server;

/// The Job, second by second.
pub(crate) struct Job {
    /// Both tries fail.
    pub(crate) fails: bool,
    pub(crate) dark: Option<(u64, u64)>,
    /// When each try begins and ends.
    tries: Vec<(u64, u64)>,
    origin: Timestamp,
}

impl Job {
    pub(crate) fn new(random: &mut Random, origin: Timestamp) -> Self {
        let mut begin = 1 + random.below(5);
        let fails = random.one_in(3);
        // one that succeeds may have failed once
        let count = if fails || random.one_in(3) { 2 } else { 1 };
        let tries = (0..count)
            .map(|_| {
                let end = begin + 2 + random.below(8);
                (std::mem::replace(&mut begin, end + 5), end)
            })
            .collect();
        let dark = random.one_in(5).then(|| {
            let from = random.below(40);
            (from, from + 5 + random.below(60))
        });
        Self { fails, dark, tries, origin }
    }

    fn time(&self, second: u64) -> String {
        let time = self.origin + std::time::Duration::from_secs(second);
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    pub(crate) fn second(&mut self, second: u64, server: &mut Server) {
        let (mut active, mut failed, mut succeeded) = (0, 0, 0);
        let mut pods: Vec<(usize, Value)> = Vec::new();
        for (number, (begin, end)) in self.tries.iter().enumerate() {
            let last = number + 1 == self.tries.len();
            if second < *begin {
                continue;
            }
            let well = last && !self.fails;
            let status = if second < *end {
                active += 1;
                json!({"phase": "Running",
                    "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}],
                    "containerStatuses": [{"name": "app", "ready": true, "restartCount": 0,
                        "state": {"running": {"startedAt": self.time(*begin)}}}]})
            } else {
                *(if well { &mut succeeded } else { &mut failed }) += 1;
                let (phase, code, reason) =
                    if well { ("Succeeded", 0, "Completed") } else { ("Failed", 1, "Error") };
                json!({"phase": phase,
                    "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}],
                    "containerStatuses": [{"name": "app", "ready": false, "restartCount": 0,
                        "state": {"terminated": {"exitCode": code, "reason": reason,
                            "startedAt": self.time(*begin), "finishedAt": self.time(*end)}}}]})
            };
            pods.push((number, status));
        }
        let labels = json!({"job-name": "web", "batch.kubernetes.io/job-name": "web"});
        for (number, status) in pods {
            let name = format!("web-{number}");
            let pod = json!({"kind": "Pod",
                "metadata": {"name": name, "namespace": "shop", "labels": labels,
                    "ownerReferences": [{"kind": "Job", "name": "web", "uid": "d", "controller": true}]},
                "spec": {"nodeName": "n", "restartPolicy": "Never",
                    "containers": [{"name": "app", "image": "web:2"}]},
                "status": status});
            server.put(&name, pod);
        }
        let mut status = json!({"startTime": self.time(0), "active": active, "failed": failed,
            "succeeded": succeeded});
        let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "lastTransitionTime": self.time(second)});
        let over = self.tries.last().map_or(0, |(_, end)| *end);
        if second >= over {
            let conditions = if self.fails {
                [("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded")]
            } else {
                status["completionTime"] = self.time(over).into();
                [("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached")]
            };
            // written once
            let before = server.get("d").map(|job| job["status"]["conditions"].clone());
            status["conditions"] = before
                .filter(Value::is_array)
                .unwrap_or_else(|| conditions.map(|(kind, reason)| condition(kind, reason)).to_vec().into());
        }
        server.put(
            "d",
            json!({"kind": "Job",
                "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 1},
                "spec": {"backoffLimit": self.tries.len() - usize::from(self.fails), "completions": 1,
                    "parallelism": 1,
                    "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"restartPolicy": "Never",
                        "containers": [{"name": "app", "image": "web:2"}]}}},
                "status": status}),
        );
    }
}

/// Whether that Job is complete.
pub(crate) fn is_complete(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Complete" && condition["status"] == "True")
}
