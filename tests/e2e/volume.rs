//! Reason 8: volumes, from the claim to the mount.

use serde_json::{Value, json};

use crate::case::{Case, Step, apply, rolled_out, until};
use crate::manifest::{app, deployment, node_without_machine, one, shell, stateful_set, web, with_spec};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = unbound();
    cases.extend(unprovisioned());
    cases.extend(held());
    cases.extend(unmounted());
    cases.extend(healthy());
    cases
}

/// A pod with one volume at `/data`; of that version.
fn with_volume(volume: Value, version: &str) -> Value {
    let env = json!([{"name": "VERSION", "value": version}]);
    let mount = json!([{"name": "data", "mountPath": "/data"}]);
    let mut spec = one(app(json!({"env": env, "volumeMounts": mount})));
    let mut data = json!({"name": "data"});
    extend(&mut data, volume);
    extend(&mut spec, json!({ "volumes": [data] }));
    spec
}

fn extend(object: &mut Value, fields: Value) {
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
}

fn claimed() -> Value {
    json!({"persistentVolumeClaim": {"claimName": "data"}})
}

/// Deployment `web` whose pods use the claim `data`.
fn user(version: &str) -> Value {
    web(with_volume(claimed(), version))
}

/// A claim of 1Gi with further fields of its spec.
fn claim(name: &str, fields: Value) -> Value {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    extend(&mut spec, fields);
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec})
}

/// The claim `data` of a class.
fn of_class(class: &str, fields: Value) -> Value {
    let mut claim = claim("data", json!({ "storageClassName": class }));
    if let Some(spec) = claim.get_mut("spec") {
        extend(spec, fields);
    }
    claim
}

/// A volume of 1Gi in a folder of the node that every node has, with further fields of its spec.
fn volume(name: &str, class: &str, fields: Value) -> Value {
    let mut spec = json!({"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "persistentVolumeReclaimPolicy": "Retain"});
    extend(&mut spec, fields);
    json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})
}

fn on_any_node() -> Value {
    json!({"hostPath": {"path": "/tmp"}})
}

/// A local volume on nodes with a host name. The cluster of the suite has one node, `node-1`.
fn on_node(path: &str, node: &str) -> Value {
    let term = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
    json!({"local": {"path": path},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [term]}]}}})
}

fn class(name: &str, provisioner: &str, mode: &str) -> Value {
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
        "provisioner": provisioner, "volumeBindingMode": mode})
}

fn fails(name: &'static str, code: &'static str) -> Case {
    Case::fails("volume", name, code).lasts(75)
}

fn unbound() -> Vec<Case> {
    let hand_made = "$NS-hand";
    vec![
        fails("claim-that-does-not-exist", "claim-missing")
            .object(claim("dta", json!({})))
            .object(user("1"))
            .says(&[
                "PersistentVolumeClaim data does not exist in namespace $NS",
                "PersistentVolumeClaim dta exists in namespace $NS",
                r#""path":"/spec/template/spec/volumes/0/persistentVolumeClaim/claimName","value":"dta""#,
            ]),
        fails("no-class-and-no-default", "claim-unbound")
            .object(claim("data", json!({})))
            .object(user("1"))
            .says(&["(1Gi, ReadWriteOnce, no StorageClass) is not bound", "kubectl get storageclasses"]),
        fails("volume-too-small", "claim-unbound")
            .of_the_cluster(volume("$NS-small", hand_made, on_any_node()))
            .object(of_class(hand_made, json!({"resources": {"requests": {"storage": "5Gi"}}})))
            .object(user("1"))
            .says(&["(5Gi, ReadWriteOnce, StorageClass $NS-hand) is not bound", "$NS-small", "has only 1Gi"]),
        fails("access-mode-not-offered", "claim-unbound")
            .of_the_cluster(volume("$NS-rwo", hand_made, on_any_node()))
            .object(of_class(hand_made, json!({"accessModes": ["ReadWriteMany"]})))
            .object(user("1"))
            .says(&["(1Gi, ReadWriteMany, StorageClass $NS-hand) is not bound", "offers only ReadWriteOnce"]),
        fails("volume-that-the-claim-names-is-too-small", "claim-unbound")
            .of_the_cluster(volume("$NS-named", hand_made, on_any_node()))
            .object(of_class(
                hand_made,
                json!({"volumeName": "$NS-named", "resources": {"requests": {"storage": "5Gi"}}}),
            ))
            .object(user("1"))
            .says(&["wants the volume $NS-named, which has only 1Gi"]),
        fails("class-misspelt", "storage-class-missing")
            .of_the_cluster(class("$NS-fast", "example.com/none", "WaitForFirstConsumer"))
            .object(of_class("$NS-fats", json!({})))
            .object(user("1"))
            .says(&[
                "StorageClass $NS-fats, which PersistentVolumeClaim data names, does not exist",
                "Did you mean $NS-fast?",
            ]),
        fails("class-of-a-claim-template-missing", "storage-class-missing")
            .target("sts/web")
            .object(with_spec(
                stateful_set(1, with_volume(json!({"emptyDir": {}}), "1")),
                json!({"volumeClaimTemplates": [of_class("$NS-none", json!({}))]}),
            ))
            .says(&["PersistentVolumeClaim data-web-0", "volumeClaimTemplates", "--cascade=orphan"]),
        fails("volume-of-a-node-that-is-gone", "volume-node-mismatch")
            .of_the_cluster(volume("$NS-gone", hand_made, on_node("/tmp", "$NS-gone-node")))
            .object(of_class(hand_made, json!({})))
            .object(user("1"))
            .says(&["only on a node with kubernetes.io/hostname In $NS-gone-node, and no node is like that"]),
    ]
}

