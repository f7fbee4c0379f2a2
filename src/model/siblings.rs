//! What the pods of one owner have in common is held once: pods arrive by the thousand, and most of what each says
//! of itself is what its template says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::compact::unite;
use super::meta::{Labels, OwnerReference};
use super::pod::Pod;
use super::template::PodSpec;

/// The newest pod of each owner, by the owner's uid, for those that come after it.
#[derive(Debug, Default)]
pub(crate) struct Siblings(BTreeMap<String, Common>);

#[derive(Debug)]
struct Common {
    spec: Arc<PodSpec>,
    labels: Arc<Labels>,
    owners: Arc<[OwnerReference]>,
}

impl Siblings {
    /// Lets the pod hold what its sibling holds, wherever the two are equal.
    pub(crate) fn share(&mut self, pod: &mut Pod) {
        let Some(owner) = pod.metadata.controller() else { return };
        let Some(known) = self.0.get_mut(&owner.uid) else {
            let common = Common {
                spec: Arc::clone(&pod.spec),
                labels: Arc::clone(&pod.metadata.labels),
                owners: Arc::clone(&pod.metadata.owner_references),
            };
            self.0.insert(owner.uid.clone(), common);
            return;
        };
        share(&mut pod.spec, &mut known.spec);
        share(&mut pod.metadata.labels, &mut known.labels);
        share(&mut pod.metadata.owner_references, &mut known.owners);
    }
}

/// One value in place of two equal ones; otherwise the newer is what the next is compared with.
fn share<T: PartialEq + ?Sized>(new: &mut Arc<T>, known: &mut Arc<T>) {
    if !unite(new, known) {
        *known = Arc::clone(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, image: &str, index: &str) -> Pod {
        let pod = serde_json::json!({
            "metadata": {"name": name, "labels": {"app": "web", "index": index},
                "ownerReferences": [{"kind": "StatefulSet", "name": "web", "uid": "set", "controller": true}]},
            "spec": {"containers": [{"name": "app", "image": image}]}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn siblings_hold_what_is_equal_together_and_nothing_else() {
        let (mut first, mut second, mut third) = (pod("a", "1", "0"), pod("b", "1", "1"), pod("c", "2", "1"));
        let mut siblings = Siblings::default();
        for pod in [&mut first, &mut second, &mut third] {
            siblings.share(pod);
        }
        assert!(Arc::ptr_eq(&first.spec, &second.spec) && !Arc::ptr_eq(&second.spec, &third.spec));
        assert!(Arc::ptr_eq(&second.metadata.labels, &third.metadata.labels));
        assert!(!Arc::ptr_eq(&first.metadata.labels, &second.metadata.labels));
        assert!(Arc::ptr_eq(&first.metadata.owner_references, &third.metadata.owner_references));
        assert_eq!(third.spec.containers[0].image, "2");
        assert_eq!(first.metadata.labels["index"], "0");
    }
}
