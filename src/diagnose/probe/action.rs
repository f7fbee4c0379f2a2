//! What a probe does, in words, and how long it lets a container take.

use crate::model::{Container, PortRef, Probe, ProbeAction};

use super::ProbeKind;

/// The probe of that kind.
pub(super) const fn of(container: &Container, kind: ProbeKind) -> Option<&Probe> {
    match kind {
        ProbeKind::Startup => container.startup_probe.as_ref(),
        ProbeKind::Liveness => container.liveness_probe.as_ref(),
        ProbeKind::Readiness => container.readiness_probe.as_ref(),
    }
}

/// `GET http://:8080/healthz`, `TCP :5432`, `exec cat /tmp/ok`, `gRPC :50051`. A port that has a name is shown by
/// its number where the container declares it.
pub(super) fn spoken(container: &Container, probe: &Probe) -> String {
    let number = |port: &PortRef| {
        container.resolve_port(port).map_or_else(|| port.to_string(), |number| number.to_string())
    };
    match probe.action() {
        ProbeAction::Http(http) => {
            let scheme = http.scheme.as_deref().unwrap_or("HTTP").to_lowercase();
            let path = http.path.as_deref().unwrap_or("/");
            let slash = if path.starts_with('/') { "" } else { "/" };
            format!(
                "GET {scheme}://{}:{}{slash}{path}",
                http.host.as_deref().unwrap_or(""),
                number(&http.port)
            )
        }
        ProbeAction::Tcp(tcp) => format!("TCP :{}", number(&tcp.port)),
        ProbeAction::Exec(exec) => {
            format!("exec {}", super::super::logs::shorten(&exec.command.join(" "), 100))
        }
        ProbeAction::Grpc(grpc) => {
            let service = grpc.service.as_deref().filter(|service| !service.is_empty());
            format!(
                "gRPC :{}{}",
                grpc.port,
                service.map_or_else(String::new, |service| format!(" service {service}"))
            )
        }
        ProbeAction::Other => "a probe of an unknown kind".to_owned(),
    }
}

/// The port it asks: its number if that can be told, and how it is written.
pub(super) fn port(container: &Container, probe: &Probe) -> Option<(Option<i64>, String)> {
    match probe.action() {
        ProbeAction::Http(http) => Some((container.resolve_port(&http.port), http.port.to_string())),
        ProbeAction::Tcp(tcp) => Some((container.resolve_port(&tcp.port), tcp.port.to_string())),
        ProbeAction::Grpc(grpc) => Some((Some(grpc.port), grpc.port.to_string())),
        ProbeAction::Exec(_) | ProbeAction::Other => None,
    }
}

/// `8080 (http), 9090`, or that there are none.
pub(super) fn declared_ports(container: &Container) -> String {
    if container.ports.is_empty() {
        return "no ports".to_owned();
    }
    let ports: Vec<String> = container
        .ports
        .iter()
        .map(|port| match &port.name {
            Some(name) => format!("{} ({name})", port.container_port),
            None => port.container_port.to_string(),
        })
        .collect();
    format!("{} {}", if ports.len() == 1 { "port" } else { "ports" }, ports.join(", "))
}

/// `30s (initialDelaySeconds 0 + failureThreshold 3 × periodSeconds 10)`.
pub(super) fn budget(probe: &Probe) -> String {
    format!(
        "{}s (initialDelaySeconds {} + failureThreshold {} × periodSeconds {})",
        probe.budget_seconds(),
        probe.initial_delay_seconds,
        probe.failure_threshold,
        probe.period_seconds
    )
}

/// Seconds from the start of a container in which a container that is well becomes Ready, without any slack.
///
/// Readiness is not probed before the startup probe has passed; then kubelet waits up to a period, and failures
/// up to the threshold are as planned.
pub(super) fn readiness_budget(container: &Container) -> u64 {
    let startup = container.startup_probe.as_ref().map_or(0, Probe::budget_seconds);
    let Some(probe) = &container.readiness_probe else { return startup };
    let thresholds = (probe.failure_threshold + probe.success_threshold).saturating_sub(3);
    let planned = probe.initial_delay_seconds
        + probe.timeout_seconds
        + thresholds * probe.period_seconds
        + probe.period_seconds / 2
        + probe.timeout_seconds;
    startup + planned.max(probe.budget_seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(json: serde_json::Value) -> Container {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_probe_is_spoken_as_what_it_asks() {
        let app =
            container(serde_json::json!({"name": "app", "ports": [{"name": "http", "containerPort": 8080}],
            "livenessProbe": {"httpGet": {"path": "healthz", "port": "http", "scheme": "HTTPS"}},
            "readinessProbe": {"exec": {"command": ["cat", "/tmp/ok"]}},
            "startupProbe": {"grpc": {"port": 5, "service": "x"}}}));
        let probe = app.liveness_probe.as_ref().unwrap();
        assert_eq!(spoken(&app, probe), "GET https://:8080/healthz");
        assert_eq!(port(&app, probe), Some((Some(8080), "http".into())));
        assert_eq!(spoken(&app, app.readiness_probe.as_ref().unwrap()), "exec cat /tmp/ok");
        assert_eq!(spoken(&app, app.startup_probe.as_ref().unwrap()), "gRPC :5 service x");
        assert_eq!(declared_ports(&app), "port 8080 (http)");
    }

    #[test]
    fn readiness_has_the_startup_budget_in_front() {
        let app = container(serde_json::json!({"name": "app",
            "startupProbe": {"tcpSocket": {"port": 1}, "failureThreshold": 30, "periodSeconds": 10},
            "readinessProbe": {"tcpSocket": {"port": 1}, "initialDelaySeconds": 5, "failureThreshold": 6}}));
        // 300, then the larger of 5 + 1 + (6 + 1 - 3) × 10 + 5 + 1 and 5 + 6 × 10.
        assert_eq!(readiness_budget(&app), 365);
    }
}
