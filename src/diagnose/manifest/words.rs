//! The causes of an apply that failed, and their ways out.

use super::message::{between, every_between, faults};
use crate::diagnose::logs::shorten;
use crate::diagnose::place::kubectl;
use crate::diagnose::{CauseCode, Evidence, Finding, Hold, Prognosis, nearest};
use crate::model::ObjectRef;
use crate::observation::CommandEnd;

/// Characters of a text that a headline has room for.
const ROOM: usize = 240;

/// Fields of workloads and pods, for the nearest to one that is unknown.
const FIELDS: &[&str] = &[
    "activeDeadlineSeconds",
    "affinity",
    "annotations",
    "args",
    "automountServiceAccountToken",
    "command",
    "configMap",
    "configMapKeyRef",
    "configMapRef",
    "containerPort",
    "containers",
    "cpu",
    "emptyDir",
    "env",
    "envFrom",
    "exec",
    "failureThreshold",
    "fieldRef",
    "grpc",
    "hostNetwork",
    "hostPort",
    "httpGet",
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "initContainers",
    "initialDelaySeconds",
    "items",
    "key",
    "labels",
    "lifecycle",
    "limits",
    "livenessProbe",
    "matchExpressions",
    "matchLabels",
    "maxSurge",
    "maxUnavailable",
    "memory",
    "metadata",
    "minReadySeconds",
    "mountPath",
    "name",
    "namespace",
    "nodeSelector",
    "optional",
    "ordinals",
    "path",
    "paused",
    "periodSeconds",
    "persistentVolumeClaim",
    "podManagementPolicy",
    "port",
    "ports",
    "postStart",
    "preStop",
    "priorityClassName",
    "progressDeadlineSeconds",
    "projected",
    "protocol",
    "readinessGates",
    "readinessProbe",
    "readOnly",
    "readOnlyRootFilesystem",
    "replicas",
    "requests",
    "resources",
    "restartPolicy",
    "revisionHistoryLimit",
    "rollingUpdate",
    "runAsNonRoot",
    "runAsUser",
    "runtimeClassName",
    "schedulerName",
    "secret",
    "secretKeyRef",
    "secretName",
    "secretRef",
    "securityContext",
    "selector",
    "serviceAccountName",
    "serviceName",
    "spec",
    "startupProbe",
    "strategy",
    "subPath",
    "successThreshold",
    "tcpSocket",
    "template",
    "terminationGracePeriodSeconds",
    "timeoutSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "type",
    "updateStrategy",
    "value",
    "valueFrom",
    "volumeClaimTemplates",
    "volumeMounts",
    "volumes",
    "workingDir",
];

