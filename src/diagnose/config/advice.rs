//! The finding about a missing ConfigMap, Secret or key: who needs it, what is there instead, what to do.

use std::time::Duration;

use super::super::place::kubectl;
use super::super::text::nearest;
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold};
use super::patch::{Wrong, operations};
use super::usage::{Via, needed_by, used_names, wanted_keys};
use crate::model::{Kind, Lookup, ObjectRef, Pod, Rollout};
use crate::observation::{Request, Want};

/// Kubelet retries a container's environment every 10 to 15 s.
const ENVIRONMENT_TOLERANCE: Duration = Duration::from_secs(30);
/// Kubelet retries a volume after 0.5 s, then ever more slowly up to 2 minutes.
const VOLUME_TOLERANCE: Duration = Duration::from_secs(60);
/// More key names of one object than a person reads at once.
const MAX_NAMES: usize = 10;
/// Published into every namespace by kube-controller-manager.
const ROOT_CA: &str = "kube-root-ca.crt";

/// What is missing: an object, or a key of an object.
#[derive(Clone, Debug)]
pub(super) struct Missing {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) key: Option<String>,
}

impl Missing {
    const fn code(&self) -> CauseCode {
        match (self.kind, &self.key) {
            (Kind::Secret, None) => CauseCode::SecretMissing,
            (Kind::Secret, Some(_)) => CauseCode::SecretKeyMissing,
            (_, None) => CauseCode::ConfigMapMissing,
            (_, Some(_)) => CauseCode::ConfigMapKeyMissing,
        }
    }

    fn object_words(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// What a look at the object itself says of it.
enum Now<'a> {
    /// Not looked yet.
    Unknown,
    /// We may not look.
    Refused,
    /// The object does not exist.
    NoObject,
    /// The object exists with these keys, and what was missing is still missing.
    Keys(&'a [String]),
    /// What was missing is there.
    Exists,
}

fn look<'a>(rollout: &Rollout<'a>, missing: &Missing, diagnosis: &mut Diagnosis) -> Now<'a> {
    diagnosis.ask(Request::every(3, keys_of(rollout, missing)));
    match (rollout.keys(missing.kind, &missing.name), &missing.key) {
        (Lookup::Unknown, _) => Now::Unknown,
        (Lookup::Refused(_), _) => Now::Refused,
        (Lookup::Missing, _) => Now::NoObject,
        (Lookup::Found(keys), Some(key)) if !keys.contains(key) => Now::Keys(keys),
        (Lookup::Found(_), _) => Now::Exists,
    }
}

/// Counts failed attempts. Our own look at the object is one: it tells as much as kubelet's next attempt, which for a
/// volume may be two minutes away. So the time of the latest look that found it missing counts; kubelet's attempts do
/// where we may not look.
pub(super) fn with_attempts(
    rollout: &Rollout<'_>,
    missing: &Missing,
    kubelets: Option<u64>,
    finding: Finding,
) -> Finding {
    let looked = match rollout.keys(missing.kind, &missing.name) {
        Lookup::Found(_) | Lookup::Missing => rollout.store().answer_age(&keys_of(rollout, missing)),
        _ => None,
    };
    let attempts = match looked {
        Some(age) => Some(rollout.now().saturating_sub(age).as_secs()),
        None => kubelets,
    };
    Finding { attempts, ..finding }
}

fn keys_of(rollout: &Rollout<'_>, missing: &Missing) -> Want {
    Want::Keys { kind: missing.kind, namespace: rollout.namespace().to_owned(), name: missing.name.clone() }
}