/// A provisioner that nobody runs: the cluster of the suite has none.
fn unprovisioned() -> Vec<Case> {
    let nobody = "nobody.example.com";
    vec![
        fails("provisioner-that-does-not-run", "provisioning-failed")
            .of_the_cluster(class("$NS-fast", nobody, "Immediate"))
            .object(of_class("$NS-fast", json!({})))
            .object(user("1"))
            .says(&["no provisioner answers: PersistentVolumeClaim data waits for nobody.example.com"])
            .args("--patience 0.25")
            .lasts(45),
        fails("provisioner-of-the-first-consumer-does-not-run", "provisioning-failed")
            .of_the_cluster(class("$NS-fast", nobody, "WaitForFirstConsumer"))
            .object(of_class("$NS-fast", json!({})))
            .object(user("1"))
            .says(&["no provisioner answers: PersistentVolumeClaim data waits for nobody.example.com"])
            .args("--patience 0.25")
            .lasts(45),
    ]
}

/// A claim for one pod at a time, and a volume for it.
fn one_pod(case: Case) -> Case {
    let once = json!({"accessModes": ["ReadWriteOncePod"]});
    let mut source = on_any_node();
    extend(&mut source, once.clone());
    case.of_the_cluster(volume("$NS-once", "$NS-hand", source)).before(apply(of_class("$NS-hand", once)))
}

fn held() -> Vec<Case> {
    vec![
        one_pod(fails("held-by-its-old-pod", "volume-multi-attach"))
            .before(apply(user("1")))
            .before(rolled_out("deploy/web"))
            .object(user("2"))
            .says(&[
                "the volume of claim data is held by old pod web-",
                "the rollout blocks itself",
                r#"{"spec":{"strategy":{"rollingUpdate":null,"type":"Recreate"}}}"#,
            ])
            .field("/targets/0/impact/oldPodsReady", 1)
            .lasts(45),
        // The pod of somebody else has it, and the scheduler does not say which.
        one_pod(fails("held-by-another-workload", "volume-multi-attach"))
            .before(apply(deployment("batch", 1, with_volume(claimed(), "1"))))
            .before(rolled_out("deploy/batch"))
            .object(user("1"))
            .says(&[
                "the volume of claim data can be used by one pod only, and pod batch-",
                "belongs to ReplicaSet batch-",
            ])
            .args("--patience 0.25")
            .lasts(45),
        // One machine has one kubelet; the other node is an object, and what its kubelet and the driver would say is
        // written by the suite. The error is the controller's own.
        fails("held-on-another-node", "volume-multi-attach")
            .of_the_cluster(node_without_machine("$NS-old"))
            .of_the_cluster(volume(
                "$NS-csi",
                "$NS-hand",
                json!({"csi": {"driver": "none.example.com", "volumeHandle": "$NS"}}),
            ))
            .before(apply(of_class("$NS-hand", json!({}))))
            .before(until("get pvc data", "Bound"))
            .before(Step::Beat("$NS-old".to_owned()))
            .before(apply(pinned(user("1"), "$NS-old")))
            .before(Step::Attached("$NS-csi".to_owned()))
            .before(Step::Beat("$NS-old".to_owned()))
            .before(Step::Ready("app=web".to_owned()))
            .before(rolled_out("deploy/web"))
            .before(Step::Beat("$NS-old".to_owned()))
            .object(pinned(user("2"), "node-1"))
            // A node that is silent for 40 seconds is given up, and a busy machine takes its time.
            .at(12, Step::Beat("$NS-old".to_owned()))
            .at(30, Step::Beat("$NS-old".to_owned()))
            .at(50, Step::Beat("$NS-old".to_owned()))
            .at(70, Step::Beat("$NS-old".to_owned()))
            .at(90, Step::Beat("$NS-old".to_owned()))
            .says(&[
                "$NS-csi (claim data) is held by old pod web-",
                "on $NS-old, which stays until a new pod is ready",
            ])
            .field("/targets/0/impact/oldPodsReady", 1)
            .lasts(60),
    ]
}

