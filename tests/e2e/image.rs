//! Reason 1: the image cannot be had.

use serde_json::{Value, json};

use crate::case::{Case, Need, Step, apply, rolled_out};
use crate::manifest::{app, one, ready, server, web};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = missing();
    cases.extend(private());
    cases.extend(decided_by_the_spec());
    cases.extend(registries());
    cases.extend(healing());
    cases.extend(with_the_registry_asked());
    cases
}

fn image(image: &str) -> Value {
    web(one(app(json!({ "image": image }))))
}

fn missing() -> Vec<Case> {
    vec![
        // Containerd's words for the two are the same, so both suspects must be named.
        Case::fails("image", "repository-missing", "image-not-found")
            .object(image("$REGISTRY/shop/does-not-exist:v1.0.0"))
            .says(&[
                "$REGISTRY/shop/does-not-exist:v1.0.0",
                "docker pull $REGISTRY/shop/does-not-exist:v1.0.0",
                "docker pull $REGISTRY/shop/does-not-exist ",
                "Two suspects remain: the tag",
                "or the repository",
                "nothing serves",
            ])
            .lasts(45),
        Case::fails("image", "tag-missing", "image-not-found")
            .before(apply(image("$REGISTRY/busy:1")))
            .before(rolled_out("deploy/web"))
            .object(image("$REGISTRY/busy:1.0"))
            .says(&[
                "$REGISTRY/busy:1.0",
                "docker pull $REGISTRY/busy:1.0",
                "docker pull $REGISTRY/busy ",
                "Nearest other tag of $REGISTRY/busy in use: 1 ",
                "1 old pod still serves",
            ])
            .field("/targets/0/impact/oldPodsReady", 1)
            .lasts(60),
        // No tag: what is pulled is `latest`, and that is what must be shown.
        Case::fails("image", "tag-left-out", "image-not-found")
            .object(image("$REGISTRY/shop/does-not-exist"))
            .says(&["$REGISTRY/shop/does-not-exist:latest"])
            .lasts(45),
        Case::fails("image", "platform-mismatch", "image-platform-mismatch")
            .object(image("$REGISTRY/other-arch:1"))
            .says(&["$REGISTRY/other-arch:1"])
            .lasts(25),
    ]
}

/// Always pulled: an image that another case has pulled with its password must not help.
fn private_image(secrets: &[&str]) -> Value {
    let names: Vec<Value> = secrets.iter().map(|name| json!({ "name": name })).collect();
    web(json!({
        "containers": [app(json!({"image": "$PRIVATE/private/app:1", "imagePullPolicy": "Always"}))],
        "imagePullSecrets": names,
    }))
}

/// The same, pulled only where the node has no copy.
fn pulled_once(secrets: &[&str]) -> Value {
    let names: Vec<Value> = secrets.iter().map(|name| json!({ "name": name })).collect();
    web(json!({
        "containers": [app(json!({"image": "$PRIVATE/private/app:1", "imagePullPolicy": "IfNotPresent"}))],
        "imagePullSecrets": names,
    }))
}

fn pull_secret(name: &str, password: &str) -> Step {
    let user = crate::cluster::variable("ROLLOUT_GUARD_TEST_PRIVATE_USER").unwrap_or_default();
    Step::Kubectl(vec![
        "create".to_owned(),
        "secret".to_owned(),
        "docker-registry".to_owned(),
        name.to_owned(),
        "--docker-server=$PRIVATE".to_owned(),
        format!("--docker-username={user}"),
        format!("--docker-password={password}"),
    ])
}

