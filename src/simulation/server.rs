//! The toy API server: objects by kind, versions, a history that can be forgotten.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{self, Kind};
use crate::observation::Object;
use crate::source::watch::{Item, Line};

#[derive(Clone)]
struct Change {
    version: u64,
    kind: Kind,
    /// What a watch brings, decoded once.
    item: Item<Object>,
    deleted: bool,
}

#[derive(Clone, Default)]
pub(crate) struct Server {
    pub(crate) version: u64,
    objects: BTreeMap<String, (Kind, Value, Item<Object>)>,
    log: Vec<Change>,
    /// A watch or a continued list from before this version is answered 410.
    pub(crate) compacted: u64,
    /// How often its etcd was restored from a backup.
    pub(crate) restored: u32,
}

fn kind_of(object: &Value) -> Kind {
    match object["kind"].as_str() {
        Some("Deployment") => Kind::Deployment,
        Some("ReplicaSet") => Kind::ReplicaSet,
        _ => Kind::Pod,
    }
}

fn item(kind: Kind, version: u64, object: &Value) -> Item<Object> {
    let mut object = object.clone();
    object["metadata"]["resourceVersion"] = Value::from(version.to_string());
    let uid = object["metadata"]["uid"].as_str().unwrap().to_owned();
    let body = model::decode_value(kind, object).unwrap();
    Item { uid, resource_version: version.to_string(), body }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self { version: 100, ..Self::default() }
    }

    /// As if etcd had been restored from that backup and so much been written since. Like the watch cache of an API
    /// server that starts, it knows nothing of what was before; and like it, it accepts a watch from a version that it
    /// has not reached (`watchCache.getAllEventsSinceLocked`).
    pub(crate) fn restore(&mut self, backup: &Self, written_since: u64) {
        let restored = self.restored + 1;
        *self = backup.clone();
        self.restored = restored;
        self.version += written_since;
        self.compacted = self.version;
        self.log.clear();
    }

    /// Writes an object if it differs.
    pub(crate) fn put(&mut self, uid: &str, object: Value) {
        if self.objects.get(uid).is_none_or(|(_, before, _)| *before != object) {
            self.write(uid, Some(object));
        }
    }

    /// Writes an object, or deletes it.
    pub(crate) fn write(&mut self, uid: &str, object: Option<Value>) {
        if let Some(object) = object {
            self.version += 1;
            let kind = kind_of(&object);
            let item = item(kind, self.version, &object);
            self.log.push(Change { version: self.version, kind, item: item.clone(), deleted: false });
            self.objects.insert(uid.to_owned(), (kind, object, item));
        } else if let Some((kind, object, _)) = self.objects.remove(uid) {
            self.version += 1;
            let item = item(kind, self.version, &object);
            self.log.push(Change { version: self.version, kind, item, deleted: true });
        }
    }

    /// Deletes all other pods.
    pub(crate) fn keep_pods(&mut self, names: &[&str]) {
        let pods = self.objects.iter().filter(|(_, (kind, ..))| *kind == Kind::Pod);
        let gone: Vec<String> =
            pods.map(|(uid, _)| uid.clone()).filter(|uid| !names.contains(&uid.as_str())).collect();
        for uid in gone {
            self.write(&uid, None);
        }
    }

    pub(crate) fn list(&self, kind: Kind) -> Vec<Item<Object>> {
        self.objects.values().filter(|(of, ..)| *of == kind).map(|(.., item)| item.clone()).collect()
    }

    /// The lines of a watch after a version, with their versions.
    pub(crate) fn since(&self, version: u64, kind: Kind) -> Vec<(u64, Line<Object>)> {
        let from = self.log.partition_point(|change| change.version <= version);
        let later = self.log[from..].iter().filter(|change| change.kind == kind);
        later
            .map(|Change { version, item, deleted, .. }| {
                let item = item.clone();
                (*version, if *deleted { Line::Deleted(item) } else { Line::Applied(item) })
            })
            .collect()
    }

    pub(crate) fn get(&self, uid: &str) -> Option<&Value> {
        self.objects.get(uid).map(|(_, object, _)| object)
    }
}
