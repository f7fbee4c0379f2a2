//! Which of three it is: the probe is wrong, the probe is too impatient, the application will never answer.

use super::super::logs::shorten;
use super::application_log::{listening, startup_seconds, trouble};
use super::{ProbeKind, action};
use crate::model::{Container, Probe, ProbeAction};

/// The article's three possibilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Possibility {
    ProbeIsWrong,
    ProbeIsImpatient,
    ApplicationIsUnwell,
}

/// A judgement on a failing probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opinion {
    /// The likeliest; `None` where nothing tells them apart.
    pub(super) possibility: Option<Possibility>,
    /// Waiting longer does not help: the port or the path is not there.
    pub(super) clear: bool,
    /// A fragment that says why.
    pub(super) why: String,
    /// What to do about it.
    pub(super) help: Vec<String>,
}

impl Opinion {
    fn new(possibility: Possibility, why: impl Into<String>, help: impl Into<String>) -> Self {
        Self { possibility: Some(possibility), clear: false, why: why.into(), help: vec![help.into()] }
    }

    const fn clear(mut self) -> Self {
        self.clear = true;
        self
    }
}

/// Judges by the newest output of the probe, the spec, and the log of the application.
pub(super) fn judge(
    container: &Container,
    kind: ProbeKind,
    probe: &Probe,
    output: &str,
    log: &[&str],
    old: Option<&Container>,
) -> Opinion {
    let lower = output.to_lowercase();
    let has = |texts: &[&str]| texts.iter().any(|text| lower.contains(text));
    if let Some(status) = status_code(output) {
        return by_status(container, kind, probe, status, log, old);
    }
    if has(&[
        "server gave http response to https client",
        "malformed http response",
        "tls: first record does not look like",
    ]) {
        return Opinion::new(
            Possibility::ProbeIsWrong,
            format!(
                "probe and application do not speak the same scheme: {}",
                action::spoken(container, probe)
            ),
            "set httpGet.scheme to what the port speaks (HTTP or HTTPS)",
        )
        .clear();
    }
    if has(&["does not implement the grpc health protocol"]) {
        return Opinion::new(
            Possibility::ProbeIsWrong,
            "the server on that port does not implement grpc.health.v1.Health",
            "register the gRPC health service, or probe another way",
        )
        .clear();
    }
    if has(&["timed out", "client.timeout", "deadline exceeded", "i/o timeout"]) {
        return by_timeout(container, kind, probe, log);
    }
    if has(&["not_serving", "service unhealthy"]) {
        return unwell("the gRPC health service answers NOT_SERVING", log);
    }
    if has(&["connection refused", "connection reset", "eof", "no route to host"]) {
        return refused(container, kind, probe, log);
    }
    if matches!(probe.action(), ProbeAction::Exec(_)) {
        return by_exec(container, probe, output, log);
    }
    Opinion { possibility: None, clear: false, why: String::new(), help: all_three().to_vec() }
}

