//! A pull that failed: which cause, and what is known about it.

use std::time::Duration;

use super::super::place::{command, container_words, waiting_evidence};
use super::super::{CauseCode, Confidence, Diagnosis, Evidence, Finding, Hold, Prognosis};
use super::pull_error::{PullError, error_text, without_credentials};
use super::reference::Reference;
use super::relatives::{Relative, relatives};
use super::{access, advice, registry, written_image};
use crate::model::{ContainerStatus, Event, Pod, Rollout, reason};
use crate::observation::{Request, Want};

/// Pulls that fail for a reason without a code of its own are given the time of a remote service.
const UNNAMED_TOLERANCE: Duration = Duration::from_secs(300);
/// A runtime that is restarted has its image store again within this time.
const STORE_TOLERANCE: Duration = Duration::from_secs(120);

/// One failed pull with all that is known about it.
pub(super) struct Pull<'a> {
    pub(super) rollout: &'a Rollout<'a>,
    pub(super) pod: &'a Pod,
    pub(super) status: &'a ContainerStatus,
    pub(super) reference: Reference,
    pub(super) error: PullError,
    /// What shows the error; credentials removed.
    pub(super) evidence: Evidence,
    pub(super) relatives: Vec<Relative>,
}

impl Pull<'_> {
    /// A finding about this pull, keyed by the image.
    pub(super) fn finding(&self, code: CauseCode, headline: impl Into<String>) -> Finding {
        let attempts = self
            .rollout
            .container_memory(self.pod, &self.status.name)
            .map_or(0, |memory| memory.failed_pulls);
        Finding::new(code, self.reference.full(), self.pod.object_ref(), headline, self.evidence.clone())
            .on_pod(&self.pod.metadata.name)
            .with_attempts(attempts)
    }

    pub(super) fn container_words(&self) -> String {
        container_words(self.pod, &self.status.name)
    }

    /// `node n1`, or `the node`.
    pub(super) fn node_words(&self) -> String {
        self.pod.node().map_or_else(|| "the node".to_owned(), |node| format!("node {node}"))
    }
}

/// Finds why the image of a container cannot be pulled.
pub(super) fn rules<'a>(
    rollout: &'a Rollout<'a>,
    pod: &'a Pod,
    status: &'a ContainerStatus,
    diagnosis: &mut Diagnosis,
) {
    let reference = Reference::parse(written_image(pod, status));
    let shown = shown_error(rollout, pod, status);
    if shown.is_none() {
        diagnosis.ask(Request::every(5, Want::Events(pod.object_ref())));
    }
    let known = shown.is_some();
    let (text, evidence) = shown.unwrap_or_else(|| (String::new(), waiting_evidence(pod, status)));
    let error = match (status.waiting_reason(), PullError::of(&text)) {
        (_, error @ (PullError::ShortName | PullError::Unreachable(_))) => error,
        (Some(reason::REGISTRY_UNAVAILABLE), _) => PullError::Unreachable("it does not answer".to_owned()),
        (Some(reason::IMAGE_INSPECT_ERROR), _) => PullError::Store,
        (_, error) => error,
    };
    let relatives = relatives(rollout, &status.name);
    let pull = Pull { rollout, pod, status, reference, error, evidence, relatives };
    if known || pull.error != PullError::Other {
        diagnose(&pull, diagnosis);
    } else {
        diagnosis.add(error_not_shown(&pull));
    }
}

/// The text of the error and what shows it: the waiting message, or the last `ErrImagePull` that was seen, or the
/// event.
fn shown_error(rollout: &Rollout<'_>, pod: &Pod, status: &ContainerStatus) -> Option<(String, Evidence)> {
    let waiting = status.state.waiting.as_ref()?;
    let of_status = |message: &str| {
        let path = super::super::place::status_path(pod, &status.name, "state.waiting.message");
        Evidence::field(pod.object_ref(), path, without_credentials(message))
    };
    let text = error_text(&waiting.message);
    if !text.is_empty() {
        return Some((text.to_owned(), of_status(&waiting.message)));
    }
    let remembered = rollout.container_memory(pod, &status.name).map_or("", |memory| &memory.pull_error);
    if !error_text(remembered).is_empty() {
        return Some((error_text(remembered).to_owned(), of_status(remembered)));
    }
    let object = pod.object_ref();
    let event = rollout.events(&object).into_iter().find(|event| is_failed_pull(event, &status.name))?;
    let text = error_text(event.text()).to_owned();
    let mut shown = event.clone();
    shown.message = without_credentials(event.text());
    Some((text, Evidence::event(object, &shown)))
}

