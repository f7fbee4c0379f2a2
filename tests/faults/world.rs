//! What an API server holds: objects, versions, and a history that can be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A change, as a watch shows it.
#[derive(Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) resource: String,
    pub(crate) kind: &'static str,
    pub(crate) object: Value,
}

/// The objects of namespace `shop` and their history.
pub(crate) struct World {
    pub(crate) version: u64,
    objects: BTreeMap<(String, String), Value>,
    log: Vec<Change>,
    /// A watch from before this version is answered 410.
    pub(crate) compacted: u64,
    /// Changes that no watch shows: lost on the way.
    pub(crate) lost: BTreeSet<u64>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { version: 1000, objects: BTreeMap::new(), log: Vec::new(), compacted: 0, lost: BTreeSet::new() }
    }

    /// Creates or replaces an object.
    pub(crate) fn apply(&mut self, resource: &str, mut object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key = (resource.to_owned(), name);
        let kind = if self.objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
        self.version += 1;
        object["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
        self.note(resource, kind, object.clone());
        self.objects.insert(key, object);
    }

    /// Changes one object in place.
    pub(crate) fn change(&mut self, resource: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let Some(mut object) = self.get(resource, name) else { return };
        change(&mut object);
        self.apply(resource, object);
    }

    pub(crate) fn delete(&mut self, resource: &str, name: &str) {
        if let Some(mut object) = self.objects.remove(&(resource.to_owned(), name.to_owned())) {
            self.version += 1;
            object["metadata"]["resourceVersion"] = Value::from(self.version.to_string());
            self.note(resource, "DELETED", object);
        }
    }

    /// As if etcd had been restored from a backup made at that version, whose objects are those given.
    pub(crate) fn restore(&mut self, version: u64, objects: Vec<(&str, Value)>) {
        self.version = version;
        self.log.clear();
        self.objects.clear();
        for (resource, mut object) in objects {
            object["metadata"]["resourceVersion"] = Value::from((version - 1).to_string());
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            self.objects.insert((resource.to_owned(), name), object);
        }
    }

    fn note(&mut self, resource: &str, kind: &'static str, object: Value) {
        let resource = resource.to_owned();
        self.log.push(Change { version: self.version, resource, kind, object });
    }

    pub(crate) fn get(&self, resource: &str, name: &str) -> Option<Value> {
        self.objects.get(&(resource.to_owned(), name.to_owned())).cloned()
    }

    pub(crate) fn list(&self, resource: &str, name: Option<&str>) -> Vec<Value> {
        let named = |found: &str| name.is_none_or(|name| name == found);
        self.objects
            .iter()
            .filter(|((of, found), _)| of == resource && named(found))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// What a watch from that version shows next.
    pub(crate) fn since(&self, version: u64, resource: &str, name: Option<&str>) -> Vec<Change> {
        let named = |object: &Value| name.is_none_or(|name| object["metadata"]["name"] == name);
        self.log
            .iter()
            .filter(|change| change.version > version && change.resource == resource)
            .filter(|change| named(&change.object) && !self.lost.contains(&change.version))
            .cloned()
            .collect()
    }
}