/// On that node, past the scheduler. Nobody ends the pods of a node without a machine, so they end at once.
fn pinned(mut deployment: Value, node: &str) -> Value {
    if let Some(spec) = deployment.pointer_mut("/spec/template/spec") {
        extend(spec, json!({"nodeName": node, "terminationGracePeriodSeconds": 0}));
    }
    deployment
}

fn unmounted() -> Vec<Case> {
    let host =
        |path: &str, kind: &str| web(with_volume(json!({"hostPath": {"path": path, "type": kind}}), "1"));
    vec![
        fails("host-path-of-another-type", "volume-mount-failed")
            .object(host("/etc/hostname", "Directory"))
            .says(&["volume data: /etc/hostname is not a directory", "on node-1", "DirectoryOrCreate"])
            .lasts(40),
        fails("local-path-missing", "volume-mount-failed")
            .of_the_cluster(volume("$NS-local", "$NS-hand", on_node("/tmp/$NS-not-there", "node-1")))
            .object(of_class("$NS-hand", json!({})))
            .object(user("1"))
            .says(&["the path /tmp/$NS-not-there does not exist on node-1"])
            .lasts(40),
        fails("nfs-that-cannot-be-mounted", "volume-mount-failed")
            .object(web(with_volume(json!({"nfs": {"server": "127.0.0.1", "path": "/none"}}), "1")))
            .says(&["NFS volume data (127.0.0.1:/none) could not be mounted on node-1"])
            .args("--patience 0.5")
            .lasts(80),
        fails("csi-driver-that-is-not-there", "volume-mount-failed")
            .object(web(with_volume(json!({"csi": {"driver": "none.example.com"}}), "1")))
            .says(&["CSI driver none.example.com does not run on node-1"])
            .args("--patience 0.25")
            .lasts(60),
        fails("attacher-that-is-not-there", "volume-attach-failed")
            .of_the_cluster(volume(
                "$NS-csi",
                "$NS-hand",
                json!({"csi": {"driver": "none.example.com", "volumeHandle": "$NS"}}),
            ))
            .object(of_class("$NS-hand", json!({})))
            .object(user("1"))
            .says(&["the attacher of CSI driver none.example.com does not answer"])
            .args("--patience 0.25")
            .timeout(240)
            .lasts(150),
    ]
}

fn healthy() -> Vec<Case> {
    let passes = |name| Case::passes("volume", name).lasts(40);
    let late = "$NS-late";
    // Makes a folder of the node after a while, and takes it away in the end.
    let maker = json!({
        "command": shell("sleep 12; mkdir /host/$NS; trap 'rmdir /host/$NS; exit' TERM; sleep 3600 & wait"),
        "volumeMounts": [{"name": "host", "mountPath": "/host"}],
    });
    let mut maker = one(app(maker));
    extend(&mut maker, json!({"volumes": [{"name": "host", "hostPath": {"path": "/tmp"}}]}));
    vec![
        passes("claim-late-near-miss")
            .of_the_cluster(volume("$NS-late", late, on_any_node()))
            .object(user("1"))
            .args("--patience 4")
            .at(12, apply(of_class(late, json!({}))))
            .lasts(60),
        passes("class-is-only-a-name-near-miss")
            .of_the_cluster(volume("$NS-hand", "$NS-hand", on_any_node()))
            .object(of_class("$NS-hand", json!({})))
            .object(user("1")),
        passes("first-consumer-near-miss")
            .of_the_cluster(class("$NS-wait", "kubernetes.io/no-provisioner", "WaitForFirstConsumer"))
            .of_the_cluster(volume("$NS-wait", "$NS-wait", on_node("/tmp", "node-1")))
            .object(of_class("$NS-wait", json!({})))
            .object(user("1")),
        one_pod(passes("held-by-its-old-pod-recreate-near-miss"))
            .before(apply(recreated(user("1"))))
            .before(rolled_out("deploy/web"))
            .object(recreated(user("2"))),
        passes("host-path-late-near-miss")
            .before(apply(deployment("maker", 1, maker)))
            .object(web(with_volume(json!({"hostPath": {"path": "/tmp/$NS", "type": "Directory"}}), "1")))
            .args("--patience 4")
            .lasts(60),
    ]
}

fn recreated(deployment: Value) -> Value {
    with_spec(deployment, json!({"strategy": {"type": "Recreate"}}))
}
