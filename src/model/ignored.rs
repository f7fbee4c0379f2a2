//! Containers that are not judged: they are taken out of what is seen of a workload and of its pods.
//!
//! A sidecar that an admission webhook injects belongs to somebody else. The controller still counts it (a pod is
//! not Ready while it is not), so this hides causes and ends of that container, not what they lead to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::meta::LabelSelector;
use super::template::PodSpec;
use super::workload::Workload;
use crate::observation::Object;

/// Which containers, and of whom.
#[derive(Debug, Default)]
pub(crate) struct Ignored {
    /// Of every workload; nothing else counts then.
    everywhere: BTreeSet<String>,
    /// Of one workload's pods.
    of_pods: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    uid: String,
    namespace: String,
    selector: LabelSelector,
    names: BTreeSet<String>,
}

impl Ignored {
    pub(crate) fn everywhere(names: BTreeSet<String>) -> Self {
        Self { everywhere: names, of_pods: Vec::new() }
    }

    /// Takes the containers out of an object. A workload's own annotation comes before its pods, which are looked
    /// for by its selector.
    pub(crate) fn remove_from(&mut self, object: &mut Object) {
        match object {
            Object::Workload(workload) => {
                self.note(workload);
                let names = self.names(&workload.metadata.namespace, &workload.spec.template.metadata.labels);
                strip(&mut workload.spec.template.spec, &names);
            }
            Object::ReplicaSet(set) => {
                let names = self.names(&set.metadata.namespace, &set.metadata.labels);
                strip(&mut set.spec.template.spec, &names);
            }
            Object::Pod(pod) => {
                let names = self.names(&pod.metadata.namespace, &pod.metadata.labels);
                if !names.is_empty() {
                    strip(&mut pod.spec, &names);
                    pod.status.container_statuses.retain(|status| !names.contains(status.name.as_str()));
                    pod.status.init_container_statuses.retain(|status| !names.contains(status.name.as_str()));
                }
            }
            Object::ControllerRevision(_) => {}
        }
    }

    fn note(&mut self, workload: &Workload) {
        self.of_pods.retain(|rule| rule.uid != workload.metadata.uid);
        if let Some(value) = workload
            .metadata
            .annotations
            .guard
            .get("ignore-containers")
            .filter(|_| self.everywhere.is_empty())
        {
            self.of_pods.push(Rule {
                uid: workload.metadata.uid.clone(),
                namespace: workload.metadata.namespace.clone(),
                selector: workload.spec.selector.clone(),
                names: value.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            });
        }
    }

    fn names(&self, namespace: &str, labels: &std::collections::BTreeMap<String, String>) -> BTreeSet<&str> {
        let own = self
            .of_pods
            .iter()
            .filter(|rule| rule.namespace == namespace && rule.selector.matches(labels))
            .flat_map(|rule| &rule.names);
        self.everywhere.iter().chain(own).map(String::as_str).collect()
    }
}

fn strip(spec: &mut Arc<PodSpec>, names: &BTreeSet<&str>) {
    if !names.is_empty() {
        let spec = Arc::make_mut(spec);
        spec.containers.retain(|container| !names.contains(container.name.as_str()));
        spec.init_containers.retain(|container| !names.contains(container.name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Kind, decode_value};

    fn containers(ignored: &mut Ignored, kind: Kind, body: serde_json::Value) -> Vec<String> {
        let mut object = decode_value(kind, body).unwrap();
        ignored.remove_from(&mut object);
        match object {
            Object::Pod(pod) => {
                let spec = pod.spec.containers.iter().map(|container| container.name.clone());
                spec.chain(pod.statuses().map(|status| format!("status of {}", status.name))).collect()
            }
            Object::Workload(workload) => {
                workload.spec.template.spec.containers.iter().map(|c| c.name.clone()).collect()
            }
            _ => Vec::new(),
        }
    }

    fn pod(app: &str) -> serde_json::Value {
        json!({"metadata": {"name": "a", "namespace": "shop", "labels": {"app": app}},
            "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
            "status": {"containerStatuses": [{"name": "app"}, {"name": "istio-proxy"}]}})
    }

    #[test]
    fn a_workload_hides_containers_of_its_own_pods_only() {
        let mut ignored = Ignored::default();
        let workload = json!({"metadata": {"name": "web", "namespace": "shop", "uid": "u",
                "annotations": {"rollout-guard/ignore-containers": "istio-proxy"}},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]}}}});
        assert_eq!(containers(&mut ignored, Kind::Deployment, workload), ["app"]);
        assert_eq!(containers(&mut ignored, Kind::Pod, pod("web")), ["app", "status of app"]);
        assert_eq!(containers(&mut ignored, Kind::Pod, pod("api")).len(), 4);
    }

    #[test]
    fn a_flag_hides_them_everywhere() {
        let mut ignored = Ignored::everywhere(BTreeSet::from(["istio-proxy".to_owned()]));
        assert_eq!(containers(&mut ignored, Kind::Pod, pod("api")), ["app", "status of app"]);
    }
}