/// The finding about what is missing, as seen on one pod.
pub(super) fn finding(
    rollout: &Rollout<'_>,
    pod: &Pod,
    missing: &Missing,
    via: &Via<'_>,
    evidence: Evidence,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let namespace = rollout.namespace();
    let now = look(rollout, missing, diagnosis);
    let needed = needed_by(pod, via, missing.kind, &missing.name, missing.key.as_deref());
    let object = missing.object_words();
    let headline = match (&now, &missing.key) {
        (Now::Exists, None) => {
            format!(
                "{object} exists now in namespace {namespace}; {needed}, and kubelet tries again by itself"
            )
        }
        (Now::Exists, Some(key)) => format!(
            "{object} in namespace {namespace} has key {key} now; {needed}, and kubelet tries again by itself"
        ),
        (_, None) => format!("{object} does not exist in namespace {namespace}; {needed}"),
        (Now::NoObject, Some(key)) => {
            format!("{object} with key {key} does not exist in namespace {namespace} any more; {needed}")
        }
        (_, Some(key)) => format!("{object} in namespace {namespace} has no key {key}; {needed}"),
    };
    let id = match &missing.key {
        Some(key) => format!("{}/{}#{key}", missing.kind, missing.name),
        None => format!("{}/{}", missing.kind, missing.name),
    };
    let subject = ObjectRef::named(missing.kind, namespace, &missing.name);
    let mut finding = Finding::new(missing.code(), id, subject.clone(), headline, evidence)
        .on_pod(&pod.metadata.name)
        .with_tolerance(match via {
            Via::Environment { .. } => ENVIRONMENT_TOLERANCE,
            Via::Volume { .. } => VOLUME_TOLERANCE,
        });
    match now {
        Now::Exists => {
            let longest = match via {
                Via::Environment { .. } => "15 seconds",
                Via::Volume { .. } => "2 minutes",
            };
            return finding.with_hold(Hold::Announce).with_help(format!(
                "Kubelet notices at its next attempt, at most {longest} after the last one."
            ));
        }
        Now::NoObject => {
            let what = format!("{object} in namespace {namespace}: looked up, not there");
            finding = finding.with_evidence(Evidence::absence(what));
        }
        Now::Keys(keys) => {
            let names = if keys.is_empty() { "no keys".to_owned() } else { shortened(keys) };
            finding = finding.with_evidence(Evidence::field(subject, "data (names of keys)", names));
        }
        Now::Refused | Now::Unknown => {}
    }
    match (&missing.key, &now) {
        (Some(key), Now::Keys(_) | Now::Refused | Now::Unknown) => {
            key_missing(rollout, missing, key, &now, finding)
        }
        _ => object_missing(rollout, missing, via, finding, diagnosis),
    }
}

fn object_missing(
    rollout: &Rollout<'_>,
    missing: &Missing,
    via: &Via<'_>,
    finding: Finding,
    diagnosis: &mut Diagnosis,
) -> Finding {
    let (namespace, kind) = (rollout.namespace(), missing.kind);
    if missing.name == ROOT_CA {
        return finding
            .with_confidence(Confidence::Likely)
            .with_help(
                "kube-controller-manager writes this ConfigMap into every namespace, a moment after the namespace is \
                 made; if it stays away, that controller (root-ca-cert-publisher) does not work.",
            )
            .with_command(kubectl(namespace, &["get", "configmap", ROOT_CA]));
    }
    diagnosis.ask(Request::once(Want::Names { kind, namespace: namespace.to_owned() }));
    let near: Vec<&str> = if let Lookup::Found(names) = rollout.names(kind) {
        nearest(&missing.name, names.iter().map(String::as_str))
    } else {
        // Where the names may not be read, older revisions tell which objects they used.
        let used = rollout.old_sets.iter().flat_map(|set| used_names(&set.spec.template.spec, kind));
        nearest(&missing.name, used)
    };
    let mut finding = match near.as_slice() {
        [] => finding,
        [one] => {
            finding.with_help(format!("{kind} {one} exists in namespace {namespace}: is it the one meant?"))
        }
        several => finding.with_help(format!("Similar names: {}.", several.join(", "))),
    };
    if let Some(command) = correction(rollout, missing, Wrong::Name, near.first().copied()) {
        finding = finding.with_command(command);
    }
    let retry = match via {
        Via::Environment { .. } => "within 15 seconds",
        Via::Volume { .. } => "within 2 minutes",
    };
    finding = finding.with_help(format!(
        "Create {} in namespace {namespace}; the container then starts by itself {retry}, without a new rollout. \
         Is it in the same manifest, applied to the same namespace?",
        missing.object_words()
    ));
    if kind == Kind::Secret {
        finding = finding.with_help(
            "If a controller makes this Secret (External Secrets, Sealed Secrets, cert-manager), look at the object it \
             makes it from.",
        );
    }
    finding = finding.with_command(create(rollout, missing));
    if matches!(rollout.names(kind), Lookup::Refused(_)) {
        let plural = kind.plural();
        finding = finding.with_help(format!(
            "Which {kind}s exist could not be read with these credentials (list {plural} in namespace {namespace})."
        ));
    } else if near.is_empty() {
        finding = finding.with_command(kubectl(namespace, &["get", kind.plural()]));
    }
    finding
}