fn is_failed_pull(event: &Event, container: &str) -> bool {
    event.reason == reason::FAILED
        && event.text().starts_with("Failed to pull image")
        && event.container().is_none_or(|about| about == container)
}

fn diagnose(pull: &Pull<'_>, diagnosis: &mut Diagnosis) {
    let host = &pull.reference.host;
    let image = pull.reference.full();
    let node = pull.node_words();
    let finding = match &pull.error {
        PullError::TagMissing | PullError::RepositoryMissing | PullError::NotFound => advice::not_found(pull),
        PullError::Denied
        | PullError::Unauthorized
        | PullError::CredentialsRequired
        | PullError::CredentialsRejected => access::refused(pull, diagnosis),
        PullError::Platform => platform(pull),
        PullError::RateLimited => pull
            .finding(
                CauseCode::RegistryRateLimited,
                format!("registry {host} limits how often images may be pulled and refused {image}"),
            )
            .with_prognosis(Prognosis::Transient)
            .with_help(rate_limit_help(pull))
            .with_help(format!("Or pull through a mirror or cache of {host} that the nodes are set up to use.")),
        PullError::Throttled => pull
            .finding(
                CauseCode::RegistryRateLimited,
                format!("kubelet on {node} limits its own pulls and put off {image}"),
            )
            .with_prognosis(Prognosis::Transient)
            .with_help("Many pods pull at the same time on this node; kubelet tries again by itself (registryPullQPS, registryBurst)."),
        PullError::NoSuchHost => no_such_host(pull),
        PullError::Unreachable(words) => pull
            .finding(
                CauseCode::RegistryUnreachable,
                format!("registry {host} cannot be reached from {node} for {image}: {words}"),
            )
            .with_prognosis(Prognosis::Transient)
            .with_help(format!("Check that {host} is up and that {node} reaches it: its firewall, its proxy, its route."))
            .with_help("The node pulls, not the pod: a NetworkPolicy or the cluster's DNS has no part in it.")
            .with_command(command(&["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", &format!("https://{host}/v2/")])),
        PullError::Certificate(words) => pull
            .finding(
                CauseCode::RegistryCertificateUntrusted,
                format!("{node} does not trust the certificate of registry {host}: {words}"),
            )
            .with_help(format!(
                "Renew the certificate, or make its authority known to the runtime of every node \
                 (containerd: /etc/containerd/certs.d/{host}/hosts.toml). Nothing in the manifest can change this."
            ))
            .with_command(command(&["openssl", "s_client", "-connect", &with_port(host), "-showcerts"])),
        PullError::PlainHttp => pull
            .finding(
                CauseCode::RegistryPlainHttp,
                format!("registry {host} speaks plain HTTP, and {node} speaks HTTPS to it"),
            )
            .with_help(format!(
                "Give the registry a certificate, or allow plain HTTP to {host} in the runtime's configuration of every \
                 node (containerd: /etc/containerd/certs.d/{host}/hosts.toml with server = \"http://{host}\")."
            )),
        PullError::NoSpace => unnamed(pull, &format!("{node} has no room for image {image}"))
            .with_help(format!("Free disk space on {node}: old images, logs, volumes."))
            .with_command(command(&["kubectl", "describe", "node", pull.pod.node().unwrap_or_default()])),
        PullError::BrokenImage => unnamed(pull, &format!("image {image} is incomplete or of an unsupported format in {host}"))
            .with_help("Build and push the image again with current tooling; a layer or manifest it names is missing or unusable."),
        PullError::Policy => unnamed(pull, &format!("a policy of {node} forbids image {image}"))
            .with_help("Sign the image, or use one that the node's policy allows; the text above names the rule."),
        PullError::ShortName => short_name(pull),
        PullError::Store => store(pull),
        PullError::Other => unnamed(pull, &format!("image {image} of {} cannot be pulled", pull.container_words()))
            .with_help("The runtime's own words above are all there is; try the pull by hand.")
            .with_command(command(&["docker", "pull", &image])),
    };
    let finding = registry::informed(pull, finding, diagnosis);
    diagnosis.add(finding);
}

/// The error has no code of its own, but its text must not be lost.
fn unnamed(pull: &Pull<'_>, headline: &str) -> Finding {
    pull.finding(CauseCode::Unknown, headline).with_tolerance(UNNAMED_TOLERANCE)
}

