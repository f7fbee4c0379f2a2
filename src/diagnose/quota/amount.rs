//! Amounts of the resources that a quota counts.

use super::message::Shortage;
use crate::model::{Ask, Pod, Quantity, human_bytes};

/// The numbers of a shortage, in the base unit of its resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) requested: f64,
    pub(super) used: f64,
    pub(super) hard: f64,
}

impl Numbers {
    pub(super) fn of(shortage: &Shortage) -> Option<Self> {
        let value = |text: &str| Quantity::new(text).value();
        let Shortage { requested, used, hard, .. } = shortage;
        Some(Self { requested: value(requested)?, used: value(used)?, hard: value(hard)? })
    }

    pub(super) fn free(&self) -> f64 {
        (self.hard - self.used).max(0.0)
    }

    /// No room even if nothing else were there.
    pub(super) fn never_fits(&self) -> bool {
        self.requested > self.hard
    }
}

/// A value in the unit that people write for that resource.
pub(super) fn written(resource: &str, value: f64) -> String {
    if resource.ends_with("cpu") {
        let whole = value.fract().abs() < 1e-9;
        if whole { format!("{value:.0}") } else { format!("{:.0}m", value * 1000.0) }
    } else if is_bytes(resource) {
        human_bytes(value)
    } else {
        format!("{value:.0}")
    }
}

pub(super) fn is_bytes(resource: &str) -> bool {
    resource.contains("memory") || resource.contains("storage") && !resource.contains("claims")
}

/// Whether the quota counts objects and not what they ask for.
pub(super) fn is_count(resource: &str) -> bool {
    resource == "pods" || resource.starts_with("count/")
}

/// `requests.memory` as the field of a container and the resource in it; `cpu` alone means requests.
pub(super) fn field(resource: &str) -> Option<(Ask, &str)> {
    if is_count(resource) {
        return None;
    }
    match resource.split_once('.') {
        Some(("requests", name)) => Some((Ask::Request, name)),
        Some(("limits", name)) => Some((Ask::Limit, name)),
        _ => Some((Ask::Request, resource)),
    }
}

/// How much of that resource a pod holds.
pub(super) fn held(pod: &Pod, resource: &str) -> f64 {
    match field(resource) {
        Some((ask, name)) => pod.spec.total(ask, name),
        None if matches!(resource, "pods" | "count/pods") => 1.0,
        None => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_people_write_them() {
        assert_eq!(written("requests.cpu", 1.5), "1500m");
        assert_eq!(written("limits.cpu", 2.0), "2");
        assert_eq!(written("requests.memory", 67_108_864.0), "64Mi");
        assert_eq!(written("pods", 3.0), "3");
        assert_eq!(written("requests.nvidia.com/gpu", 1.0), "1");
    }

    #[test]
    fn a_resource_of_a_quota_is_a_field_of_a_container() {
        assert_eq!(field("limits.cpu"), Some((Ask::Limit, "cpu")));
        assert_eq!(field("memory"), Some((Ask::Request, "memory")));
        assert_eq!(field("requests.nvidia.com/gpu"), Some((Ask::Request, "nvidia.com/gpu")));
        assert_eq!(field("count/pods"), None);
    }
}