fn private() -> Vec<Case> {
    let password = crate::cluster::variable("ROLLOUT_GUARD_TEST_PRIVATE_PASSWORD").unwrap_or_default();
    let cases = vec![
        Case::fails("image", "private-without-pull-secret", "image-access-denied")
            .object(private_image(&[]))
            .says(&[
                "$PRIVATE/private/app:1",
                "imagePullSecrets",
                "kubectl -n $NS create secret docker-registry",
            ])
            .lasts(100),
        Case::fails("image", "private-with-wrong-pull-secret", "image-pull-secret-rejected")
            .before(pull_secret("regcred", crate::manifest::SECRET_VALUE))
            .object(private_image(&["regcred"]))
            .says(&["$PRIVATE/private/app:1", "regcred"])
            .lasts(100),
        Case::fails("image", "pull-secret-absent", "image-pull-secret-missing")
            .object(private_image(&["regcred"]))
            .says(&["$PRIVATE/private/app:1", "regcred", "$NS"])
            .lasts(100),
        // The node has the image; the new pods may not use it, and must be told why.
        Case::fails("image", "private-copy-of-another-pods", "image-access-denied")
            .before(pull_secret("regcred", &password))
            .before(apply(pulled_once(&["regcred"])))
            .before(rolled_out("deploy/web"))
            .object(pulled_once(&[]))
            .says(&["$PRIVATE/private/app:1", "runs in the old pods", "Since Kubernetes 1.35"])
            .needs(Need::Kubernetes135)
            .lasts(110),
        Case::passes("image", "private-with-pull-secret-near-miss")
            .before(pull_secret("regcred", &password))
            .object(private_image(&["regcred"])),
    ];
    let mut cases: Vec<Case> = cases.into_iter().map(|case| case.needs(Need::PrivateRegistry)).collect();
    // Kubelet warns of it with every pull, and pulls all the same.
    cases.push(Case::passes("image", "pull-secret-absent-for-open-image-near-miss").object(web(json!({
        "containers": [app(json!({"imagePullPolicy": "Always"}))],
        "imagePullSecrets": [{"name": "regcred"}],
    }))));
    cases
}

fn decided_by_the_spec() -> Vec<Case> {
    vec![
        Case::fails("image", "name-in-upper-case", "image-name-invalid")
            .object(image("$REGISTRY/Shop/Web:1"))
            .says(&["$REGISTRY/Shop/Web:1", "lower"])
            .lasts(8),
        Case::fails("image", "tag-not-expanded", "image-name-invalid")
            .object(image("$REGISTRY/busy:${TAG}"))
            .says(&["$REGISTRY/busy:${TAG}", "${TAG}"])
            .lasts(8),
        Case::fails("image", "never-pulled", "image-never-pulled")
            .object(web(one(app(
                json!({"image": "$REGISTRY/not-on-the-node:1", "imagePullPolicy": "Never"}),
            ))))
            .says(&["$REGISTRY/not-on-the-node:1", "imagePullPolicy", "Never", "IfNotPresent"])
            .lasts(8),
        Case::passes("image", "never-pulled-but-there-near-miss")
            .before(apply(image("$REGISTRY/busy:1")))
            .before(rolled_out("deploy/web"))
            .object(web(one(app(json!({"imagePullPolicy": "Never"}))))),
    ]
}

/// Registries that answer as broken ones do.
fn registries() -> Vec<Case> {
    let fails = |name, code, of: &str| {
        Case::fails("image", name, code).object(image(of)).needs(Need::Servers).args("--patience 0.3")
    };
    vec![
        fails("pulls-used-up", "registry-rate-limited", "$LIMITED/shop/web:1")
            .says(&["$LIMITED", "429"])
            .lasts(120),
        // No rule knows these words, so they are shown as they are.
        fails("registry-that-makes-tea", "unknown", "$STRANGE/shop/web:1")
            .says(&["$STRANGE", "418"])
            .lasts(110),
        fails("registry-without-tls", "registry-plain-http", "$PLAIN/shop/web:1")
            .says(&["$PLAIN", "plain HTTP"])
            .lasts(45),
        fails("certificate-that-nobody-knows", "registry-certificate-untrusted", "$UNTRUSTED/shop/web:1")
            .says(&["$UNTRUSTED", "x509"])
            .lasts(45),
    ]
}