/// API versions that Kubernetes serves no longer, by kind, and what to write instead (the deprecation guide).
const REMOVED: &[(&str, &[&str], &str)] = &[
    ("Deployment", &["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("DaemonSet", &["extensions/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("StatefulSet", &["apps/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("ReplicaSet", &["extensions/v1beta1", "apps/v1beta1", "apps/v1beta2"], "apps/v1"),
    ("Ingress", &["extensions/v1beta1", "networking.k8s.io/v1beta1"], "networking.k8s.io/v1"),
    ("CronJob", &["batch/v1beta1", "batch/v2alpha1"], "batch/v1"),
    ("PodDisruptionBudget", &["policy/v1beta1"], "policy/v1"),
    ("HorizontalPodAutoscaler", &["autoscaling/v2beta1", "autoscaling/v2beta2"], "autoscaling/v2"),
];

/// The causes in one block.
pub(super) fn findings(end: &CommandEnd, object: &ObjectRef, block: &str) -> Vec<Finding> {
    let all =
        [unknown_fields, removed, conflict, forbidden, admission, namespace, immutable, invalid, unreadable];
    let context = Context { end, object, block };
    all.iter()
        .map(|rule| rule(&context))
        .find(|found| !found.is_empty())
        .unwrap_or_else(|| vec![other(&context)])
}

/// A block, and who said it of what.
struct Context<'a> {
    end: &'a CommandEnd,
    object: &'a ObjectRef,
    block: &'a str,
}

impl Context<'_> {
    fn finding(&self, code: CauseCode, key: &str, headline: String) -> Finding {
        let exit =
            self.end.exit_code.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit {code}"));
        let path = format!("stderr of {} ({exit})", self.end.command);
        Finding::new(
            code,
            key,
            self.object.clone(),
            headline,
            Evidence::field(self.object.clone(), path, shorten(self.block, 1200)),
        )
        .with_prognosis(Prognosis::Permanent)
        .with_hold(Hold::Ripe)
    }

    /// What the block is about: `Deployment web`, or the target.
    fn what(&self) -> String {
        let invalid = between(self.block, "The ", " is invalid").filter(|what| what.len() < 120);
        invalid.map_or_else(
            || format!("{} {}", self.object.kind, self.object.name),
            |what| what.replace('"', ""),
        )
    }
}

fn unknown_fields(context: &Context<'_>) -> Vec<Finding> {
    every_between(context.block, "unknown field \"", "\"")
        .into_iter()
        .map(|path| {
            let last = path.rsplit('.').next().unwrap_or(path);
            let near = nearest(last, FIELDS.iter().copied());
            let meant = near.first().map_or_else(String::new, |near| format!("; did you mean {near}?"));
            let headline = format!("the manifest has an unknown field {path}{meant}");
            let finding = context.finding(CauseCode::FieldUnknown, path, headline);
            match near.first() {
                Some(near) => finding.with_help(format!("Write {near} in place of {last}.")),
                None => finding.with_help(format!(
                    "Correct or remove {last}: perhaps it stands at the wrong depth, or belongs to a newer version of the API."
                )),
            }
            .with_command(format!("kubectl explain {}", explained(context, path)))
        })
        .collect()
}

/// The place above an unknown field, as `kubectl explain` takes it.
fn explained(context: &Context<'_>, path: &str) -> String {
    let above = path.rsplit_once('.').map_or("", |(above, _)| above);
    let mut plain = context.object.kind.command_word().to_owned();
    for part in above.split('.').filter(|part| !part.is_empty()) {
        plain.push('.');
        plain.push_str(part.split('[').next().unwrap_or(part));
    }
    plain
}

fn removed(context: &Context<'_>) -> Vec<Finding> {
    let Some(kind) = between(context.block, "no matches for kind \"", "\"") else { return Vec::new() };
    let version = between(context.block, "in version \"", "\"").unwrap_or_default();
    let instead = REMOVED
        .iter()
        .find(|(known, versions, _)| *known == kind && versions.contains(&version))
        .map(|(_, _, instead)| *instead);
    let headline = match instead {
        Some(instead) => {
            format!(
                "the cluster has no {kind} of {version} any more: that version of the API was removed in favour of {instead}"
            )
        }
        None => format!("the cluster has no kind {kind} in {version}"),
    };
    let finding = context.finding(CauseCode::ApiRemoved, &format!("{version} {kind}"), headline);
    vec![match instead {
        Some(instead) => finding.with_help(format!("Write apiVersion: {instead}, and compare the fields.")),
        None => finding.with_help(
            "Install what brings the kind (a CustomResourceDefinition) before the objects of it, or correct apiVersion and kind.",
        ),
    }
    .with_command("kubectl api-resources")]
}

fn conflict(context: &Context<'_>) -> Vec<Finding> {
    let modified = context.block.contains("the object has been modified");
    if !modified && !context.block.contains("Apply failed with ") {
        return Vec::new();
    }
    let managers = every_between(context.block, "conflict with \"", "\"");
    let others = every_between(context.block, "conflicts with \"", "\"");
    let manager = managers.first().or(others.first()).copied().unwrap_or_default();
    let fields: Vec<&str> = context
        .block
        .split_whitespace()
        .filter(|word| word.starts_with(".spec") || word.starts_with(".metadata"))
        .collect();
    let headline = if modified {
        format!("{} was changed by somebody else while it was applied", context.what())
    } else {
        format!("{manager} owns what the apply would change of {}: {}", context.what(), fields.join(", "))
    };
    let finding = context.finding(CauseCode::ApplyConflict, manager, headline);
    vec![if modified {
        finding.with_help("Apply again: the next try sees the newest object.")
    } else {
        finding
            .with_help(format!("Leave the field out of the manifest, so that {manager} keeps it."))
            .with_help("Or take it over with --force-conflicts; the other manager may set it back.")
    }]
}

fn forbidden(context: &Context<'_>) -> Vec<Finding> {
    let (Some(user), Some(verb)) =
        (between(context.block, "User \"", "\""), between(context.block, " cannot ", " resource"))
    else {
        return Vec::new();
    };
    let resource = between(context.block, " resource \"", "\"").unwrap_or_default();
    let group = between(context.block, "in API group \"", "\"").unwrap_or_default();
    let place = between(context.block, "in the namespace \"", "\"");
    let of = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
    let inside = place.map_or_else(String::new, |namespace| format!(" in namespace {namespace}"));
    let headline = format!("user {user} may not {verb} {of}{inside}");
    let mut question = vec!["auth", "can-i", verb, of.as_str(), "--as", user];
    let namespace = place.unwrap_or(&context.object.namespace);
    question.retain(|word| !word.is_empty());
    vec![
        context
            .finding(CauseCode::ApplyForbidden, &headline, headline.clone())
            .with_help(format!(
                "Give the pipeline's account a Role with verb {verb} on {of}{inside}, or use another account."
            ))
            .with_command(kubectl(namespace, &question)),
    ]
}

fn admission(context: &Context<'_>) -> Vec<Finding> {
    let block = context.block;
    let tail = |sign: &str| block.split_once(sign).map(|(_, rest)| shorten(rest.trim(), ROOM));
    let (code, headline) = if let Some(webhook) = between(block, "admission webhook \"", "\"")
        && let Some(why) = tail("denied the request: ").or_else(|| tail("denied the request"))
    {
        (
            CauseCode::AdmissionWebhookDenied,
            format!("admission webhook {webhook} denied {}: {why}", context.what()),
        )
    } else if let Some(webhook) = between(block, "failed calling webhook \"", "\"") {
        let headline = format!("admission webhook {webhook} could not be asked about {}", context.what());
        (CauseCode::AdmissionWebhookUnavailable, headline)
    } else if let Some(policy) = between(block, "ValidatingAdmissionPolicy '", "'") {
        let why = tail("denied request: ").unwrap_or_default();
        (
            CauseCode::AdmissionPolicyDenied,
            format!("ValidatingAdmissionPolicy {policy} denied {}: {why}", context.what()),
        )
    } else if let Some(why) = tail("exceeded quota: ") {
        (CauseCode::QuotaExceeded, format!("a ResourceQuota has no room for {}: {why}", context.what()))
    } else {
        return Vec::new();
    };
    let help = match code {
        CauseCode::AdmissionWebhookUnavailable => "Look at the service behind the webhook, and apply again.",
        CauseCode::QuotaExceeded => "Raise the quota, or remove what is not needed.",
        _ => "Change the manifest as the message says, or ask whoever owns the policy.",
    };
    vec![context.finding(code, &headline, headline.clone()).with_help(help)]
}

fn namespace(context: &Context<'_>) -> Vec<Finding> {
    if context.block.contains("because it is being terminated") {
        let headline =
            format!("namespace {} is being deleted, so nothing can be made in it", context.object.namespace);
        return vec![
            context
                .finding(CauseCode::NamespaceTerminating, &context.object.namespace, headline)
                .with_help("Wait until it is gone, make it again, and apply again."),
        ];
    }
    let Some(name) = between(context.block, "namespaces \"", "\" not found") else { return Vec::new() };
    if name.len() > 63 {
        return Vec::new();
    }
    vec![
        context
            .finding(CauseCode::NamespaceMissing, name, format!("there is no namespace {name}"))
            .with_help("Make it first, or correct the namespace of the manifest, of -n or of the context.")
            .with_command(format!("kubectl create namespace {name}")),
    ]
}

fn immutable(context: &Context<'_>) -> Vec<Finding> {
    let block = context.block;
    let of_a_set = block.contains("updates to statefulset spec for fields other than");
    if !of_a_set && !block.contains("field is immutable") {
        return Vec::new();
    }
    let fields: Vec<&str> = faults(block)
        .into_iter()
        .filter(|(_, fault)| fault.contains("immutable") || fault.contains("are forbidden"))
        .map(|(path, _)| path)
        .collect();
    let field = fields.first().copied().unwrap_or("a field");
    let headline = if of_a_set {
        format!(
            "{}: a StatefulSet that exists can change only replicas, template, updateStrategy and a few more fields, and the manifest changes others",
            context.what()
        )
    } else {
        format!("{field} of {} cannot be changed once the object exists", context.what())
    };
    let target = format!("{}/{}", context.object.kind.command_word(), context.object.name);
    let what = if of_a_set { "what the manifest changes besides" } else { field };
    vec![
        context
            .finding(CauseCode::FieldImmutable, field, headline)
            .with_help(format!("Leave {what} as it is; compare with the object in the cluster."))
            .with_help("Or delete the object and apply again; with --cascade=orphan its pods go on serving meanwhile.")
            .with_command(kubectl(&context.object.namespace, &["get", &target, "-o", "yaml"]))
            .with_command(kubectl(&context.object.namespace, &["delete", &target, "--cascade=orphan"])),
    ]
}

fn invalid(context: &Context<'_>) -> Vec<Finding> {
    faults(context.block)
        .into_iter()
        .map(|(path, fault)| {
            let fault = shorten(fault, ROOM);
            let headline = format!("{path} of {} is not valid: {fault}", context.what());
            let finding = context.finding(CauseCode::ManifestInvalid, path, headline);
            let supported: Vec<&str> = fault.split('"').skip(1).step_by(2).collect();
            let near = supported.split_first().and_then(|(value, others)| {
                nearest(value, others.iter().copied()).first().map(|near| (*near).to_owned())
            });
            match near.filter(|_| fault.starts_with("Unsupported value")) {
                Some(near) => finding.with_help(format!("Did you mean {near}?")),
                None => finding.with_help("Correct the value, and apply again."),
            }
        })
        .collect()
}

/// YAML that is none, and values of the wrong type.
fn unreadable(context: &Context<'_>) -> Vec<Finding> {
    let signs = [
        "error converting YAML",
        "cannot unmarshal",
        "strict decoding error",
        "error parsing",
        "error validating",
    ];
    if !signs.iter().any(|sign| context.block.contains(sign)) {
        return Vec::new();
    }
    let first = context.block.lines().next().unwrap_or_default();
    let text = first.trim_start_matches("error: ");
    let headline = format!("the manifest cannot be read: {}", shorten(text, ROOM));
    let help = if context.block.contains("cannot unmarshal") {
        "Write the value in the type that the field has: quote numbers and booleans where a text is wanted."
    } else {
        "Correct the manifest at that place; a template that was not filled in looks like this too."
    };
    vec![context.finding(CauseCode::ManifestInvalid, "unreadable", headline).with_help(help)]
}

fn other(context: &Context<'_>) -> Finding {
    let first = context.block.lines().next().unwrap_or_default();
    let exit = match context.end.exit_code {
        Some(code) => format!("failed with exit code {code}"),
        None => "was ended by a signal".to_owned(),
    };
    let headline = if first.is_empty() {
        format!("{} {exit} and gave no reason", context.end.command)
    } else {
        format!("{} {exit}: {}", context.end.command, shorten(first, ROOM))
    };
    context
        .finding(CauseCode::ApplyFailed, "", headline)
        .with_help("Nothing was waited for: correct what the command says, and run it again.")
}
