//! What a pod asks for as a whole.

use super::template::{Container, PodSpec};

/// Requests or limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Request,
    Limit,
}

impl PodSpec {
    /// The sum for a resource in its base unit; 0 where no container names it.
    ///
    /// After `PodRequests` of k8s.io/component-helpers: the containers that run together, or the largest init
    /// container beside the sidecars started before it, whichever is more, and the overhead.
    pub(crate) fn total(&self, ask: Ask, resource: &str) -> f64 {
        let of = |container: &Container| {
            let amounts = match ask {
                Ask::Request => &container.resources.requests,
                Ask::Limit => &container.resources.limits,
            };
            amounts.get(resource).and_then(super::Quantity::value).unwrap_or(0.0)
        };
        let mut sidecars = 0.0;
        let mut peak: f64 = 0.0;
        for init in &self.init_containers {
            if init.is_sidecar() {
                sidecars += of(init);
                peak = peak.max(sidecars);
            } else {
                peak = peak.max(sidecars + of(init));
            }
        }
        let together = sidecars + self.containers.iter().map(of).sum::<f64>();
        let overhead = self.overhead.get(resource).and_then(super::Quantity::value).unwrap_or(0.0);
        together.max(peak) + overhead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_containers_count_only_where_they_ask_for_more() {
        let spec: PodSpec = serde_json::from_str(
            r#"{"initContainers":[
                {"name":"mesh","restartPolicy":"Always","resources":{"requests":{"cpu":"100m"}}},
                {"name":"migrate","resources":{"requests":{"cpu":"1"}}}],
               "containers":[
                {"name":"app","resources":{"requests":{"cpu":"500m"},"limits":{"cpu":"1"}}},
                {"name":"log","resources":{"requests":{"cpu":"250m"}}}],
               "overhead":{"cpu":"250m"}}"#,
        )
        .unwrap();
        assert!((spec.total(Ask::Request, "cpu") - 1.35).abs() < 1e-9);
        assert!((spec.total(Ask::Limit, "cpu") - 1.25).abs() < 1e-9);
        assert!((spec.total(Ask::Request, "memory")).abs() < 1e-9);
    }
}