fn key_missing(
    rollout: &Rollout<'_>,
    missing: &Missing,
    key: &str,
    now: &Now<'_>,
    finding: Finding,
) -> Finding {
    let (namespace, kind) = (rollout.namespace(), missing.kind);
    let object = missing.object_words();
    let mut near: Option<&str> = None;
    let mut finding = match now {
        Now::Keys([]) => finding.with_help(format!("{object} has no keys at all.")),
        Now::Keys(keys) => {
            let nearby = nearest(key, keys.iter().map(String::as_str));
            near = nearby.first().copied();
            match near {
                Some(near) => {
                    finding.with_help(format!("Did you mean key {near}? {object} has: {}.", shortened(keys)))
                }
                None => finding.with_help(format!("{object} has these keys: {}.", shortened(keys))),
            }
        }
        Now::Refused => finding.with_help(format!(
            "The names of its keys could not be read with these credentials (get {} in namespace {namespace}).",
            kind.plural()
        )),
        _ => finding,
    };
    if let Some(command) = correction(rollout, missing, Wrong::Key(key), near) {
        finding = finding.with_command(command);
    }
    let field = if kind == Kind::Secret { "stringData" } else { "data" };
    let patch = serde_json::json!({field: {key: "VALUE"}}).to_string();
    let finding = finding
        .with_help(format!(
            "Add key {key} to {object}, or correct the key where it is used; kubelet tries again by itself."
        ))
        .with_command(kubectl(namespace, &["patch", kind.command_word(), &missing.name, "-p", &patch]));
    match now {
        Now::Keys(_) => finding,
        _ => finding.with_command(kubectl(namespace, &["describe", kind.command_word(), &missing.name])),
    }
}

/// The command that writes the near name in the place of the wrong one.
fn correction(
    rollout: &Rollout<'_>,
    missing: &Missing,
    wrong: Wrong<'_>,
    right: Option<&str>,
) -> Option<String> {
    let template = &rollout.workload.spec.template.spec;
    let operations = operations(template, missing.kind, &missing.name, wrong, right?);
    if operations.is_empty() {
        return None;
    }
    let patch = serde_json::Value::Array(operations).to_string();
    let target = rollout.workload.command_target();
    Some(kubectl(rollout.namespace(), &["patch", &target, "--type=json", "-p", &patch]))
}

/// The command that creates the object, with the keys that the template asks for.
fn create(rollout: &Rollout<'_>, missing: &Missing) -> String {
    let mut keys = wanted_keys(&rollout.workload.spec.template.spec, missing.kind, &missing.name);
    keys.extend(missing.key.clone());
    let mut literals: Vec<String> = keys.iter().map(|key| format!("--from-literal={key}=VALUE")).collect();
    if literals.is_empty() {
        literals.push("--from-literal=KEY=VALUE".to_owned());
    }
    let mut words = match missing.kind {
        Kind::Secret => vec!["create", "secret", "generic"],
        kind => vec!["create", kind.command_word()],
    };
    words.push(&missing.name);
    words.extend(literals.iter().map(String::as_str));
    kubectl(rollout.namespace(), &words)
}

/// The first names, and how many more there are.
fn shortened(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(MAX_NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(MAX_NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