/// Kubelet only says that it waits for the next attempt, as before Kubernetes 1.32.
fn error_not_shown(pull: &Pull<'_>) -> Finding {
    let headline = format!("image {} of {} cannot be pulled", pull.reference.full(), pull.container_words());
    pull.finding(CauseCode::Unknown, headline)
        .with_confidence(Confidence::Possible)
        .with_hold(Hold::Announce)
        .with_help("The reason is shown at the next attempt, at most 5 minutes after the last one.")
}

fn platform(pull: &Pull<'_>) -> Finding {
    let image = pull.reference.full();
    let node = pull.node_words();
    let mut finding = pull
        .finding(
            CauseCode::ImagePlatformMismatch,
            format!("image {image} is not built for the processor or system of {node}"),
        )
        .with_prognosis(Prognosis::Permanent)
        .with_help(
            "Build the image for the nodes' platform too: `docker buildx build --platform linux/amd64,linux/arm64 --push`. \
             An image built on an ARM laptop is for arm64 only.",
        )
        .with_help("Or let only nodes that fit run the pod: nodeSelector kubernetes.io/arch.")
        .with_command(command(&["docker", "buildx", "imagetools", "inspect", &image]));
    if let Some(node) = pull.pod.node() {
        finding = finding.with_command(command(&[
            "kubectl",
            "get",
            "node",
            node,
            "-L",
            "kubernetes.io/arch,kubernetes.io/os",
        ]));
    }
    finding
}

fn rate_limit_help(pull: &Pull<'_>) -> String {
    let host = &pull.reference.host;
    let secrets = super::pull_secrets::pull_secrets(pull.pod);
    if secrets.is_empty() {
        format!(
            "The pod pulls without an account: give it a pull secret for {host}, which has a higher limit."
        )
    } else {
        format!(
            "The account of pull secret {} is at its limit, or the secret is not for {host}.",
            secrets.join(", ")
        )
    }
}

fn no_such_host(pull: &Pull<'_>) -> Finding {
    let host = &pull.reference.host;
    let node = pull.node_words();
    let hosts = pull.relatives.iter().map(|relative| relative.reference.host.as_str());
    let near = super::super::text::nearest(host, hosts);
    let finding = pull
        .finding(
            CauseCode::RegistryUnreachable,
            format!(
                "the name of registry {host} does not resolve on {node} (image {})",
                pull.reference.full()
            ),
        )
        .with_prognosis(Prognosis::Transient);
    match near.first() {
        Some(near) => {
            let meant = format!("{near}/{}:{}", pull.reference.path, pull.reference.tag);
            finding
                .with_help(format!("Is the registry misspelt? Other images of this workload come from {near}."))
                .with_command(super::set_image(pull.rollout, &pull.status.name, &meant))
        }
        None => finding.with_help(format!(
            "Check the spelling of {host}, and whether the name server of {node} knows it (the node's, not the cluster's DNS)."
        )),
    }
}

/// The runtime is asked for the image before anything is pulled (`pkg/kubelet/images/image_manager.go`
/// `imagePullPrecheck`), and again at every look of kubelet at the pod: there are no attempts to wait for.
fn store(pull: &Pull<'_>) -> Finding {
    let node = pull.node_words();
    let headline =
        format!("the container runtime of {node} cannot tell whether it has image {}", pull.reference.full());
    let finding = unnamed(pull, &headline)
        .with_tolerance(STORE_TOLERANCE)
        .with_help(format!(
            "The registry has no part in it: the image store of {node} is damaged, or its runtime is stuck. Restart the \
             runtime there, or drain and replace the node; on another node the pod may start at once."
        ))
        .with_command(command(&["kubectl", "describe", "node", pull.pod.node().unwrap_or_default()]));
    Finding { attempts: None, ..finding }
}

/// Without a registry the name could mean several images, and the runtime may not choose.
fn short_name(pull: &Pull<'_>) -> Finding {
    let written = written_image(pull.pod, pull.status);
    let full = pull.reference.full();
    Finding::new(
        CauseCode::ImageNameInvalid,
        written,
        pull.pod.object_ref(),
        format!(
            "image name \"{written}\" of {} names no registry, and {} demands one",
            pull.container_words(),
            pull.node_words()
        ),
        pull.evidence.clone(),
    )
    .with_prognosis(Prognosis::Permanent)
    .on_pod(&pull.pod.metadata.name)
    .with_help(format!(
        "Write the registry too; if Docker Hub is meant, the name is {full}. The runtime (CRI-O, podman) searches several \
         registries for a short name, and more than one could have it."
    ))
    .with_command(super::set_image(pull.rollout, &pull.status.name, &full))
}

fn with_port(host: &str) -> String {
    if host.contains(':') { host.to_owned() } else { format!("{host}:443") }
}