fn status_code(output: &str) -> Option<u16> {
    let (_, rest) = output.split_once("statuscode: ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn by_status(
    container: &Container,
    kind: ProbeKind,
    probe: &Probe,
    status: u16,
    log: &[&str],
    old: Option<&Container>,
) -> Opinion {
    let asks = action::spoken(container, probe);
    match status {
        401 | 403 => Opinion::new(
            Possibility::ProbeIsWrong,
            format!("{asks} answers {status}: it wants credentials"),
            "probe a path that needs no login, or send what it needs in httpGet.httpHeaders",
        )
        .clear(),
        500.. => unwell(&format!("{asks} answers {status}"), log),
        _ => {
            let before = old
                .and_then(|old| Some(action::spoken(old, action::of(old, kind)?)))
                .filter(|before| *before != asks)
                .map_or_else(String::new, |before| {
                    format!("; the previous revision was probed with {before}")
                });
            Opinion::new(
                Possibility::ProbeIsWrong,
                format!("{asks} answers {status}: the application is up, but has nothing at that path{before}"),
                format!("correct the path of the {} probe of container {}, or let the application answer there: did its health URL change?", kind.word(), container.name),
            )
            .clear()
        }
    }
}

fn by_timeout(container: &Container, kind: ProbeKind, probe: &Probe, log: &[&str]) -> Opinion {
    let timeout = probe.timeout_seconds;
    let mut opinion = Opinion::new(
        Possibility::ProbeIsImpatient,
        format!("{} did not answer within {timeout}s (timeoutSeconds)", action::spoken(container, probe)),
        format!(
            "raise timeoutSeconds of the {} probe of container {} above the time it takes to answer, or make the check cheaper",
            kind.word(),
            container.name
        ),
    );
    let cpu = container.resources.limits.get("cpu");
    if let Some(cpu) = cpu.filter(|cpu| cpu.value().is_some_and(|cores| cores <= 0.2)) {
        opinion.help.push(format!("the CPU limit of {cpu} throttles the application: raise it"));
    }
    if let Some(line) = trouble(log) {
        opinion.help.push(format!("or it hangs on something it depends on; it logged \"{line}\""));
    }
    opinion
}

fn refused(container: &Container, kind: ProbeKind, probe: &Probe, log: &[&str]) -> Opinion {
    let Some((number, written)) = action::port(container, probe) else {
        return Opinion { possibility: None, clear: false, why: String::new(), help: all_three().to_vec() };
    };
    let declared =
        number.is_some_and(|number| container.ports.iter().any(|port| port.container_port == number));
    let listening = log.iter().rev().find_map(|line| listening(line));
    let name = &container.name;
    match listening {
        Some(listening) if listening.loopback && Some(listening.port) == number => Opinion::new(
            Possibility::ApplicationIsUnwell,
            format!(
                "it listens on the loopback address only, where kubelet cannot reach it: \"{}\"",
                listening.line
            ),
            format!("let container {name} listen on 0.0.0.0:{} ", listening.port).trim_end().to_owned(),
        )
        .clear(),
        Some(listening) if Some(listening.port) != number => Opinion::new(
            Possibility::ProbeIsWrong,
            format!(
                "the probe asks port {written}, container {name} declares {} and logs \"{}\"",
                action::declared_ports(container),
                listening.line
            ),
            format!("set the port of the {} probe to {}", kind.word(), listening.port),
        )
        .clear(),
        None if !declared && !container.ports.is_empty() => Opinion::new(
            Possibility::ProbeIsWrong,
            format!(
                "nothing listens on port {written}, and container {name} declares {}",
                action::declared_ports(container)
            ),
            format!("set the port of the {} probe to the one the application listens on", kind.word()),
        )
        .clear(),
        _ => not_listening_yet(container, kind, probe, (&written, declared), log),
    }
}

/// The port is right as far as can be told, and nothing listens there: too early, or never.
fn not_listening_yet(
    container: &Container,
    kind: ProbeKind,
    probe: &Probe,
    (port, declared): (&str, bool),
    log: &[&str],
) -> Opinion {
    let name = &container.name;
    let started_after = log.iter().rev().find_map(|line| startup_seconds(line));
    if let Some(seconds) = started_after.filter(|seconds| *seconds > probe.budget_seconds()) {
        return Opinion::new(
            Possibility::ProbeIsImpatient,
            format!(
                "the {} probe allows {}, and the application logged a start of {seconds}s",
                kind.word(),
                action::budget(probe)
            ),
            patience(container, probe, seconds),
        );
    }
    if let Some(line) = trouble(log) {
        return Opinion {
            possibility: Some(Possibility::ApplicationIsUnwell),
            clear: false,
            why: format!("nothing listens on port {port} of container {name}, which logged \"{line}\""),
            help: vec![
                "look at what the application logs: something it depends on may be missing or misconfigured"
                    .to_owned(),
                patience(container, probe, probe.budget_seconds().saturating_mul(2)),
            ],
        };
    }
    // A start that takes its time: it is what a startup probe measures; or the port is the declared one, and the
    // application is at work.
    let starting = kind == ProbeKind::Startup || (declared && log.iter().any(|line| !line.trim().is_empty()));
    let [wrong, impatient, never] = all_three();
    let help = if kind == ProbeKind::Readiness {
        vec![wrong, impatient, never]
    } else {
        vec![patience(container, probe, probe.budget_seconds().saturating_mul(2)), wrong, never]
    };
    Opinion {
        possibility: starting.then_some(Possibility::ProbeIsImpatient),
        clear: false,
        why: format!(
            "nothing listens on port {port} of container {name} in the {} it is given",
            action::budget(probe)
        ),
        help,
    }
}

/// A startup probe with room for twice what was seen.
fn patience(container: &Container, probe: &Probe, seconds: u64) -> String {
    let period = probe.period_seconds.max(1);
    let threshold = seconds.saturating_mul(2).div_ceil(period).max(probe.failure_threshold + 1);
    if container.startup_probe.is_some() {
        format!(
            "if it only needs longer to start: raise failureThreshold of the startup probe of container {} to {threshold}",
            container.name
        )
    } else {
        format!(
            "if it only needs longer to start: add a startupProbe to container {} with periodSeconds {period} and failureThreshold {threshold}; the other probes wait for it",
            container.name
        )
    }
}

fn by_exec(container: &Container, probe: &Probe, output: &str, log: &[&str]) -> Opinion {
    let lower = output.to_lowercase();
    let said = output.lines().next().unwrap_or_default().trim();
    // A shell inside the probe that does not find its command: the probe can never pass.
    if lower.contains(": not found") || lower.contains("command not found") {
        return Opinion::new(
            Possibility::ProbeIsWrong,
            format!("its command says \"{}\": the image has no such program", shorten(said, 120)),
            "use a program that the image has, or an httpGet, tcpSocket or grpc probe, which needs none",
        )
        .clear();
    }
    let asks = action::spoken(container, probe);
    let what = if said.is_empty() {
        format!("{asks} fails and prints nothing")
    } else {
        format!("{asks} fails and says \"{}\"", shorten(said, 160))
    };
    let mut opinion = unwell(&what, log);
    opinion.help.push("or the check itself is wrong: run it by hand with `kubectl exec`".to_owned());
    opinion
}

fn unwell(what: &str, log: &[&str]) -> Opinion {
    let trouble = trouble(log);
    let logged = trouble.as_ref().map_or_else(String::new, |line| format!("; it logged \"{line}\""));
    Opinion::new(
        Possibility::ApplicationIsUnwell,
        format!("{what}{logged}"),
        "the application runs and says itself that it is not well: look at its log, and at what it depends on (database, configuration)",
    )
}

/// The three possibilities, where nothing tells them apart.
fn all_three() -> [String; 3] {
    [
        "the probe may be wrong: compare its port, path or command with what the application offers",
        "the probe may be too impatient: does the application need a while to start or to answer?",
        "the application may never answer: look at its log for a dependency or setting that is wrong",
    ]
    .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> Container {
        serde_json::from_value(serde_json::json!({"name": "app", "ports": [{"containerPort": 8080}],
            "readinessProbe": {"httpGet": {"path": "/healthz", "port": 9090}}}))
        .unwrap()
    }

    fn opinion(output: &str, log: &[&str]) -> Opinion {
        let app = app();
        judge(&app, ProbeKind::Readiness, app.readiness_probe.as_ref().unwrap(), output, log, None)
    }

    const REFUSED: &str =
        "Get \"http://10.244.1.25:9090/healthz\": dial tcp 10.244.1.25:9090: connect: connection refused";

    #[test]
    fn a_port_that_the_log_contradicts_makes_the_probe_wrong() {
        let opinion = opinion(REFUSED, &["boot", "listening on :8080"]);
        assert_eq!((opinion.possibility, opinion.clear), (Some(Possibility::ProbeIsWrong), true));
        assert!(opinion.why.contains("9090") && opinion.why.contains("8080"), "{}", opinion.why);
    }

    #[test]
    fn a_port_that_nobody_declares_makes_the_probe_wrong() {
        assert_eq!(opinion(REFUSED, &[]).possibility, Some(Possibility::ProbeIsWrong));
    }

    #[test]
    fn loopback_is_the_applications_fault() {
        let opinion = opinion(REFUSED, &["Serving on http://127.0.0.1:9090"]);
        assert_eq!(opinion.possibility, Some(Possibility::ApplicationIsUnwell));
        assert!(opinion.why.contains("loopback"));
    }

    #[test]
    fn answers_are_told_apart() {
        for (output, possibility, clear) in [
            ("HTTP probe failed with statuscode: 404", Possibility::ProbeIsWrong, true),
            ("HTTP probe failed with statuscode: 401", Possibility::ProbeIsWrong, true),
            ("HTTP probe failed with statuscode: 503", Possibility::ApplicationIsUnwell, false),
            (
                "Get \"https://1.2.3.4:8080/\": http: server gave HTTP response to HTTPS client",
                Possibility::ProbeIsWrong,
                true,
            ),
            (
                "Get \"http://1.2.3.4:8080/\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
                Possibility::ProbeIsImpatient,
                false,
            ),
        ] {
            let opinion = opinion(output, &[]);
            assert_eq!((opinion.possibility, opinion.clear), (Some(possibility), clear), "{output}");
        }
    }

    #[test]
    fn the_log_line_of_the_trouble_is_quoted() {
        let opinion = opinion(
            "HTTP probe failed with statuscode: 503",
            &["ERROR db: connection refused", "GET /healthz"],
        );
        assert!(opinion.why.contains("ERROR db: connection refused"), "{}", opinion.why);
    }
}
