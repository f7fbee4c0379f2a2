//! Reports to render in tests: one for each kind of outcome, and one that has everything in it.

use crate::report::{
    Affected, Cause, ClusterInfo, Evidence, Impact, NotSeen, PodLine, PodState, Replicas, Report,
    SCHEMA_VERSION, Target, TargetImage, TimelineEntry, Tool, VerdictName, Warning,
};
#[cfg(test)]
use crate::report::{PlaceholderReport, PlaceholderTarget};
#[cfg(test)]
use crate::untrusted::Redactor;

pub(super) const POD: &str = "Pod shop/web-7c9d5f6b8-x2x4z";

#[cfg(test)]
pub(super) fn redactor() -> Redactor {
    Redactor::new::<&str>(&[]).unwrap()
}

pub(super) fn report(verdict: VerdictName, exit_code: u8, targets: Vec<Target>) -> Report {
    Report {
        schema_version: SCHEMA_VERSION,
        tool: tool(),
        verdict,
        exit_code: Some(exit_code),
        started_at: "2026-11-23T20:00:00.123456Z".to_owned(),
        duration_seconds: targets.iter().map(|target| target.duration_seconds).fold(0.0, f64::max),
        cluster: ClusterInfo {
            context: "prod-eu".to_owned(),
            server: "https://10.0.0.1:6443".to_owned(),
            version: "v1.36.3".to_owned(),
        },
        not_seen: Vec::new(),
        targets,
    }
}

#[cfg(test)]
pub(super) fn placeholder(targets: &[(&str, &str)]) -> PlaceholderReport {
    PlaceholderReport {
        schema_version: SCHEMA_VERSION,
        tool: tool(),
        verdict: VerdictName::Interrupted,
        exit_code: None,
        reason: "not-finished".to_owned(),
        message: None,
        help: Vec::new(),
        started_at: "2026-11-23T20:00:00Z".to_owned(),
        targets: targets
            .iter()
            .map(|(namespace, name)| PlaceholderTarget {
                kind: "Deployment".to_owned(),
                namespace: (*namespace).to_owned(),
                name: (*name).to_owned(),
            })
            .collect(),
    }
}

/// A run that ended before its wait.
#[cfg(test)]
pub(super) fn ended_by_an_error() -> PlaceholderReport {
    PlaceholderReport {
        verdict: VerdictName::Indeterminate,
        exit_code: Some(4),
        reason: "not-prepared".to_owned(),
        message: Some("cannot list deployments: <b>502</b>\n::error::x".to_owned()),
        help: vec!["grant the verb list".to_owned()],
        ..placeholder(&[("shop", "web")])
    }
}

fn tool() -> Tool {
    Tool { name: "rollout-guard".to_owned(), version: "0.1.0".to_owned() }
}

/// A Deployment of three replicas in the namespace `shop`.
pub(super) fn target(name: &str, verdict: VerdictName, reason: &str, seconds: f64) -> Target {
    Target {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        uid: "1b4e28ba-2fa1-11d2-883f-0016d3cca427".to_owned(),
        generation: 7,
        revision: Some("4".to_owned()),
        verdict,
        reason: reason.to_owned(),
        summary: String::new(),
        duration_seconds: seconds,
        single_look: false,
        replicas: Replicas { desired: 3, updated: 3, ready: 3, available: 3, old: 0 },
        images: Vec::new(),
        impact: Impact::default(),
        changes: Vec::new(),
        causes: Vec::new(),
        warnings: Vec::new(),
        timeline: Vec::new(),
        pods: Vec::new(),
        pods_omitted: 0,
        origin: None,
        policy: Vec::new(),
        undo: None,
    }
}

pub(super) fn cause(code: &str, headline: &str) -> Cause {
    Cause {
        code: code.to_owned(),
        family: "image".to_owned(),
        prognosis: "likely-permanent".to_owned(),
        confidence: "certain".to_owned(),
        headline: headline.to_owned(),
        subject: POD.to_owned(),
        since: 2.5,
        affected: Affected { pods: 1, of: 1 },
        evidence: Vec::new(),
        help: Vec::new(),
        changes: Vec::new(),
        commands: Vec::new(),
    }
}