fn healing() -> Vec<Case> {
    let late = web(one(app(json!({"image": "$LATE/busy:1", "imagePullPolicy": "Always"}))));
    vec![
        Case::passes("image", "registry-down-and-back-near-miss")
            .object(late)
            .args("--patience 4")
            .at(8, Step::OpenLateRegistry)
            .needs(Need::ClusterProgram)
            .lasts(40),
        Case::passes("image", "tag-pushed-late-near-miss")
            .object(image("$REGISTRY/late:$RUN"))
            .args("--patience 4")
            .at(8, Step::Push("late:$RUN".to_owned()))
            .needs(Need::ClusterProgram)
            .lasts(40),
        Case::passes("image", "healthy-near-miss")
            .object(web(one(server(json!({"readinessProbe": ready()})))))
            .never_warns(&["no-readiness-probe", "mutable-tag"]),
        // Unreachable without a network, refused with one: never "not found", which nobody could know.
        Case::ends("image", "default-registry", 3, "timed-out", "registry-unreachable")
            .object(image("rosskukulinski/dne:v1.0.0"))
            .names("registry-unreachable")
            .timeout(25)
            .says(&["docker.io/rosskukulinski/dne:v1.0.0"])
            .needs(Need::ClusterProgram),
    ]
}

/// `--check-registry` decides between the suspects that kubelet's words leave.
fn with_the_registry_asked() -> Vec<Case> {
    let asked = |case: Case| case.args("--check-registry");
    let private = |case: Case| asked(case).needs(Need::PrivateRegistry);
    let password = crate::cluster::variable("ROLLOUT_GUARD_TEST_PRIVATE_PASSWORD").unwrap_or_default();
    let other_tag = web(json!({
        "containers": [app(json!({"image": "$PRIVATE/private/app:1.0", "imagePullPolicy": "Always"}))],
        "imagePullSecrets": [{"name": "regcred"}],
    }));
    vec![
        asked(Case::fails("image", "asked-tag-missing", "image-tag-missing"))
            .object(image("$REGISTRY/busy:1.0"))
            .says(&["$REGISTRY/busy has no tag 1.0", "Nearest tags of busy there: 1", "MANIFEST_UNKNOWN"])
            .never_says(&["Two suspects", "docker pull"])
            .lasts(60),
        asked(Case::fails("image", "asked-repository-missing", "image-repository-missing"))
            .object(image("$REGISTRY/shop/does-not-exist:v1.0.0"))
            .says(&["registry $REGISTRY has no repository shop/does-not-exist", "NAME_UNKNOWN"])
            .never_says(&["Two suspects"])
            .lasts(60),
        asked(Case::fails("image", "asked-platform-mismatch", "image-platform-mismatch"))
            .object(image("$REGISTRY/other-arch:1"))
            .says(&["$REGISTRY/other-arch:1 is built for linux/"])
            .lasts(25),
        Case::passes("image", "asked-tag-pushed-late-near-miss")
            .args("--check-registry --patience 4")
            .object(image("$REGISTRY/late:asked-$RUN"))
            .at(8, Step::Push("late:asked-$RUN".to_owned()))
            .needs(Need::ClusterProgram)
            .lasts(40),
        private(Case::fails("image", "asked-private-without-pull-secret", "image-access-denied"))
            .logged_in()
            .object(private_image(&[]))
            .says(&[
                "$PRIVATE/private/app:1 exists, and registry $PRIVATE gives it to nobody without credentials",
                "kubectl -n $NS create secret docker-registry",
            ])
            .never_says(&["Two suspects"])
            .lasts(100),
        private(Case::fails("image", "asked-private-by-a-stranger", "image-access-denied"))
            .object(private_image(&[]))
            .says(&["docker login $PRIVATE", "401 UNAUTHORIZED"])
            .never_says(&["docker pull"])
            .lasts(100),
        private(Case::fails("image", "asked-with-wrong-pull-secret", "image-pull-secret-rejected"))
            .logged_in()
            .before(pull_secret("regcred", crate::manifest::SECRET_VALUE))
            .object(private_image(&["regcred"]))
            .says(&["registry $PRIVATE rejects the credentials of pull secret regcred, and image"])
            .lasts(100),
        private(Case::fails("image", "asked-with-pull-secret-tag-missing", "image-tag-missing"))
            .before(pull_secret("regcred", &password))
            .object(other_tag)
            .says(&["$PRIVATE/private/app has no tag 1.0", "Nearest tags of private/app there: 1"])
            .never_says(&["Two suspects"])
            .lasts(60),
    ]
}