pub(super) fn field(path: &str, value: &str) -> Evidence {
    Evidence::Field { object: POD.to_owned(), path: path.to_owned(), value: value.to_owned() }
}

pub(super) fn event(reason: &str, count: i64, message: &str) -> Evidence {
    Evidence::Event { object: POD.to_owned(), reason: reason.to_owned(), message: message.to_owned(), count }
}

pub(super) fn log(previous: bool, lines: &[&str]) -> Evidence {
    Evidence::Log {
        object: POD.to_owned(),
        container: "app".to_owned(),
        previous,
        lines: lines.iter().map(|line| (*line).to_owned()).collect(),
    }
}

pub(super) fn absence(what: &str) -> Evidence {
    Evidence::Absence { what: what.to_owned() }
}

pub(super) fn pod(name: &str, state: &str, restarts: i64) -> PodLine {
    PodLine {
        name: name.to_owned(),
        node: Some("node-1".to_owned()),
        revision: "current".to_owned(),
        states: vec![PodState { at: 1.0, state: state.to_owned() }],
        restarts,
    }
}

pub(super) fn warning(code: &str, message: &str) -> Warning {
    Warning { code: code.to_owned(), message: message.to_owned() }
}

pub(super) fn not_seen(what: &str, message: &str, consequence: &str) -> NotSeen {
    NotSeen { what: what.to_owned(), message: message.to_owned(), consequence: consequence.to_owned() }
}

pub(super) fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Every field filled, every kind of evidence, text of every hostile kind.
#[cfg(test)]
pub(super) fn kitchen_sink() -> Report {
    kitchen_sink_of(
        "]]></failure></testcase><testcase name=\"forged\"/> \0\u{1b}[31m\u{fffe}\u{202e} [[ATTACHMENT|/etc/passwd]]\n\
                   ##vso[task.complete]\n::error::x\rSPINNAKER_PROPERTY_A=1 password=hunter2 日本語 العربية & < > \" '",
    )
}

/// The same with this text wherever text of the cluster can stand.
pub(super) fn kitchen_sink_of(hostile: &str) -> Report {
    let mut worker = target("worker", VerdictName::Failed, "container-crashing", 36.0);
    hostile.clone_into(&mut worker.summary);
    worker.images = vec![TargetImage {
        container: "app".to_owned(),
        image: "registry.example.com/shop/worker:2".to_owned(),
        digests: vec!["sha256:00".to_owned()],
    }];
    worker.impact = Impact { summary: "nothing serves".to_owned(), old_pods_ready: 0, new_pods_ready: 0 };
    worker.changes = strings(&["image app: worker:1 -> worker:2", hostile]);
    let mut root = cause("container-crashing", hostile);
    root.evidence = vec![
        field("status.x", hostile),
        event("BackOff", 12, hostile),
        log(true, &[hostile, "", &"long ".repeat(1000)]),
        absence(hostile),
    ];
    root.help = strings(&[hostile]);
    root.commands = strings(&["kubectl -n shop get pods"]);
    worker.causes = vec![root, cause("readiness-probe-failing", "also this")];
    worker.warnings = vec![warning("mutable-tag", hostile)];
    worker.timeline = vec![
        TimelineEntry {
            at: 0.5,
            kind: "replicas".to_owned(),
            subject: "Deployment shop/worker".to_owned(),
            what: "1 of 3 updated".to_owned(),
            replicas: Some(Replicas::default()),
        },
        TimelineEntry {
            at: 36.0,
            kind: "verdict".to_owned(),
            subject: "Deployment shop/worker".to_owned(),
            what: hostile.to_owned(),
            replicas: None,
        },
    ];
    worker.pods = vec![pod("worker-1", hostile, 4), PodLine { node: None, ..pod("worker-2", "Pending", 0) }];
    worker.pods_omitted = 3;
    let mut web = target("web", VerdictName::Complete, "complete", 12.25);
    web.revision = None;
    "front".clone_into(&mut web.namespace);
    web.warnings = vec![warning("no-readiness-probe", hostile)];
    let mut report = report(VerdictName::Failed, 1, vec![worker, web]);
    report.not_seen = vec![not_seen("list events", hostile, "probe failures are missing")];
    report
}
